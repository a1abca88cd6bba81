"""jsnas: search, train, evaluate and compare lightweight networks for image restoration.

The names below are imported when they are first used, so ``import nas`` costs no import of torch::

    space = nas.load_space("jsm")
    nas.metrics.psnr(a, b, luma=True, border=2)
    rows = nas.evaluate(["bicubic"], "sr_x2", ["Set5"], data="benchmarks")
    nas.frame(rows, nas.load_published("sr_x2")).pivot_table(index="model", columns="set", values="psnr")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.engines.derive import derive as derive
    from nas.engines.search import search as search
    from nas.evaluation import metrics as metrics
    from nas.evaluation.frames import frame as frame
    from nas.evaluation.harness import evaluate as evaluate
    from nas.images.resize import imresize as imresize
    from nas.report.drawing import draw as draw
    from nas.report.published import load_published as load_published
    from nas.report.run_folder import read_run as load_run
    from nas.restoration.image import restore as restore
    from nas.space import Genotype as Genotype
    from nas.space import Space as Space
    from nas.space import load_space as load_space
    from nas.train.cost import cost as cost
    from nas.train.loading import load as load
    from nas.train.retrain import retrain as retrain

    __version__: str

#: public name -> (module, attribute); without attribute the module itself is meant
_PUBLIC: dict[str, tuple[str, str | None]] = {
    "Genotype": ("nas.space", "Genotype"),
    "Space": ("nas.space", "Space"),
    "cost": ("nas.train.cost", "cost"),
    "derive": ("nas.engines.derive", "derive"),
    "draw": ("nas.report.drawing", "draw"),
    "evaluate": ("nas.evaluation.harness", "evaluate"),
    "frame": ("nas.evaluation.frames", "frame"),
    "imresize": ("nas.images.resize", "imresize"),
    "load": ("nas.train.loading", "load"),
    "load_published": ("nas.report.published", "load_published"),
    "load_run": ("nas.report.run_folder", "read_run"),
    "load_space": ("nas.space", "load_space"),
    "metrics": ("nas.evaluation.metrics", None),
    "restore": ("nas.restoration.image", "restore"),
    "retrain": ("nas.train.retrain", "retrain"),
    "search": ("nas.engines.search", "search"),
}

__all__ = [
    "Genotype",
    "Space",
    "__version__",
    "cost",
    "derive",
    "draw",
    "evaluate",
    "frame",
    "imresize",
    "load",
    "load_published",
    "load_run",
    "load_space",
    "metrics",
    "restore",
    "retrain",
    "search",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version  # 40 ms that nas --help need not wait for

        try:
            value: Any = version("jsnas")
        except PackageNotFoundError:  # used from a source tree that was never installed
            value = "0+unknown"
    elif name in _PUBLIC:
        module, attribute = _PUBLIC[name]
        value = import_module(module)
        if attribute is not None:
            value = getattr(value, attribute)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
