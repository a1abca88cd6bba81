"""Building the compiled loops on the user's machine: found, built and kept in the cache of torch's extensions.

The library uses nothing of torch, so it is compiled in seconds, serves every version of torch, and any C++ compiler
will do. ``jsnas[native]`` asks for it: that extra brings ninja, which runs the compiler on both sources at once.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from nas.errors import NasError
from nas.files import locked

#: what is compiled, beside this file
SOURCES = ("gates.cpp", "statistics.cpp")
HEADERS = ("lanes.h",)
#: compilers that are looked for where the variable CXX names none
COMPILERS = ("c++", "g++", "clang++")
#: sums are not reordered and NaN is kept (no -ffast-math): values must not depend on what the compiler thinks of
FLAGS = ("-std=c++17", "-O3", "-fPIC", "-fno-math-errno", "-pthread")


def obstacle(environment: Mapping[str, str] | None = None) -> str | None:
    """Why nothing can be compiled here, in words that may stand in brackets; None if it can.

    Args:
        environment: The environment variables; those of this process by default.
    """
    try:
        importlib.metadata.version("ninja")
    except importlib.metadata.PackageNotFoundError:
        return "pip install 'jsnas[native]' for compiled ones"
    if sys.platform == "win32":
        return "compiled ones are not made on Windows"
    found = compiler(os.environ if environment is None else environment)
    return None if found else "no C++ compiler found: install g++ or clang, or name one in CXX"


def compiler(environment: Mapping[str, str]) -> str | None:
    """The path of the C++ compiler that the variable CXX names, or else of the first that is found."""
    named = environment.get("CXX")
    names = [named] if named else COMPILERS
    return next((path for path in map(shutil.which, names) if path), None)


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What the processor can do: a library that was compiled for another one may not run on it."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    known = sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    return "\n".join([platform.system(), platform.machine(), platform.processor(), *known])


def cache(environment: Mapping[str, str]) -> Path:
    """The folder of torch's compiled extensions: TORCH_EXTENSIONS_DIR, or torch_extensions in the user's cache."""
    given = environment.get("TORCH_EXTENSIONS_DIR")
    if given:
        return Path(given)
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "torch_extensions"


def built(environment: Mapping[str, str] | None = None) -> Path:
    """The library, compiled if it is not there yet; of several processes one compiles and the others wait for it.

    Args:
        environment: The environment variables; those of this process by default.

    Returns:
        The file, whose folder is named by sources, flags, compiler and processor.

    Raises:
        NasError: It cannot be compiled; the message has the first line of what the compiler said.
    """
    environment = os.environ if environment is None else environment
    reason = obstacle(environment)
    if reason is not None:
        raise NasError(f"gates cannot be compiled ({reason})")
    path = compiler(environment)
    assert path is not None
    here = Path(__file__).parent
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    texts = [
        *((here / name).read_text(encoding="utf-8") for name in (*SOURCES, *HEADERS)),
        *FLAGS,
        version,
        processor(),
    ]
    key = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    folder = cache(environment) / "jsnas_gates"
    library = folder / f"{key}.so"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(library):
            if not library.is_file():
                _compile(path, here, library)
    except OSError as error:
        raise NasError(
            f"the compiled gates cannot be kept in {str(folder)!r} ({error}); set TORCH_EXTENSIONS_DIR"
        ) from None
    return library


def _compile(path: str, here: Path, library: Path) -> None:
    own = "-march=native" if platform.machine() in ("x86_64", "AMD64") else "-mcpu=native"
    flags = " ".join((*FLAGS, own))
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=".building-") as folder:
        rules = [
            f"rule compile\n  command = {_quoted(path)} {flags} -c $in -o $out",
            f"rule link\n  command = {_quoted(path)} {flags} -shared $in -o $out",
            *(f"build {Path(name).stem}.o: compile {_escaped(here / name)}" for name in SOURCES),
            f"build gates.so: link {' '.join(Path(name).stem + '.o' for name in SOURCES)}",
        ]
        (Path(folder) / "build.ninja").write_text("\n".join(rules) + "\n", encoding="utf-8")
        done = subprocess.run([sys.executable, "-m", "ninja"], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            said = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
            first = next((line for line in said if "error" in line.lower()), said[-1] if said else "no message")
            raise NasError(
                f"the compiler {path!r} cannot make the gates ({first[:300]}); name another one in CXX, or search with "
                "--set search.native=false"
            )
        (Path(folder) / "gates.so").replace(library)


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''").replace("$", "$$") + "'"


def _escaped(path: Path) -> str:
    return str(path).replace("$", "$$").replace(" ", "$ ").replace(":", "$:")


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """The library of this process.

    Raises:
        NasError: It cannot be compiled or loaded.
    """
    file = built()
    try:
        return ctypes.CDLL(str(file))
    except OSError as error:
        raise NasError(f"the compiled gates in {str(file)!r} cannot be loaded ({error}); remove that file") from None


@lru_cache(maxsize=16)
def function_of(name: str) -> Callable[..., None]:
    """A function of the library; its one argument is an array of 64-bit integers."""
    function = library()[name]
    function.restype = None
    return function
