"""Running a network over the images of a set: whole or in tiles, as memory allows; saving what it made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from nas.evaluation.benchmark_sets import BenchmarkSet
from nas.evaluation.further_metrics import further_values
from nas.evaluation.inference import restore
from nas.evaluation.options import EvaluationOptions
from nas.evaluation.resolve import EvaluatedModel
from nas.evaluation.result_columns import row_name
from nas.evaluation.saved_images import REFERENCES, image_path
from nas.evaluation.scoring import Array, Score, degraded_and_target, same_planes, score_output, to_tensor
from nas.evaluation.tiles import input_size, smaller_tiles, tile_for
from nas.images import to_uint8, write_image
from nas.models.calling import descriptor_of
from nas.models.optimizing import OptimizedModel, optimize
from nas.profiling.forward import DTYPES
from nas.profiling.memory import is_out_of_memory
from nas.signals import stop_if_asked

#: called with the number of images that are done, and a few words; a negative number takes images back
Advance = Callable[[int, str], None]
#: bytes of a float32; the part of the memory that a network gets at least, whatever the images take: one in so many
FLOAT, LEAST_SHARE = 4, 16


def form_for_inference(model: EvaluatedModel, options: EvaluationOptions) -> EvaluatedModel:
    """The model with its network optimised, see ``EvaluationOptions.plain``.

    Args:
        model: The model; its network is not changed.
        options: How it is evaluated.

    Raises:
        NasError: The network cannot be optimised exactly.
    """
    return replace(model, model=form_of(model.model, options.dtype, options.plain))


def form_of(network: nn.Module, dtype: str, plain: bool = False) -> nn.Module:
    """The form of a network in which images are restored, see ``EvaluationOptions.plain``.

    Args:
        network: Not changed.
        dtype: A name of ``DTYPES``.
        plain: Leave it as it is written.

    Raises:
        NasError: The network cannot be optimised exactly.
    """
    reduced = DTYPES[dtype] in (torch.bfloat16, torch.float16)  # autocast chooses types layer by layer
    if plain or reduced or isinstance(network, OptimizedModel):
        return network
    form = optimize(network)
    return form if isinstance(form, OptimizedModel) else network


def decide_tiles(model: EvaluatedModel, one: BenchmarkSet, options: EvaluationOptions) -> EvaluationOptions:
    """Decide "auto" tiles by what the largest image of a set needs and how much memory is free.

    Args:
        model: The model.
        one: The images, of which only the headers are read.
        options: The options; any other ``tile`` than "auto" stays.

    Returns:
        The options with a side in pixels or None (whole images) for ``tile``.
    """
    if options.tile != "auto":
        return options
    size = input_size(one.pairs, one.task)
    limit = options.memory
    if limit is not None and size is not None:  # the images themselves take their part of it
        limit = max(limit - _held(size, one), limit // LEAST_SHARE)
    return replace(options, tile=tile_for(model.model, size, options.overlap, limit, options.device))


def _held(size: tuple[int, int], one: BenchmarkSet) -> int:
    """Bytes of one input with its restored image and its reference, for an input of ``size``."""
    pixels = size[0] * size[1] * one.task.channels
    return pixels * (FLOAT + 1) + pixels * one.task.scale**2 * (FLOAT + 2)


def score_set(
    model: EvaluatedModel, one: BenchmarkSet, options: EvaluationOptions, advance: Advance
) -> tuple[list[Score], EvaluationOptions]:
    """Restore and score all images of a set.

    Args:
        model: The model.
        one: The images.
        options: With "auto" tiles decided. Where memory runs out all the same, smaller tiles are tried.
        advance: Called after each image.

    Returns:
        The scores in the order of the images, and the options with the tiles that were used.

    Raises:
        Exception: Whatever the network or an image raises.
    """
    attempts = [options, *(replace(options, tile=t) for t in smaller_tiles(options.tile_side))]
    for attempt in attempts:
        done = [0]

        def count_and_advance(number: int, detail: str, done: list[int] = done) -> None:
            done[0] += number
            advance(number, detail)

        try:
            return _score_images(model, one, attempt, count_and_advance), attempt
        except (RuntimeError, MemoryError) as error:
            if attempt is attempts[-1] or not is_out_of_memory(error):
                raise
            advance(-done[0], f"{model.name} {one.name}: out of memory, trying again with smaller tiles")
    raise AssertionError("the last attempt returns or raises")


def _score_images(
    model: EvaluatedModel, one: BenchmarkSet, options: EvaluationOptions, advance: Advance
) -> list[Score]:
    channels, with_ssim = descriptor_of(model.model).channels, options.scores_ssim(one.task)
    scores = []
    for pair in one.pairs:
        stop_if_asked()
        degraded, target = degraded_and_target(pair, one.task, options.seed)
        output = restore(
            model.model,
            to_tensor(degraded, channels),
            options.device,
            tile=options.tile_side,
            overlap=options.overlap,
            ensemble=options.ensemble,
            dtype=DTYPES[options.dtype],
        )
        score, restored = score_output(output, target, one.task, with_ssim)
        if options.metrics:
            score = replace(score, further=further_values(options.metrics, *same_planes(restored, target), one.task))
        scores.append(score)
        if options.save_images is not None:
            versions: list[Array] = [restored, target, to_uint8(degraded)]
            for version, image in zip((row_name(model, options), *REFERENCES), versions, strict=True):
                write_image(image_path(options.save_images, version, one, pair.name), image)
        advance(1, f"{model.name} {one.name}/{pair.name} {score.words}")
    return scores
