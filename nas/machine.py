"""What this machine has, and what is asked of it: devices, cores, and the environment of the processes started here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nas.errors import UsageError

#: the device that is chosen for the user: the first of cuda, mps and cpu that is here
AUTO = "auto"
#: its order
PREFERRED = ("cuda", "mps", "cpu")
#: cores up to which a search, and a training that a command begins, computes in one thread unless told otherwise: small
#: kernels gain little from a second thread, and lose many times that where other work keeps that thread waiting
FEW_CORES = 4
#: how threads of OpenMP wait: asleep, so that those that wait take no core from those that work
PASSIVE = ("OMP_WAIT_POLICY", "PASSIVE")
#: of the Windows API: the right to ask about a process, the error of a process that may not be asked about, and the
#: exit code of one that has not ended
_MAY_ASK, _ACCESS_DENIED, _STILL_ACTIVE = 0x1000, 5, 259


def devices() -> list[str]:
    """The devices of this machine on which networks run here, by the names that torch takes; the CPU first."""
    import torch

    found = ["cpu"]
    if torch.cuda.is_available():
        found += ["cuda", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


def check_device(name: str) -> str:
    """Refuse a device that is not here.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:N``, ``mps``, or ``auto`` for the first of cuda, mps and cpu that is here.

    Returns:
        The device, never ``auto``.

    Raises:
        UsageError: There is no such device, or it is not here; the message lists those that are.
    """
    if name == "cpu":
        return name
    here = devices()
    if name == AUTO:
        return next(device for device in PREFERRED if device in here)
    if name in here:
        return name
    known = "is not on this machine" if re.fullmatch(r"cuda(:\d+)?|mps", name) else "is not one that networks run on"
    raise UsageError(f"device {name!r} {known}; devices here: {', '.join(here)} (or auto)")


def cores() -> int:
    """Processor cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def process_exists(number: int) -> bool:
    """Whether a process of this machine has this number, whoever started it."""
    if not 0 < number < 2**31:
        return False
    if os.name == "nt":  # where signal 0 is Ctrl-C, so that asking would interrupt
        return _exists_on_windows(number)
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is another user's
    return True


def _exists_on_windows(number: int) -> bool:
    import ctypes

    system: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    system.OpenProcess.restype = ctypes.c_void_p
    process = system.OpenProcess(_MAY_ASK, False, number)
    if not process:
        denied: bool = ctypes.get_last_error() == _ACCESS_DENIED  # type: ignore[attr-defined]
        return denied
    code = ctypes.c_ulong()
    told = system.GetExitCodeProcess(ctypes.c_void_p(process), ctypes.byref(code))
    system.CloseHandle(ctypes.c_void_p(process))
    return not told or code.value == _STILL_ACTIVE


def usual_threads(wanted: int, available: int, environment: Mapping[str, str]) -> int:
    """CPU threads of torch for the steps of a search or training.

    Args:
        wanted: What the settings say; 0 leaves the choice to this function.
        available: Cores.
        environment: Where ``OMP_NUM_THREADS`` may say what the user wants of every program.

    Returns:
        Threads; 0 leaves torch's own choice.
    """
    if wanted or "OMP_NUM_THREADS" in environment:
        return wanted
    return 1 if available <= FEW_CORES else 0


def child_environment(**more: str) -> dict[str, str]:
    """The environment for a process that is started here, with ``more`` variables; what the user has set stays."""
    return {PASSIVE[0]: PASSIVE[1], **os.environ, **more}


@contextmanager
def starting_processes() -> Iterator[None]:
    """For the time of a block that starts processes by other means than a command: they inherit this environment."""
    before = os.environ.get(PASSIVE[0])
    os.environ.setdefault(*PASSIVE)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(PASSIVE[0], None)
