"""What the folder of a tabular benchmark says: how far it is, its noise, what was played on it, as text and tables."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nas.errors import NasError
from nas.estimators.table_recipe import GENOTYPES, RECIPE, RUNS
from nas.estimators.table_values import StoredTable
from nas.report.run_folder import attempt
from nas.statistics.intervals import kendall
from nas.statistics.sentences import correlation
from nas.statistics.two_way import two_way_components

Row = dict[str, str]
#: files that commands leave beside a table
STRATEGIES_FILE, CURVES_FILE, RANKINGS_FILE = "strategies.csv", "strategies_curves.csv", "proxies_tau.csv"
#: columns that they need for that
NEEDED = {
    STRATEGIES_FILE: {
        "scenario",
        "strategy",
        "reference",
        "genotypes",
        "runs",
        "regret",
        "wins",
        "top_share",
        "volume",
    },
    CURVES_FILE: {"scenario", "strategy", "axis", "x", "mean", "low", "high"},
    RANKINGS_FILE: {"score", "n", "tau", "tau_without_size", "tau_macs"},
}
#: what the scenarios of a contest look for, in words
SCENARIOS = {
    "free": "the best PSNR, without a limit",
    "macs_p25": "the best PSNR of the quarter with the fewest multiply-adds",
    "macs_p50": "the best PSNR of the half with the fewest multiply-adds",
    "macs_p75": "the best PSNR of the three quarters with the fewest multiply-adds",
    "without_size": "the best PSNR for its size (residual of a regression on multiply-adds and parameters)",
    "front": "the front of PSNR and multiply-adds",
}


@dataclass
class TableFolder:
    """The readable parts of a table; what is absent is empty.

    Attributes:
        folder: The folder.
        table: Costs and trainings; None where they cannot be read.
        verdicts: Rows of ``strategies.csv``.
        curves: Rows of ``strategies_curves.csv``.
        rankings: Rows of ``proxies_tau.csv``.
        config: The recipe as text.
        problems: A sentence for each damaged part.
    """

    folder: Path
    table: StoredTable | None = None
    verdicts: list[Row] = field(default_factory=list)
    curves: list[Row] = field(default_factory=list)
    rankings: list[Row] = field(default_factory=list)
    config: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.resolve().name


def is_table_folder(folder: Path) -> bool:
    """Whether a folder holds a tabular benchmark."""
    return (folder / RECIPE).is_file() and (folder / GENOTYPES).is_file()


def read_table(folder: Path) -> TableFolder:
    """Read what there is in the folder of a table; damage is named in ``problems``."""
    found = TableFolder(folder, config=(folder / RECIPE).read_text(encoding="utf-8"))
    if (folder / RUNS).is_file():
        found.table = attempt(RUNS, found.problems, lambda: StoredTable.load(folder))
    found.verdicts, found.curves, found.rankings = (
        _rows(folder / name, found.problems) for name in (STRATEGIES_FILE, CURVES_FILE, RANKINGS_FILE)
    )
    return found


def _rows(path: Path, problems: list[str]) -> list[Row]:
    def read() -> list[Row]:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        missing = sorted(NEEDED[path.name] - set(rows[0] if rows else ()))
        if rows and missing:
            raise NasError(f"{path.name} has no column {missing[0]!r}; write it again with 'nas bench'")
        return rows

    return (attempt(path.name, problems, read) or []) if path.is_file() else []


def table_sentences(table: StoredTable) -> list[str]:
    """How far a table is, its noise, and how much of PSNR is size."""
    runs = [run for found in table.runs.values() for run in found]
    hours = sum(run.cpu_seconds[-1] for run in runs) / 3600
    said = [
        f"{len(table.runs)} of {len(table.costs)} genotypes trained, {len(runs)} trainings in {hours:.1f} CPU hours."
        + ("" if len(table.runs) == len(table.costs) else " The table is not complete: what follows is preliminary.")
    ]
    final = table.repeated[:, :, -1]
    if min(final.shape) >= 2:
        noise = two_way_components(final.tolist())
        said.append(
            f"Two-way (genotype + seed), n = {noise.genotypes} x {noise.seeds}: residual SD "
            f"{noise.residual_sd:.3f} dB (95 % interval {noise.residual_low:.3f} to {noise.residual_high:.3f}), "
            f"genotypes {noise.genotype_sd:.3f} dB, common movement of a seed {noise.seed_sd:.3f} dB."
        )
    elif table.runs:
        said.append("No two genotypes were trained with every seed yet, so noise cannot be told from the genotypes.")
    values = {key: table.expected(key) for key in table.runs}
    psnr = [v for v in values.values() if v is not None]
    if len(psnr) > 1:
        macs = [table.costs[key]["macs"] for key in values if values[key] is not None]
        said.append(
            f"PSNR {min(psnr):.3f} to {max(psnr):.3f} dB; with multiply-adds: {correlation(kendall(macs, psnr))}."
        )
    return said


def verdict_table(verdicts: Sequence[Row], scenario: str) -> list[str]:
    """The strategies of one scenario as a Markdown table, the smallest regret first."""
    head = ("strategy", "runs", "regret dB", "ahead of the reference", "in the top 1 %", "cost of that", "hypervolume")
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    mine = sorted((row for row in verdicts if row["scenario"] == scenario), key=lambda row: float(row["regret"]))
    for row in mine:
        wins = f"{float(row['wins']):.0%} ({float(row['wins_low']):.0%} to {float(row['wins_high']):.0%})"
        ratio = float(row["cost_ratio"])
        cells = (
            row["strategy"],
            row["runs"],
            f"{float(row['regret']):.4f} ({float(row['regret_low']):.4f} to {float(row['regret_high']):.4f})",
            "reference" if row["strategy"] == row["reference"] else wins,
            f"{float(row['top_share']):.0%}",
            "" if not 0 < ratio < float("inf") else f"{ratio:.2f}",
            f"{float(row['volume']):.3f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def ranking_table(rankings: Sequence[Row]) -> list[str]:
    """Rank correlations of scores with the table as a Markdown table."""
    head = ("score", "n", "tau with PSNR", "tau without size", "tau with multiply-adds")
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rankings:
        cells = [
            row["score"],
            row["n"],
            *(_tau(row, name) for name in ("tau", "tau_without_size")),
            _tau(row, "tau_macs"),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _tau(row: Row, name: str) -> str:
    if not row[name]:
        return "none"
    ends = [row.get(f"{name}_{end}", "") for end in ("low", "high")]
    interval = f" ({float(ends[0]):+.2f} to {float(ends[1]):+.2f})" if all(ends) else ""
    return f"{float(row[name]):+.2f}{interval}"


def contest_sections(found: TableFolder) -> list[str]:
    """What was played on a table and which scores rank it, as Markdown."""
    lines: list[str] = []
    for scenario in dict.fromkeys(row["scenario"] for row in found.verdicts):
        played = next(row["genotypes"] for row in found.verdicts if row["scenario"] == scenario)
        what = SCENARIOS.get(scenario, scenario)
        lines += ["", f"### {what[0].upper()}{what[1:]}", ""]
        lines += [f"Played on {played} genotypes.", "", *verdict_table(found.verdicts, scenario)]
    if found.rankings:
        lines += ["", "### Which scores rank the genotypes", "", *ranking_table(found.rankings)]
    return lines


def table_markdown(found: TableFolder) -> str:
    """All that a report says of a table, as Markdown."""
    said = table_sentences(found.table) if found.table is not None else ["Nothing was trained yet."]
    return "\n".join([*(f"- {sentence}" for sentence in said), *contest_sections(found)]) + "\n"
