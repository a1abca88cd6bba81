"""Running a network over the images of one cell: whole or in tiles, as memory allows; saving what it made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from nas.errors import NasError
from nas.evaluation.inference import restore
from nas.evaluation.resolve import Candidate
from nas.evaluation.scoring import Score, images, score_output, to_tensor
from nas.evaluation.test_sets import Cell
from nas.images import image_info, to_uint8, write_image
from nas.models.calling import descriptor_of
from nas.profiling.latency import DTYPES
from nas.profiling.memory import free_bytes, is_out_of_memory, tile_that_fits

#: inputs of fewer pixels are run whole without asking how much memory there is
_SMALL = 128 * 128
#: sides of tiles for an image that turned out too large in spite of the estimate
_RETRIES = (512, 192, 64)

#: called with the number of images done and a few words
Report = Callable[[int, str], None]


@dataclass(frozen=True)
class Options:
    """How each image is run, the same for all cells of one call; ``tile`` is a side, "auto" or None (whole)."""

    device: str
    dtype: str
    tile: int | str | None
    overlap: int
    ensemble: bool
    with_ssim: bool
    save_images: Path | None
    memory: int | None


def settle_tiles(candidate: Candidate, cell: Cell, options: Options) -> Options:
    """``options`` with "auto" settled for this cell, by the need of its largest image and the memory there is."""
    if options.tile != "auto":
        return options
    whole = replace(options, tile=None)
    try:
        infos = [image_info(p.degraded or p.target) for p in cell.pairs]
    except NasError:
        return whole  # reading the image will say what is wrong with it
    scales = [1 if p.degraded is not None else cell.task.scale for p in cell.pairs]
    sizes = [(i.height // s, i.width // s) for i, s in zip(infos, scales, strict=True)]
    height, width = max(sizes, key=lambda size: size[0] * size[1])
    if height * width <= _SMALL and options.memory is None:
        return whole
    limit = options.memory if options.memory is not None else free_bytes(options.device)
    try:
        return replace(options, tile=tile_that_fits(candidate.model, height, width, options.overlap, limit))
    except Exception:  # a network that fails even on a small image fails again in its cell, which is named
        return whole


def run_cell(
    candidate: Candidate, cell: Cell, options: Options, seed: int, report: Report
) -> tuple[list[Score], Options]:
    """Scores of all images, and the options that did it: with smaller tiles where memory ran out all the same."""
    smaller = [t for t in _RETRIES if options.tile is None or t < int(options.tile)]
    attempts = [options, *(replace(options, tile=t) for t in smaller)]
    for attempt in attempts:
        done = [0]

        def count(number: int, detail: str, done: list[int] = done) -> None:
            done[0] += number
            report(number, detail)

        try:
            return _run_images(candidate, cell, attempt, seed, count), attempt
        except (RuntimeError, MemoryError) as error:
            if attempt is attempts[-1] or not is_out_of_memory(error):
                raise
            report(-done[0], f"{candidate.name} {cell.name}: memory is short, again in smaller tiles")
    raise AssertionError("the last attempt returns or raises")


def _run_images(candidate: Candidate, cell: Cell, options: Options, seed: int, report: Report) -> list[Score]:
    task, channels = cell.task, descriptor_of(candidate.model).channels
    scores = []
    for pair in cell.pairs:
        degraded, target = images(pair, task, seed)
        output = restore(
            candidate.model,
            to_tensor(degraded, channels),
            options.device,
            tile=None if options.tile is None else int(options.tile),
            overlap=options.overlap,
            ensemble=options.ensemble,
            dtype=DTYPES[options.dtype],
        )
        found, restored = score_output(output, target, task, options.with_ssim)
        scores.append(found)
        if options.save_images is not None:
            versions = {row_name(candidate, options): restored, "target": target, "degraded": to_uint8(degraded)}
            for version, image in versions.items():
                write_image(options.save_images / version / task.name / cell.name / f"{pair.name}.png", image)
        report(1, f"{candidate.name} {cell.name}/{pair.name} {found.psnr:.2f} dB")
    return scores


def row_name(candidate: Candidate, options: Options) -> str:
    """The model's name in rows: an ensemble's ends in a plus sign."""
    return candidate.name + ("+" if options.ensemble else "")
