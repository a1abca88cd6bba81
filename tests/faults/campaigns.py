"""The campaigns of faults, and how many tries each takes in its full and in its short form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults import bad_input, documents, evil_names, full_disk, hostile, interruptions, kills, load, locks
from tests.faults.tally import Tallies


@dataclass(frozen=True)
class Campaign:
    """One kind of faults.

    Attributes:
        run: Takes a scratch folder, the number of tries and a seed.
        full: Tries of ``make faults``.
        short: Tries of the test.
    """

    run: Callable[[Path, int, int], Tallies]
    full: int
    short: int


#: the whole table takes about two hours of one core; the load alone ten minutes
CAMPAIGNS = {
    "signals": Campaign(interruptions.campaign, 450, 2),
    "kills": Campaign(kills.campaign, 300, 3),
    "locks": Campaign(locks.campaign, 40, 1),
    "full disk": Campaign(full_disk.campaign, 120, 1),
    "documents": Campaign(documents.campaign, 28_000, 260),
    "bad input": Campaign(bad_input.campaign, 2000, 5),
    "hostile files": Campaign(hostile.campaign, 1000, 3),
    "names": Campaign(evil_names.campaign, 1000, 4),
    "load": Campaign(load.campaign, 20, 1),
}
