"""Whether this machine and this installation are fit for searches: what is there, what is wrong, and how to mend it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nas.errors import NasError
from nas.files import locked, replacing, write_text
from nas.machine import AUTO, FEW_CORES, check_device, cores
from nas.versions import package_version

#: bytes below which no run fits on a disk, and below which a long one may not
TOO_LITTLE, LITTLE = 100 * 2**20, 2 * 2**30
#: seconds by which the clocks of a file server and of this machine may differ
CLOCKS_APART = 5.0
#: the oldest Python that is served, and the first that nobody has tried
PYTHONS = (3, 11), (3, 15)
OK, NOTE, BROKEN = "ok", "note", "BROKEN"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What it is, e.g. "torch".
        text: What was found; for all but ``ok`` it ends with what to do.
        state: ``ok``, ``note`` (works, but could be better) or ``BROKEN``.
    """

    name: str
    text: str
    state: str = OK

    def __str__(self) -> str:
        """The finding as a line."""
        return f"{self.state:6}  {self.name}: {self.text}"


def examine(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Look at everything; a check that fails itself is a finding too.

    Args:
        folder: Where runs are to lie, or would: it need not exist.
        environment: The environment variables; those of this process by default.
    """
    environment = os.environ if environment is None else environment
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("python", lambda: iter([check_python(sys.version_info[:3])])),
        ("packages", lambda: iter([check_packages()])),
        ("entry points", lambda: iter([check_entry_points()])),
        ("torch", lambda: iter([check_torch()])),
        ("device", lambda: iter([check_gpu()])),
        ("threads", lambda: iter([check_threads(cores(), environment)])),
        ("load", lambda: iter([check_load()])),
        ("images", lambda: iter([check_images()])),
        ("folder", lambda: check_folder(folder)),
        ("temporary files", lambda: check_folder(Path(tempfile.gettempdir()), "temporary files")),
        ("extras", lambda: iter([check_extras()])),
        ("gates", lambda: iter([check_gates()])),
    )
    for name, check in checks:
        try:
            yield from check()
        except Exception as error:  # whatever a broken installation raises is what is looked for
            words = " ".join(str(error).split())[:300]
            yield Finding(name, f"{type(error).__name__}: {words}; install jsnas and its dependencies again", BROKEN)


def check_python(found: tuple[int, ...]) -> Finding:
    """The version of Python."""
    text = f"{'.'.join(map(str, found))} ({platform.system()} {platform.machine()})"
    if found < PYTHONS[0]:
        return Finding("python", f"{text}; jsnas needs 3.11 or newer", BROKEN)
    if found >= PYTHONS[1]:
        return Finding("python", f"{text} is newer than those that jsnas is tested with (3.11 to 3.14)", NOTE)
    return Finding("python", text)


def check_packages() -> Finding:
    """The versions of what jsnas needs, against what it says that it needs."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return Finding("packages", "cannot be compared; install packaging", NOTE)
    wrong, shown = [], []
    try:
        wanted = importlib.metadata.requires("jsnas") or []
    except importlib.metadata.PackageNotFoundError:
        return Finding("packages", "jsnas runs from a folder and is not installed; use pip install -e .", BROKEN)
    for requirement in map(Requirement, wanted):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} is {found}, not {requirement.specifier}")
        shown.append(f"{requirement.name} {found}")
    if wrong:
        return Finding("packages", f"{'; '.join(wrong)}; run pip install -c constraints.txt jsnas", BROKEN)
    return Finding("packages", f"jsnas {package_version()} with {', '.join(shown)}")


def check_entry_points() -> Finding:
    """Whether all that is registered by name can be imported."""
    from nas.registry import BASELINES, ESTIMATORS, STRATEGIES, TASKS

    failed, count = [], 0
    for registry in (TASKS, STRATEGIES, ESTIMATORS, BASELINES):
        for name in registry.names():
            count += 1
            try:
                registry.get(name)
            except Exception as error:
                failed.append(f"{name} ({' '.join(str(error).split())[:120]})")
    if failed:
        return Finding("entry points", f"{', '.join(failed)} cannot be used; install their package again", BROKEN)
    return Finding("entry points", f"{count} tasks, strategies, estimators and models")


def check_torch() -> Finding:
    """Which torch this is, and whether it computes rightly on the CPU."""
    import torch

    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU alone"
    text = f"{torch.__version__} ({build}; {_computes('cpu')})"
    wrong = not _right("cpu")
    return (
        Finding("torch", f"{text} computes wrongly; install torch again", BROKEN) if wrong else Finding("torch", text)
    )


def _computes(device: str) -> str:
    """The libraries or the device that torch computes with."""
    import torch

    if device != "cpu":
        return str(torch.cuda.get_device_name(device)) if device.startswith("cuda") else device
    onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    libraries = {"MKL": torch.backends.mkl.is_available(), "oneDNN": onednn}  # type: ignore[no-untyped-call]
    return ", ".join(name for name, there in libraries.items() if there) or "no MKL, no oneDNN"


def _right(device: str) -> bool:
    """Whether a convolution of whole numbers, and its gradient, are what they must be."""
    import torch

    image = torch.arange(36.0, device=device).reshape(1, 1, 6, 6).requires_grad_()
    result = torch.nn.functional.conv2d(image, torch.ones(1, 1, 3, 3, device=device))
    (gradient,) = torch.autograd.grad(result.sum(), image)
    return bool(result[0, 0, 0, 0] == 63) and bool(result[0, 0, 3, 3] == 252) and bool(gradient[0, 0, 2, 2] == 9)


