"""The table of a campaign as Markdown and CSV, from its statistics alone."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from nas.statistics import sentences as wording

HEADS = (
    "arm",
    "varied",
    "n",
    "PSNR dB",
    "SD",
    "95 % interval",
    "minus {reference}",
    "parameters",
    "Multi-Adds G",
    "search",
    "CPU s of a search",
    "gap dB",
    "agreement",
)


def as_markdown(statistics: Mapping[str, Any]) -> str:
    """Title, table, conclusions, and how it was made."""
    lines = [
        f"# {statistics['title']}: {statistics['space']} on {statistics['task']}",
        "",
        f"PSNR of the genotypes found, each trained from scratch for {statistics['retrain_steps']} steps, on "
        f"{statistics['validation_images']} held-out images ({statistics['protocol']}); seeds "
        f"{', '.join(map(str, statistics['seeds']))}. No benchmark set selects anything.",
        "",
        *_table(heads(statistics), _lines(statistics)),
        "",
        *(f"- {sentence}" for sentence in statistics["conclusions"]),
    ]
    if statistics["sets"]:
        lines += ["", "On the benchmark sets, measured once at the end:", "", *_sets(statistics["sets"])]
    lines += ["", _made(statistics)]
    lines += [f"Note: {note}" for note in statistics["notes"]]
    return "\n".join(lines) + "\n"


def as_csv(statistics: Mapping[str, Any]) -> str:
    """One line an arm, full precision."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        [
            "arm",
            "factor",
            "level",
            "n",
            "psnr",
            "sd",
            "low",
            "high",
            "difference",
            "difference_low",
            "difference_high",
            "difference_level",
            "parameters",
            "multiply_adds",
            "steps",
            "trials",
            "budget_seconds",
            "budget_multiply_adds",
            "search_seconds",
            "train_seconds",
            "gap",
            "agreement",
            "chance",
        ]
    )
    for variant in statistics["arms"]:
        psnr, found = variant["psnr"], _comparison(statistics, variant["name"]) or {}
        writer.writerow(
            "" if v is None else v
            for v in (
                variant["name"],
                variant["factor"],
                variant["level"],
                psnr["n"],
                psnr["mean"],
                psnr["sd"],
                psnr["low"],
                psnr["high"],
                found.get("difference"),
                found.get("low"),
                found.get("high"),
                found.get("level"),
                variant["parameters"],
                variant["multiply_adds"],
                variant["steps"],
                variant["trials"],
                variant["budget_seconds"],
                variant["budget_multiply_adds"],
                _mean(variant["search_seconds"]),
                _mean(variant["train_seconds"]),
                _mean(variant["gap"]),
                variant["agreement"]["share"],
                variant["agreement"]["chance"],
            )
        )
    return file.getvalue()


def heads(statistics: Mapping[str, Any]) -> list[str]:
    """The columns, the one of the differences named after the reference or left out."""
    reference = statistics["reference"]
    return [h.format(reference=reference) for h in HEADS if reference or "{reference}" not in h]


def _lines(statistics: Mapping[str, Any]) -> list[list[str]]:
    """The cells of each arm, in the order of ``heads``."""
    lines = []
    for variant in statistics["arms"]:
        psnr = variant["psnr"]
        found = _comparison(statistics, variant["name"])
        line = [
            variant["name"],
            f"{variant['factor']}: {variant['level']}",
            str(psnr["n"]),
            f"{psnr['mean']:.3f}",
            _number(psnr["sd"], ".3f"),
            _interval(psnr, ".3f"),
        ]
        if statistics["reference"]:
            interval = _interval(found, "+.3f") or "no interval" if found is not None else ""
            line.append("" if found is None else f"{found['difference']:+.3f} ({interval})")
        share = variant["agreement"]["share"]
        amount = f"{variant['steps']} steps" if variant["steps"] else f"{variant['trials']} trials"
        if variant["trial_steps"]:
            amount += f" of {variant['trial_steps']} steps"
        line += [
            f"{variant['parameters']:,.0f}",
            f"{variant['multiply_adds'] / 1e9:.2f}",
            amount,
            _number(_mean(variant["search_seconds"]), ".0f"),
            _number(_mean(variant["gap"]), ".2f"),
            "" if share is None else f"{share:.0%} (chance {variant['agreement']['chance']:.0%})",
        ]
        lines.append(line)
    return lines


def _made(statistics: Mapping[str, Any]) -> str:
    budgets = [a["budget_seconds"] for a in statistics["arms"] if a["budget_seconds"]]
    text = "Intervals of means are Student's; of differences Welch's"
    if statistics["comparisons"]:
        text += f", {wording.percent(statistics['comparisons'][0]['welch']['level'])} each"
    if budgets:
        text += (
            f". Budget of one search: {min(budgets):.3g} to {max(budgets):.3g} CPU seconds by steps timed beforehand "
            "on this machine; what each really took stands in the table"
        )
        known = {a["name"]: a["budget_multiply_adds"] for a in statistics["arms"] if a["budget_multiply_adds"]}
        work = ", ".join(f"{name} {value / 1e12:.3g}" for name, value in known.items())
        text += f". The same in tera multiply-adds, forward and backward: {work}" if work else ""
    return text + "."


def _sets(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    return _table(
        ("set", "arm", "n", "PSNR dB", "SD", "95 % interval"),
        [
            [
                e["set"],
                e["arm"],
                str(e["psnr"]["n"]),
                f"{e['psnr']['mean']:.3f}",
                _number(e["psnr"]["sd"], ".3f"),
                _interval(e["psnr"], ".3f"),
            ]
            for e in entries
        ],
    )


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    rows = [list(head), ["---"] * len(head), *[list(line) for line in lines]]
    return ["| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows]


def _comparison(statistics: Mapping[str, Any], variant: str) -> dict[str, Any] | None:
    return next((c["welch"] for c in statistics["comparisons"] if c["arm"] == variant), None)


def _interval(found: Mapping[str, Any], form: str) -> str:
    return "" if found["low"] is None else f"{found['low']:{form}} to {found['high']:{form}}"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def _mean(found: Mapping[str, Any] | None) -> float | None:
    return None if found is None else found["mean"]
