"""The harness: models x sets -> evaluation rows, every figure made the same way.

For each image: the task degrades it (or the stored degraded file is read), ``restore`` runs the network, the
output is clamped and rounded to 8 bits, and ``score`` compares by the task's protocol; the row has the mean
over the images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO, TypeVar

import numpy as np
import torch
from torch import nn

from nas.data import is_synthetic
from nas.errors import NasError, UsageError
from nas.evaluation.inference import check_device, check_tile
from nas.evaluation.resolve import Candidate, ModelSpec, resolve
from nas.evaluation.rows import EvaluationRow, change_rows, read_rows
from nas.evaluation.runner import Options, row_name, run_cell, settle_tiles
from nas.evaluation.scoring import Score, validate
from nas.evaluation.test_sets import Cell, average_row, cells, content
from nas.models.calling import descriptor_of
from nas.profiling.costs import Costs, costs_for_task
from nas.profiling.latency import DTYPES, Latency, measure
from nas.progress import Progress
from nas.progress import progress as progress_bar
from nas.tasks import Task, get_task, with_protocol
from nas.versions import commit, package_version

__all__ = ["evaluate", "validate"]


class FailedCellsError(NasError):
    """Some cells of an evaluation failed; ``rows`` are those of the others."""

    def __init__(self, message: str, rows: list[EvaluationRow]) -> None:
        super().__init__(message)
        self.rows = rows


_T = TypeVar("_T")
#: beside saved images: which measurement they belong to
MADE_BY = ".made_by"


def evaluate(
    models: ModelSpec | nn.Module | Sequence[ModelSpec | nn.Module],
    task: str | Task,
    sets: str | Sequence[str] | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    *,
    ensemble: bool = False,
    protocol: str | None = None,
    tile: int | str | None = "auto",
    overlap: int = 32,
    memory: int | None = None,
    save_images: str | Path | None = None,
    with_ssim: bool | None = None,
    with_costs: bool = True,
    with_latency: bool = False,
    device: str = "cpu",
    dtype: str = "float32",
    seed: int = 0,
    threads: int = 1,
    command: str = "",
    again: bool = False,
    progress: bool | TextIO = False,
) -> list[EvaluationRow]:
    """Evaluate models on benchmark sets; returns one row for each model and set, in that order.

    models: names of baselines that need no weights (``bicubic``), paths of weights files or run folders,
    modules with a descriptor, or pairs (name, any of these) where the row shall bear another name.
    sets: names; None takes the task's default sets. data: folder with the benchmark sets; None takes the
    sample set that comes with the platform.
    out: CSV to which each finished row is added at once. Rows already there (same model, weights, task, set
    and protocol) are returned as they are and not computed again, unless ``again``, which replaces them.
    protocol: one of ``nas.tasks.protocols`` in place of the task's own, e.g. ``dsrir``; every row begins with it.
    tile, overlap, ensemble, dtype: see ``restore``; ``tile="auto"`` runs images whole unless the network would
    need more than half of the free memory (``memory`` bytes, by default what the device has), then in the
    largest tiles that fit, and says so in the row. None: always whole. An ensemble's row is named "<model>+" and its
    multiply-adds and activations are eight times the network's.
    with_ssim: None follows the protocol. with_latency: time the network at the task's cost size, on a CPU with
    ``threads`` threads, and measure its peak memory (slow on a CPU).
    save_images: folder for the 8-bit outputs, as <model>/<task>/<set>/<image>.png; the true and the degraded images
    stand there as models "target" and "degraded".
    seed: of the degradations with randomness. progress: True for a bar on standard error, or a stream.

    Raises UsageError before any work for a model that does not fit the task, has no weights, or was selected
    on one of the sets. The all-in-one task makes a row for every degradation of a set ("CBSD68 sigma 15", "rain")
    and for each model one of their plain mean, of set "average" where it is of three noises, rain and haze, else
    "mean of 3". A cell that fails later is skipped, and so is a set or a file that is damaged; after all others a
    FailedCellsError, a NasError, names the failed ones (the finished rows are in ``out``).
    """
    task = get_task(task) if protocol is None else with_protocol(task, protocol)
    names = [sets] if isinstance(sets, str) else list(task.sets if sets is None else sets)
    if data is None and sets is None:
        names = ["sample"]
    if seed < 0:
        raise UsageError(f"seed {seed} is negative; give a whole number from 0")
    if dtype not in DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}; give one of {', '.join(DTYPES)}")
    if isinstance(tile, str) and tile != "auto":
        raise UsageError(f"tile {tile!r} is neither a side in pixels nor 'auto'")
    check_tile(None if isinstance(tile, str) else tile, overlap)
    if not names or not (several := _several(models)):
        raise UsageError("there is nothing to evaluate; name at least one model and one set")
    check_device(device)
    failed: list[str] = []
    found = _distinct([m for s in several if (m := _tried(failed, "", resolve, _named(s), task, names)) is not None])
    for name in [c.name for c in found] if save_images is not None else []:
        if name in ("target", "degraded") or Path(name).name != name:
            raise UsageError(f"images of a model called {name!r} cannot be saved under that name; name it otherwise")
    options = Options(
        device=device,
        dtype=dtype,
        tile=tile,
        overlap=overlap,
        ensemble=ensemble,
        with_ssim=task.protocol.with_ssim if with_ssim is None else with_ssim,
        save_images=Path(save_images) if save_images is not None else None,
        memory=memory,
    )
    asked = [cell for name in names for cell in _tried(failed, f"{name} ", cells, name, task, data) or []]
    table = Path(out) if out is not None else None
    if table is not None and (table.is_dir() or table.parent.is_file()):
        raise UsageError(f"no table can be written to {str(table)!r}; give a file such as rows.csv")
    earlier = read_rows(table) if table is not None and table.exists() else []

    rows: list[EvaluationRow] = []
    total = len(found) * sum(len(c.pairs) for c in asked)
    total_cells = len(found) * len(asked)
    with _reporter(progress, f"evaluate {task.name}", total) as report:
        for candidate in found:
            extras: _Extras | None = None
            made: list[EvaluationRow] = []
            for cell in asked:
                chosen = settle_tiles(candidate, cell, options)
                row = _blank_row(candidate, cell, chosen, seed, command)
                done = next((r for r in earlier if _key(r) == _key(row) and r.data in (row.data, "")), None)
                if done is not None and not again and _has(done, cell, chosen, with_costs, with_latency):
                    made.append(done)
                    report(len(cell.pairs), f"{row.model} on {cell.name}: already in the table")
                    continue
                try:
                    if extras is None:
                        extras = _measure_extras(candidate, task, options, with_costs, with_latency, threads)
                        failed += extras.failed
                    saved = None
                    if options.save_images is not None:
                        saved = options.save_images / row.model / task.name / cell.name / MADE_BY
                        saved.unlink(missing_ok=True)  # until all images are there, they belong to no measurement
                    scores, used = run_cell(candidate, cell, chosen, seed, report)
                except Exception as error:  # whatever a network or an image does, the other cells are worth having
                    failed.append(f"{row.model} on {cell.name} ({type(error).__name__}: {error})")
                    continue
                row = row if used == chosen else _blank_row(candidate, cell, used, seed, command)
                if saved is not None:
                    saved.write_text(_images_of(row), encoding="utf-8")
                row = _with_scores(extras.into(row, 8 if ensemble else 1), scores)
                made.append(row)
                earlier = _kept(table, earlier, row)
            if task.family == "all_in_one" and len(made) == len(asked) > 1:
                made.append(average_row(made))
                earlier = _kept(table, earlier, made[-1])
            rows += made
    if failed:
        where = f"; the {len(rows)} finished rows are in {str(table)!r}" if table is not None and rows else ""
        words = f"{len(failed)} of {max(total_cells, len(failed))} cells failed: {'; '.join(failed)}{where}"
        raise FailedCellsError(words, rows)
    return rows


def _tried(failed: list[str], what: str, work: Callable[..., _T], *arguments: Any) -> _T | None:
    """What ``work`` returns; a damaged file or set is noted in ``failed`` (wrong use is not: it ends all)."""
    try:
        return work(*arguments)
    except UsageError:
        raise
    except (NasError, OSError) as error:
        failed.append(f"{what}({type(error).__name__}: {error})")
        return None


def _kept(table: Path | None, earlier: list[EvaluationRow], row: EvaluationRow) -> list[EvaluationRow]:
    """The rows with ``row`` at their end, in place of one of the same key; written at once where there is a file."""

    def change(rows: list[EvaluationRow]) -> list[EvaluationRow]:
        return [r for r in rows if _key(r) != _key(row)] + [row]

    return change(earlier) if table is None else change_rows(table, change)


def _has(row: EvaluationRow, cell: Cell, options: Options, with_costs: bool, with_latency: bool) -> bool:
    """Whether a row of the table holds all that is asked for now, and the images that are to be saved are there."""
    if with_costs and row.parameters is None:
        return False
    on_cpu = row.device.startswith("cpu"), options.device.startswith("cpu")
    if with_latency and (row.latency_median_ms is None or on_cpu[0] != on_cpu[1]):
        return False
    if options.save_images is None:
        return True
    folder = options.save_images / row.model / cell.task.name / cell.name
    made = folder / MADE_BY
    if not made.is_file() or made.read_text(encoding="utf-8") != _images_of(row):
        return False  # pictures of another run
    return all((folder / f"{pair.name}.png").is_file() for pair in cell.pairs)


def _images_of(row: EvaluationRow) -> str:
    """What stands beside saved images: which measurement they belong to."""
    return repr((*_key(row), row.data)) + "\n"


@dataclass(frozen=True)
class _Extras:
    costs: Costs | None
    latency: Latency | None
    failed: tuple[str, ...] = ()

    def into(self, row: EvaluationRow, passes: int) -> EvaluationRow:
        if self.costs is not None:
            row = replace(
                row,
                parameters=self.costs.parameters,
                multiply_adds=self.costs.multiply_adds_total * passes,
                activations=self.costs.activations * passes,
                convolutions=self.costs.convolutions,
                cost_output=self.costs.output_size,
            )
        if self.latency is not None:
            row = replace(
                row,
                latency_median_ms=self.latency.median_ms,
                latency_spread_ms=self.latency.spread_ms,
                latency_size=self.latency.size,
                device=self.latency.device
                if (self.latency.threads or 1) == 1
                else f"{self.latency.device}, {self.latency.threads} threads",
                peak_memory_mib=self.latency.peak_memory_mib,
            )
        return row


def _measure_extras(
    candidate: Candidate, task: Task, options: Options, with_costs: bool, with_latency: bool, threads: int
) -> _Extras:
    costs = costs_for_task(candidate.model, task) if with_costs else None
    if not with_latency:
        return _Extras(costs, None)
    scale = descriptor_of(candidate.model).scale
    height, width = (side // scale for side in task.cost_output)
    try:
        found = measure(
            candidate.model, height, width, options.device, options.dtype, threads=threads, peak_memory=True
        )
    except (NasError, RuntimeError, MemoryError) as error:  # the scores are worth having all the same
        return _Extras(costs, None, (f"latency of {candidate.name} ({type(error).__name__}: {error})",))
    return _Extras(costs, found)


def _blank_row(candidate: Candidate, cell: Cell, options: Options, seed: int, command: str) -> EvaluationRow:
    """The row before its figures: what was asked for, and with what."""
    task = cell.task
    words = [str(task.protocol)]
    if task.noise and (task.family != "all_in_one" or " sigma " in cell.name):
        stored = [pair.stored for pair in cell.pairs]
        words += [] if all(stored) else [f"noise {task.noise}"]
        words += ["stored input"] if any(stored) else []
    if is_synthetic(cell.pairs, task):
        words.append("synthetic input")
    if options.ensemble:
        words.append("x8 ensemble")
    if options.tile is not None:
        words.append(f"tiles {options.tile}+{options.overlap}")
    if not options.with_ssim and task.protocol.with_ssim:
        words.append("no ssim")
    return EvaluationRow(
        model=row_name(candidate, options),
        task=task.name,
        set=cell.name,
        images=len(cell.pairs),
        protocol=", ".join(words),
        genotype=candidate.genotype,
        device=options.device,
        dtype=options.dtype,
        training=_training_words(candidate.training),
        seed=seed,
        weights=candidate.weights,
        data=content(cell.pairs),
        jsnas=package_version(),
        torch=torch.__version__,
        commit=commit(),
        command=command,
    )


def _training_words(training: dict[str, Any]) -> str:
    """What the weights file says of its training, in one cell: "data=T91, steps=4000, batch=16, seed=0"."""
    words = []
    for key in ("data", "steps", "batch", "patch", "seed", "note"):
        value = training.get(key)
        if value not in (None, "", []):
            words.append(f"{key}={'+'.join(map(str, value)) if isinstance(value, list) else value}")
    return ", ".join(words)


def _with_scores(row: EvaluationRow, scores: Sequence[Score]) -> EvaluationRow:
    def mean(values: Iterable[float | None]) -> float | None:
        known = [v for v in values if v is not None]
        return float(np.mean(known)) if known else None

    return replace(
        row,
        psnr=mean(s.psnr for s in scores),
        ssim=mean(s.ssim for s in scores),
        psnr_b=mean(s.psnr_b for s in scores),
    )


def _key(row: EvaluationRow) -> tuple[Any, ...]:
    """What makes two rows the same measurement, whatever machine or command made them."""
    tensors = row.weights.rpartition("#")[2]
    asked = (row.model, row.task, row.set, row.images, row.protocol, row.dtype, row.seed)
    return (*asked, row.genotype, tensors, row.source)


def _several(models: ModelSpec | nn.Module | Sequence[ModelSpec | nn.Module]) -> list[ModelSpec | nn.Module]:
    if isinstance(models, str | Path | nn.Module):
        return [models]
    if isinstance(models, tuple) and len(models) == 2 and isinstance(models[0], str):
        second = models[1]
        if isinstance(second, nn.Module | Path):
            return [(models[0], second)]
    return list(models)


def _named(model: ModelSpec | nn.Module) -> ModelSpec:
    return (descriptor_of(model).name, model) if isinstance(model, nn.Module) else model


def _distinct(found: list[Candidate]) -> list[Candidate]:
    """Two different networks must not share a name: the second is called "<name> (2)"."""
    count: dict[str, int] = {}
    result = []
    for candidate in found:
        count[candidate.name] = count.get(candidate.name, 0) + 1
        number = count[candidate.name]
        result.append(candidate if number == 1 else replace(candidate, name=f"{candidate.name} ({number})"))
    return result


@contextmanager
def _reporter(progress: bool | TextIO, title: str, total: int) -> Iterator[Callable[[int, str], None]]:
    if progress is False:
        yield lambda count, detail: None
        return
    with progress_bar(title, total, None if progress is True else progress) as bar:
        yield _advance(bar)


def _advance(bar: Progress) -> Callable[[int, str], None]:
    def advance(count: int, detail: str) -> None:
        bar.advance(count, detail)

    return advance