def check_gpu() -> Finding:
    """Which device ``auto`` is, and whether a GPU of this machine is used."""
    import torch

    device = check_device(AUTO)
    if device != "cpu":
        return (
            Finding("device", f"{device} ({_computes(device)})")
            if _right(device)
            else Finding("device", f"{device} computes wrongly; update its driver, or use --device cpu", BROKEN)
        )
    if shutil.which("nvidia-smi") and not torch.cuda.is_available():
        why = "this torch is built for the CPU alone: install one with CUDA"
        if torch.version.cuda:
            why = f"this torch (CUDA {torch.version.cuda}) cannot use it: update the driver, or install another torch"
        return Finding("device", f"cpu, although nvidia-smi is here; {why}", NOTE)
    return Finding("device", "cpu")


def check_threads(available: int, environment: Mapping[str, str]) -> Finding:
    """How many threads torch uses of how many cores."""
    import torch

    used = torch.get_num_threads()
    text = f"torch uses {used} of {available} cores"
    if used > available:
        return Finding("threads", f"{text}: they wait for one another; set OMP_NUM_THREADS={available} or less", NOTE)
    if used > 1 and available <= FEW_CORES and "OMP_NUM_THREADS" not in environment:
        return Finding("threads", f"{text}; searches take one here unless --threads says otherwise")
    return Finding("threads", text)


def check_load() -> Finding:
    """How busy the machine is, where that is known."""
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):  # not on every system
        return Finding("load", "unknown on this system")
    text = f"{load:.1f} processes at work on {cores()} cores"
    busy = load > cores() + 1
    return Finding("load", f"{text}: measured times will be too long; wait", NOTE) if busy else Finding("load", text)


def check_images() -> Finding:
    """Whether the image libraries write and read back what they are given: PNG of 8 and 16 bits."""
    import numpy as np

    from nas.images import read_image, write_image

    wanted = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.png"
        write_image(file, wanted)
        if not np.array_equal(read_image(file), wanted):
            return Finding(
                "images", "a PNG is not read as it was written; install opencv-python-headless again", BROKEN
            )
    return Finding("images", "PNG is read as it was written")


def check_folder(folder: Path, name: str = "folder") -> Iterator[Finding]:
    """Space, write access, locks and clock of the file system of a folder; of the nearest one that exists."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"{free / 2**30:.1f} GiB free in {str(folder)!r}"
    if free < TOO_LITTLE:
        yield Finding(name, f"{text}: too little for a run; free some, or choose another folder", BROKEN)
    else:
        little = f"{text}: little for long runs; free some, or choose another folder"
        yield Finding(name, little, NOTE) if free < LITTLE else Finding(name, text)
    mark = folder / f".nas-doctor-{os.getpid()}"
    try:
        before = time.time()
        write_text(mark, "x", durable=True)
        stamp, after = mark.stat().st_mtime, time.time()
        with replacing(mark) as partial:
            partial.write_text("y")
        yield _locks(mark, name)
    except (NasError, OSError) as error:
        yield Finding(name, f"{str(folder)!r} cannot be written to ({error}); choose another folder", BROKEN)
        return
    finally:
        mark.unlink(missing_ok=True)
        mark.with_name(f".{mark.name}.lock").unlink(missing_ok=True)
    apart = max(before - stamp, stamp - after, 0.0)
    if apart > CLOCKS_APART:
        yield Finding(name, f"its clock is {apart:.0f} s away from that of this machine; set both by NTP", NOTE)
    elif before < 1.7e9 or after < before:
        yield Finding("clock", f"says {time.strftime('%Y-%m-%d', time.localtime(before))}; set it", BROKEN)


def _locks(mark: Path, name: str) -> Finding:
    try:
        with locked(mark):
            return Finding(name, "can be written to, renamed in and locked")
    except NasError:
        return Finding(
            name, "can be written to, but knows no locks: give several processes a folder on another file system", NOTE
        )


def check_extras() -> Finding:
    """Which optional parts are installed whole."""
    from packaging.requirements import Requirement

    wanted = [Requirement(text) for text in importlib.metadata.requires("jsnas") or []]
    there: list[str] = []
    absent: list[str] = []
    for name in importlib.metadata.metadata("jsnas").get_all("Provides-Extra") or []:
        needed = [r.name for r in wanted if r.marker is not None and r.marker.evaluate({"extra": name})]
        (there if needed and all(map(_is_installed, needed)) else absent).append(name)
    text = f"installed: {', '.join(there) or 'none'}"
    if absent:
        text += f"; not installed: {', '.join(absent)} (pip install 'jsnas[NAME]' where you need one)"
    return Finding("extras", text)


def check_gates() -> Finding:
    """In which form a search computes the gates of its supernet here; compiles them if they are to be compiled."""
    from nas.supernet.form import choose
    from nas.supernet.fused.native.build import obstacle

    form = choose("auto", True, "cpu", False)
    broken = not form.native and obstacle() is None
    return Finding("gates", f"searches are {form.words}", NOTE if broken else OK)


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
