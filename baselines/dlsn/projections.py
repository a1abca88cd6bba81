"""Where the random projections of a forward pass come from (specification sections 3.2 (2) and 3.4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nas.errors import NasError, UsageError

Shape = tuple[int, int, int]
MODES = ("auto", "seeded", "random")


def draw(shape: Shape, generator: torch.Generator | None = None, stacked: bool = False) -> Tensor:
    """Draw projections: h orthogonal matrices in order, from the stream of ``nn.init.orthogonal_``.

    Args:
        shape: (c, h, b): channels, hashes, buckets.
        generator: Source of the randomness; None: torch's default one.
        stacked: With more buckets than channels the rows alone are orthonormal; this sets ceil(b / c) orthogonal
            blocks side by side instead, as a Super-Bit code would.

    Returns:
        (c, h, b) float32 on the CPU.
    """
    c, h, b = shape
    widths = [min(c, b - start) for start in range(0, b, c)] if stacked else [b]
    with torch.no_grad():
        rounds = [
            torch.cat([nn.init.orthogonal_(torch.empty(c, w), generator=generator) for w in widths], dim=1)
            for _ in range(h)
        ]
    return torch.stack(rounds, dim=1)


class ProjectionSource:
    """Hands out the projections of one forward pass, one tensor for each attention module.

    In the mode ``seeded`` every module has a generator of its own, so that the result depends on nothing but the
    input; in ``random`` torch's default CPU generator serves module after module, as in the published code; ``auto``
    is random while training and seeded otherwise; ``given`` takes a list in the order of calls, again and again.
    """

    def __init__(self, seed: int = 0, stacked: bool = False) -> None:
        self.seed, self.stacked = seed, stacked
        self.mode = "auto"
        self._given: list[Tensor] = []
        self._next = 0

    def use(self, projections: str | Sequence[Tensor], modules: int) -> None:
        """A mode's name, or a list whose length is a multiple of the number of attention modules."""
        if isinstance(projections, str):
            if projections not in MODES:
                raise UsageError(f"projections {projections!r} are not one of {', '.join(MODES)}, nor a list")
            self.mode, self._given = projections, []
            return
        given = [p.detach() for p in projections]
        if not given or len(given) % modules or any(p.dim() != 3 for p in given):
            raise UsageError(
                f"projections must be a list of (channels, hashes, buckets) tensors, {modules} for every "
                f"forward pass; got {len(given)} of shapes {[tuple(p.shape) for p in given[:3]]}"
            )
        self.mode, self._given, self._next = "given", given, 0

    def take(self, shapes: Sequence[Shape], training: bool) -> list[Tensor]:
        """One tensor for each shape, in call order; NasError if a given one has another shape."""
        if self.mode == "given":
            return self._take_given(shapes)
        if self.mode == "random" or (self.mode == "auto" and training):
            return [draw(shape, None, self.stacked) for shape in shapes]
        generator = torch.Generator()
        return [
            # neighbouring seeds of the generator give unrelated streams
            draw(shape, generator.manual_seed((self.seed << 16) + i), self.stacked)
            for i, shape in enumerate(shapes)
        ]

    def _take_given(self, shapes: Sequence[Shape]) -> list[Tensor]:
        chosen = self._given[self._next : self._next + len(shapes)]
        for i, (p, shape) in enumerate(zip(chosen, shapes, strict=True)):
            if tuple(p.shape) != shape:
                raise NasError(
                    f"projections {self._next + i} are {tuple(p.shape)} instead of {shape} (channels, "
                    "hashes, buckets); give a list made for this image size, or use_projections('seeded')"
                )
        self._next = (self._next + len(shapes)) % len(self._given)
        return chosen
