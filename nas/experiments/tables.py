"""The table of an experiment as Markdown, from its statistics alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nas.experiments.frames import comparison_of, mean_of
from nas.statistics import sentences as wording
from nas.statistics.by_seed import SEPARATE

HEADINGS = (
    "variant",
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


def experiment_markdown(statistics: Mapping[str, Any]) -> str:
    """Title, table, conclusions and how the experiment was made.

    Args:
        statistics: Content of the ``statistics.json`` of an experiment.

    Returns:
        The text of ``table.md``.
    """
    lines = [
        f"# {statistics['title']}: {statistics['space']} on {statistics['task']}",
        "",
        f"PSNR of the genotypes found, each trained from scratch for {statistics['retrain_steps']} steps, on "
        f"{statistics['validation_images']} held-out images ({statistics['protocol']}); seeds "
        f"{', '.join(map(str, statistics['seeds']))}. Benchmark sets select nothing.",
        "",
        *_pipe_table(_headings(statistics), _cells(statistics)),
        "",
        *(f"- {sentence}" for sentence in statistics["conclusions"]),
    ]
    if statistics["sets"]:
        lines += ["", "On the benchmark sets, measured once at the end:", "", *_sets(statistics["sets"])]
    lines += ["", _how_made(statistics)]
    lines += [f"Note: {note}" for note in statistics["notes"]]
    return "\n".join(lines) + "\n"


def _headings(statistics: Mapping[str, Any]) -> list[str]:
    """The column headings; that of the differences names the reference, and is left out where there is none."""
    reference = statistics["reference"]
    return [h.format(reference=reference) for h in HEADINGS if reference or "{reference}" not in h]


def _cells(statistics: Mapping[str, Any]) -> list[list[str]]:
    """The cells of each variant, in the order of ``_headings``."""
    lines = []
    for variant in statistics["arms"]:
        psnr = variant["psnr"]
        found = comparison_of(statistics, variant["name"])
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
            _number(mean_of(variant["search_seconds"]), ".0f"),
            _number(mean_of(variant["gap"]), ".2f"),
            "" if share is None else f"{share:.0%} (chance {variant['agreement']['chance']:.0%})",
        ]
        lines.append(line)
    return lines


def _how_made(statistics: Mapping[str, Any]) -> str:
    """How intervals and budgets were computed."""
    budgets = [a["budget_seconds"] for a in statistics["arms"] if a["budget_seconds"]]
    models = dict.fromkeys(c.get("model", SEPARATE) for c in statistics["comparisons"])
    text = "Intervals of means are Student's"
    if models:
        text += f"; differences: {' and '.join(models)}"
        text += f", {wording.percent(statistics['comparisons'][0]['welch']['level'])} each"
    if budgets:
        text += (
            f". Budget of one search: {min(budgets):.3g} to {max(budgets):.3g} CPU seconds, estimated from steps timed "
            "beforehand on this machine; the table shows what each search really took"
        )
        known = {a["name"]: a["budget_multiply_adds"] for a in statistics["arms"] if a["budget_multiply_adds"]}
        work = ", ".join(f"{name} {value / 1e12:.3g}" for name, value in known.items())
        text += f". In tera multiply-adds, forward and backward: {work}" if work else ""
    return text + "."


def _sets(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    return _pipe_table(
        ("set", "variant", "n", "PSNR dB", "SD", "95 % interval"),
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


def _pipe_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    rows = [list(head), ["---"] * len(head), *[list(line) for line in lines]]
    return ["| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows]


def _interval(found: Mapping[str, Any], form: str) -> str:
    return "" if found["low"] is None else f"{found['low']:{form}} to {found['high']:{form}}"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"
