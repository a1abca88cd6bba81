"""The harness: models x sets -> evaluation rows, every number made in the same way.

For each image the task makes the degraded version (or the stored one is read), ``restore`` runs the network, the output
is clamped and rounded to 8 bits, and ``score`` compares it with the true image by the protocol of the task. The row has
the means over the images.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO, TypeVar

from torch import nn

from nas.errors import NasError, UsageError, file_error
from nas.evaluation.benchmark_sets import BenchmarkSet, average_row, benchmark_sets
from nas.evaluation.options import EvaluationOptions
from nas.evaluation.profile_columns import ModelProfile, profile_model
from nas.evaluation.resolve import EvaluatedModel, ModelSpec, resolve
from nas.evaluation.result_columns import empty_row, row_name, with_scores
from nas.evaluation.row_table import RowTable
from nas.evaluation.rows import EvaluationRow, EvaluationRows
from nas.evaluation.runner import Advance, decide_tiles, form_for_inference, score_set
from nas.evaluation.saved_images import REFERENCES, assign_images, check_images, disown_images
from nas.files import resolved
from nas.machine import check_device
from nas.models.calling import descriptor_of
from nas.progress import progress as progress_bar
from nas.signals import listening, stop_if_asked
from nas.tasks import Task, get_task, with_protocol

_T = TypeVar("_T")
#: what to tell whoever interrupted
INTERRUPTED = "interrupted; the same command continues where it stopped"


class FailedMeasurementsError(NasError):
    """Some models could not be measured on some sets.

    Attributes:
        rows: The rows that were made all the same.
    """

    def __init__(self, message: str, rows: EvaluationRows) -> None:
        super().__init__(message)
        self.rows = rows


def evaluate(
    models: ModelSpec | nn.Module | Sequence[ModelSpec | nn.Module],
    task: str | Task,
    sets: str | Sequence[str] | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    options: EvaluationOptions | None = None,
    *,
    clean: str | Path | None = None,
    degraded: str | Path | None = None,
    **keywords: Any,
) -> EvaluationRows:
    """Evaluate models on benchmark sets.

    Args:
        models: One or several of: a baseline that needs no weights (``bicubic``), a path of a weights file or run
            folder, a module with a descriptor, or a pair (name in the rows, any of these).
        task: What is being restored, by name or as a task.
        sets: Names of data sets; None takes the default sets of the task.
        data: Folder of the data sets; with neither ``sets`` nor ``data`` the sample set of the platform is used.
        out: CSV file to which every finished row is added at once. Rows that it already holds for the same model,
            weights, task, images and protocol are returned and not measured again, unless ``again`` is given.
        options: How models are evaluated; None takes the defaults.
        clean: Folder of the clean images of one set, whatever it is called, in place of ``data``; ``sets`` may name it.
        degraded: Folder of their degraded images; None to make these.
        keywords: Fields of ``EvaluationOptions`` in place of those of ``options``, e.g. ``tile=128, progress=True``.

    Returns:
        One row for each model and set, in that order. The all-in-one task has a row for each degradation of a set
        ("CBSD68 sigma 15", "rain") and after those of a model one with their mean: of set "average" where they are
        three noise levels, rain and haze, else of "mean of <n>".

    Raises:
        UsageError: Before any work: an option is unknown or wrong, a set is not there, or a model does not fit the
            task, has no weights, or was selected on one of the sets.
        FailedMeasurementsError: After all others: some models failed on some sets, or a set or file is damaged.
    """
    options = EvaluationOptions.from_keywords(keywords, options)
    task = get_task(task) if options.protocol is None else with_protocol(task, options.protocol)
    options.check()
    options = replace(options, device=check_device(options.device))
    folders = (data, clean, degraded)
    names, several = _set_names(sets, data, task, clean), _as_list(models)
    if not names or not several:
        raise UsageError("there is nothing to evaluate; name at least one model and one set")
    failures: list[str] = []
    found = _resolved(several, task, names, failures)
    if options.save_images is not None:
        _check_image_names(found)
    opened = [one for name in names for one in _tried(failures, f"{name} ", benchmark_sets, name, task, *folders) or []]
    if options.save_images is not None:
        for model, one in ((model, one) for model in found for one in opened):
            check_images(options.save_images, row_name(model, options), one)
    table, rows = RowTable(out), EvaluationRows()
    images = len(found) * sum(len(one.pairs) for one in opened)
    with (
        _advancing(options.progress, f"evaluate {task.name}", images, _opening(found, opened, options, out)) as advance,
        listening(lambda: INTERRUPTED, at_once=False),
    ):
        for model in found:
            rows += _evaluate_model(_Job(model, task, options, table, failures, advance), opened)
    if failures:
        raise _failed(failures, len(found) * len(opened), table, rows)
    return rows


def _opening(
    models: Sequence[EvaluatedModel], sets: Sequence[BenchmarkSet], options: EvaluationOptions, out: str | Path | None
) -> str:
    """What will be done, in one line."""
    named = ", ".join(model.name for model in models)
    where = ", ".join(f"{one.name} ({len(one.pairs)} images)" for one in sets)
    task = sets[0].task if sets else None
    how = f" for {task.name}, protocol {task.protocol}" if task is not None else ""
    return f"evaluate {named} on {where}{how}; on {options.device}{f'; into {out}' if out is not None else ''}"


@dataclass
class _Job:
    """One model that is evaluated on one set after the other; what fails is noted in ``failures``."""

    model: EvaluatedModel
    task: Task
    options: EvaluationOptions
    table: RowTable
    failures: list[str]
    advance: Advance
    _profile: ModelProfile | None = None
    _runner: EvaluatedModel | None = None

    def runner(self) -> EvaluatedModel:
        """The model in the form in which images are restored, made when the first image needs it."""
        if self._runner is None:
            self._runner = form_for_inference(self.model, self.options)
        return self._runner

    def profile(self) -> ModelProfile:
        """Costs and latency, measured when the first row needs them; a failure is noted once."""
        if self._profile is None:
            self._profile = profile_model(self.model, self.task, self.options)
            self.failures += [self._profile.failure] if self._profile.failure else []
        return self._profile

    def row(self, one: BenchmarkSet) -> EvaluationRow | None:
        """The finished or newly made row of a set; None where measuring failed, which is noted."""
        stop_if_asked()
        chosen = decide_tiles(self.model, one, self.options)
        row = empty_row(self.model, one, chosen)
        done = self.table.finished(row, one, chosen)
        if done is not None:
            self.advance(len(one.pairs), f"{row.model} on {one.name}: already in the table")
            return done
        try:
            made = self._measured(row, one, chosen)
        except Exception as error:  # whatever a network or an image does, the other rows are worth having
            self.failures.append(f"{row.model} on {one.name} ({type(error).__name__}: {error})")
            return None
        self.table.keep(made)
        return made

    def _measured(self, row: EvaluationRow, one: BenchmarkSet, options: EvaluationOptions) -> EvaluationRow:
        profile = self.profile()
        if options.save_images is not None:
            disown_images(options.save_images, row.model, one)
        scores, used = score_set(self.runner(), one, options, self.advance)
        row = row if used == options else empty_row(self.model, one, used)
        if options.save_images is not None:
            assign_images(options.save_images, row, one)
        return with_scores(profile.fill_in(row), scores)


def _evaluate_model(job: _Job, sets: Sequence[BenchmarkSet]) -> list[EvaluationRow]:
    """The rows of one model, in the all-in-one task with their mean if none is missing."""
    rows = [row for one in sets if (row := job.row(one)) is not None]
    if job.task.family == "all_in_one" and len(rows) == len(sets) > 1:
        rows.append(average_row(rows))
        job.table.keep(rows[-1])
    return rows


def _set_names(
    sets: str | Sequence[str] | None, data: str | Path | None, task: Task, clean: str | Path | None = None
) -> list[str]:
    if clean is not None:
        if data is not None or not (sets is None or isinstance(sets, str) or len(sets) == 1):
            raise UsageError("--clean names one set; leave --data out, and give one name with --sets or none")
        chosen = [sets] if isinstance(sets, str) else list(sets or ())
        return chosen or [resolved(clean).name]
    if sets is None:
        return ["sample"] if data is None else list(task.sets)
    return [sets] if isinstance(sets, str) else list(sets)


def _as_list(models: ModelSpec | nn.Module | Sequence[ModelSpec | nn.Module]) -> list[ModelSpec | nn.Module]:
    if isinstance(models, str | Path | nn.Module):
        return [models]
    if isinstance(models, tuple) and len(models) == 2 and isinstance(models[0], str):
        second = models[1]
        if isinstance(second, nn.Module | Path):
            return [(models[0], second)]
    return list(models)


def _resolved(
    models: Sequence[ModelSpec | nn.Module], task: Task, sets: Sequence[str], failures: list[str]
) -> list[EvaluatedModel]:
    """The models that can be loaded, under different names: a second network of one name is called "<name> (2)"."""
    used: dict[str, int] = {}
    found = []
    for spec in models:
        named = (descriptor_of(spec).name, spec) if isinstance(spec, nn.Module) else spec
        model = _tried(failures, "", resolve, named, task, sets)
        if model is None:
            continue
        used[model.name] = used.get(model.name, 0) + 1
        number = used[model.name]
        found.append(model if number == 1 else replace(model, name=f"{model.name} ({number})"))
    return found


def _check_image_names(models: Sequence[EvaluatedModel]) -> None:
    for model in models:
        if model.name in REFERENCES or Path(model.name).name != model.name:
            raise UsageError(
                f"images of a model called {model.name!r} cannot be saved under that name; name it otherwise"
            )


def _tried(failures: list[str], what: str, work: Callable[..., _T], *arguments: Any) -> _T | None:
    """What ``work`` returns; a damaged file or set is noted in ``failures``, while wrong use ends the evaluation."""
    try:
        return work(*arguments)
    except UsageError:
        raise
    except (NasError, OSError) as error:
        told = file_error(error) if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG else None
        if told is not None:
            raise told from error
        failures.append(f"{what}({type(error).__name__}: {error})")
        return None


def _failed(failures: Sequence[str], total: int, table: RowTable, rows: EvaluationRows) -> FailedMeasurementsError:
    where = f"; the {len(rows)} finished rows are in {str(table.path)!r}" if table.path is not None and rows else ""
    words = f"{len(failures)} of {max(total, len(failures))} measurements failed: {'; '.join(failures)}{where}"
    return FailedMeasurementsError(words, rows)


@contextmanager
def _advancing(progress: bool | TextIO, title: str, total: int, opening: str) -> Iterator[Advance]:
    if progress is False:
        yield lambda number, detail: None
        return
    with progress_bar(title, total, None if progress is True else progress) as bar:
        bar.note(opening)
        yield bar.advance
