"""The columns of a row that belong to one model on one set: what was asked for, and what came out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from nas.data import is_synthetic
from nas.evaluation.benchmark_sets import BenchmarkSet, images_hash
from nas.evaluation.further_metrics import mean_values
from nas.evaluation.options import EvaluationOptions
from nas.evaluation.resolve import EvaluatedModel
from nas.evaluation.rows import EvaluationRow
from nas.evaluation.scoring import Score
from nas.versions import commit, package_version


def row_name(model: EvaluatedModel, options: EvaluationOptions) -> str:
    """The name of a model in its rows; that of an ensemble ends in a plus sign."""
    return model.name + ("+" if options.ensemble else "")


def empty_row(model: EvaluatedModel, one: BenchmarkSet, options: EvaluationOptions) -> EvaluationRow:
    """The row of a model on a set before anything is measured.

    Args:
        model: The model.
        one: The images.
        options: With "auto" tiles decided.

    Returns:
        A row that states what is measured, with what and how, but has no results.
    """
    return EvaluationRow(
        model=row_name(model, options),
        task=one.task.name,
        set=one.name,
        images=len(one.pairs),
        metrics=", ".join(options.metrics),
        protocol=_protocol_words(one, options),
        genotype=model.genotype,
        device=options.device,
        dtype=options.dtype,
        training=_training_words(model.training),
        seed=options.seed,
        weights=model.weights,
        data=images_hash(one.pairs),
        jsnas=package_version(),
        torch=torch.__version__,
        commit=commit(),
        command=options.command,
    )


def with_scores(row: EvaluationRow, scores: Sequence[Score]) -> EvaluationRow:
    """The row with the means of the scores of all images; a metric that no image has is None.

    Images that are restored exactly, whose PSNR is infinite, are counted and left out of the mean PSNR.
    """

    def mean(values: Iterable[float | None]) -> float | None:
        known = [v for v in values if v is not None and not math.isinf(v)]
        return float(np.mean(known)) if known else None

    return replace(
        row,
        psnr=mean(s.psnr for s in scores),
        ssim=mean(s.ssim for s in scores),
        psnr_b=mean(s.psnr_b for s in scores),
        exact=sum(s.exact for s in scores),
        metrics=", ".join(f"{k}={v:.6g}" for k, v in mean_values([s.further for s in scores]).items()),
    )


def _protocol_words(one: BenchmarkSet, options: EvaluationOptions) -> str:
    """The protocol of the task, and what else has an effect on the scores."""
    task = one.task
    words = [str(task.protocol)]
    if task.noise and (task.family != "all_in_one" or " sigma " in one.name):
        stored = [pair.stored for pair in one.pairs]
        words += [] if all(stored) else [f"noise {task.noise}"]
        words += ["stored input"] if any(stored) else []
    if is_synthetic(one.pairs, task):
        words.append("synthetic input")
    if options.ensemble:
        words.append("x8 ensemble")
    if options.tile is not None:
        words.append(f"tiles {options.tile}+{options.overlap}")
    if task.protocol.with_ssim and not options.scores_ssim(task):
        words.append("no ssim")
    return ", ".join(words)


def _training_words(training: Mapping[str, Any]) -> str:
    """What a weights file says about its training, as text: "data=T91, steps=4000, batch=16, seed=0"."""
    words = []
    for key in ("data", "steps", "batch", "patch", "seed", "note"):
        value = training.get(key)
        if value not in (None, "", []):
            words.append(f"{key}={'+'.join(map(str, value)) if isinstance(value, list) else value}")
    return ", ".join(words)
