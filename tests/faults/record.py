"""The table of results/faults.md: the rows of the campaigns that were run take the place of their earlier ones."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Mapping
from pathlib import Path

from nas.files import write_text
from nas.machine import cores
from tests.faults.tally import Tallies, Tally

BEGIN, END = "<!-- table: python -m tests.faults --out results/faults.md -->", "<!-- end of the table -->"
HEAD = "| campaign | fault | tried | survived | lost | when and how |\n|---|---|---:|---:|---:|---|\n"


def record(page: Path, found: Mapping[str, Tallies], minutes: float, load: float) -> None:
    """Bring the table of a page up to date.

    Args:
        page: The page; its table stands between two comments.
        found: What was tried.
        minutes: Wall time of all of it.
        load: Load of the machine meanwhile.
    """
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    rows = [line for line in old.splitlines() if line.startswith("| ") and not line.startswith(("| campaign", "| all"))]
    rows = [row for row in rows if row.split("|")[1].strip() not in found]
    machine = f"{cores()} cores ({platform.machine()}), load {load:.0f}"
    how = f"{time.strftime('%Y-%m-%d')}, {machine}, {minutes:.0f} min in all"
    for campaign, tallies in found.items():
        rows += [_row(campaign, name, tally, how) for name, tally in tallies.items()]
    numbers = [[int(n) for n in re.findall(r"\| (\d+) (?=\|)", row)[-3:]] for row in rows]
    tried, survived, lost = (sum(n[i] for n in numbers) for i in range(3))
    rows.append(f"| all | | {tried} | {survived} | {lost} | |")
    write_text(page, f"{before}{BEGIN}\n\n{HEAD}" + "\n".join(rows) + f"\n\n{END}{after}")


def _row(campaign: str, name: str, tally: Tally, how: str) -> str:
    lost = len(tally.lost)
    return f"| {campaign} | {name} | {tally.tried} | {tally.tried - lost} | {lost} | {how} |"
