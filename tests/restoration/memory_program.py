"""Restores a photograph in a process of its own, and prints the most memory that it held (bytes)."""

from __future__ import annotations

import resource
import sys

from nas.restoration.files import restore_files
from tests.restoration.networks import Enlarger

if __name__ == "__main__":
    done = restore_files(Enlarger(), [sys.argv[1]], sys.argv[2])
    assert not done.failures, done.failures
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)  # noqa: T201
