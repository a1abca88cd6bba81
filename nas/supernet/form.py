"""In which form a supernet is computed: plain, fused, or fused with compiled gates; never changed silently."""

from __future__ import annotations

from typing import Literal, NamedTuple

from nas.errors import NasError, UsageError

#: what a user may ask for: compiled gates where they can be had, always, or never
Native = Literal[True, False, "auto"]


class Form(NamedTuple):
    """A form of the computation.

    Attributes:
        native: Whether gates and statistics are computed by compiled loops.
        words: The form, and why it is not the fastest one.
    """

    native: bool
    words: str


def choose(native: Native, fused: bool, device: str, reduced: bool) -> Form:
    """The form of a search; compiles the gates if they are to be compiled and are not yet.

    Args:
        native: What is asked for.
        fused: Whether mixed edges are computed together at all.
        device: Name of a torch device.
        reduced: Whether the network is computed in 16 bits.

    Raises:
        UsageError: Compiled gates are asked for and do not go with the other settings.
        NasError: They are asked for and cannot be had here.
    """
    from nas.supernet.fused.native.build import library

    if native is False:
        return Form(False, "fused, torch gates" if fused else "plain")
    unfit = _unfit(fused, device, reduced)
    if unfit is not None:
        if native is True:
            raise UsageError(f"compiled gates do not go with this search ({unfit}); set search.native=false")
        return Form(False, f"fused, torch gates ({unfit})" if fused else "plain")
    try:
        library()
    except NasError as error:
        if native is True:
            raise
        return Form(False, f"fused, torch gates ({error})")
    return Form(True, "fused, compiled gates")


def _unfit(fused: bool, device: str, reduced: bool) -> str | None:
    if not fused:
        return "the plain form has none"
    if device != "cpu":
        return "compiled ones are for CPUs"
    return "compiled ones are for 32 bits" if reduced else None
