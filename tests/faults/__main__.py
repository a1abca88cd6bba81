"""All campaigns of faults, or some: prints one table of what was tried, survived and lost; exit code 1 if anything was.

python -m tests.faults [--short] [--only NAME] [--tries N] [--seed N] [--out results/faults.md]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.campaigns import CAMPAIGNS
from tests.faults.forks import preload
from tests.faults.record import record
from tests.faults.tally import Tallies, table


def main() -> None:
    """Run the campaigns that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few tries of each, as the suite of tests does")
    parser.add_argument("--only", action="append", choices=list(CAMPAIGNS), help="a campaign; may be repeated")
    parser.add_argument("--tries", type=int, help="tries of each campaign; each has its own number by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="page whose table is to be brought up to date")
    given = parser.parse_args()
    preload()
    found: dict[str, Tallies] = {}
    load, started = os.getloadavg()[0], time.monotonic()
    for name in given.only or CAMPAIGNS:
        campaign = CAMPAIGNS[name]
        tries = given.tries or (campaign.short if given.short else campaign.full)
        before = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="nas-faults-") as folder:
            found[name] = campaign.run(Path(folder), tries, given.seed)
        sys.stderr.write(f"{name}: {time.monotonic() - before:.0f} s\n")
        sys.stderr.flush()
    sys.stdout.write(table(found, details=not given.short))
    if given.out is not None:
        record(given.out, found, (time.monotonic() - started) / 60, (load + os.getloadavg()[0]) / 2)
    sys.exit(any(tally.lost for tallies in found.values() for tally in tallies.values()))


if __name__ == "__main__":
    main()
