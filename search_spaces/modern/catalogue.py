"""Which blocks there are and what a space document may know of them: the one list, without torch.

``search_spaces.provide`` announces the blocks from it, and the modules that define them register from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from nas.space.blocks import BLOCKS, BlockParameter, Wrapper, block

F = TypeVar("F", bound=Callable[..., Any])

BOTH = ("operation", "modulation")

#: Pixels a side that pooling to one eighth needs.
POOLED = 8
#: Pixels a side that a strided 3x3 and a 7x7 pooling window of stride 3 need.
STRIDED = 15


def _kernel(default: int, *choices: int) -> dict[str, BlockParameter]:
    return {"kernel": BlockParameter(default, choices, "length of the longest side of the kernel, in pixels")}


_STRIP = _kernel(31, 7, 11, 15, 21, 31)
_ENLARGE = {
    "enlarge": BlockParameter("nearest", ("nearest", "bilinear"), "how the pooled gate is brought back to full size")
}


@dataclass(frozen=True)
class Entry:
    """A block of this package.

    Attributes:
        module: The module of this package that defines it.
        roles: In which it can be chosen.
        channel_multiple: See ``nas.space.blocks.BlockTraits``, as for the rest.
        min_size: In pixels.
        wrapper: "own" for gates and for blocks with a norm or skip of their own.
        parameters: Keywords that a space document may set.
        identity: It returns its input.
        sliceable: False where channels trade places in a way that depends on their number.
    """

    module: str
    roles: tuple[str, ...]
    channel_multiple: int = 1
    min_size: int = 1
    wrapper: Wrapper = "follow"
    parameters: Mapping[str, BlockParameter] = field(default_factory=dict, hash=False)
    identity: bool = False
    sliceable: bool = True

    def traits(self) -> dict[str, Any]:
        """Keywords of ``BlockRegistry.declare`` and of ``block``."""
        return {
            "identity": self.identity,
            "channel_multiple": self.channel_multiple,
            "min_size": self.min_size,
            "wrapper": self.wrapper,
            "parameters": self.parameters,
            "sliceable": self.sliceable,
        }


_O, _M = ("operation",), ("modulation",)

#: name -> block; first those of the default list, then the reserve
ENTRIES: dict[str, Entry] = {
    "skip": Entry("plain", BOTH, wrapper="own", identity=True),
    "pcfn": Entry(
        "smfanet",
        _O,
        channel_multiple=2,
        parameters={"expansion": BlockParameter(2, (2, 4), "hidden channels as a multiple of the width")},
    ),
    "spab": Entry("span", _O),
    "rlfb_core": Entry("rlfn", _O),
    "ccm": Entry(
        "safmn",
        _O,
        channel_multiple=2,
        parameters={"expansion": BlockParameter(2.0, (1.5, 2.0), "hidden channels as a multiple of the width")},
    ),
    "lk_distil": Entry("distillation", _O, channel_multiple=4, parameters=_STRIP),
    "lk_mix": Entry("large_kernel", _O, channel_multiple=4, parameters=_STRIP),
    "gated_ffn": Entry("seemore", _O, parameters=_kernel(3, 3, 5, 7)),
    "smfa": Entry("smfanet", _M, min_size=POOLED, parameters=_ENLARGE),
    "lk_modulate": Entry("large_kernel_gates", _M, channel_multiple=4, min_size=POOLED, parameters=_STRIP),
    "lk_crossgate": Entry("large_kernel_gates", _M, channel_multiple=4, parameters=_STRIP),
    "lk_select": Entry("large_kernel_gates", _M, channel_multiple=4, parameters=_STRIP),
    "safm": Entry("safmn", _M, channel_multiple=4, min_size=POOLED, parameters=_ENLARGE),
    "striped": Entry("seemore", _M, parameters=_kernel(11, 7, 11, 15, 21)),
    "esa": Entry(
        "rlfn",
        _M,
        min_size=STRIDED,
        wrapper="own",
        parameters={"inner": BlockParameter(16, (8, 12, 16), "channels inside the gate")},
    ),
    "res_pair": Entry("plain", _O, wrapper="own"),
    "lk_distil_mix": Entry("distillation", _O, channel_multiple=4, parameters=_STRIP),
    "lk_fuse": Entry("large_kernel", _O, channel_multiple=4, parameters=_STRIP),
    "lk_strip": Entry("large_kernel", BOTH, channel_multiple=4, parameters=_STRIP),
    "bs_res": Entry("bsrn", _O),
    "dw_ffn": Entry("smfanet", _O),
    "ecb": Entry("ecbsr", _O),
    "plk": Entry("plksr", _O, channel_multiple=4, parameters=_kernel(13, 9, 13, 17)),
    "shm_layer": Entry("shufflemixer", _O, channel_multiple=8, wrapper="own", sliceable=False),
    "easa": Entry("smfanet", _M, min_size=POOLED, parameters=_ENLARGE),
    "safm_pp": Entry("safmn", _M, channel_multiple=4, min_size=POOLED),
    "cca": Entry("bsrn", _M, wrapper="own"),
    "esa_bs": Entry("bsrn", _M, channel_multiple=4, min_size=STRIDED, wrapper="own"),
    "pa": Entry("plain", _M, wrapper="own"),
    "ea": Entry("plksr", _M, wrapper="own"),
    "gsau": Entry("man", _M, wrapper="own"),
    "lka": Entry("man", _M),
    "mlka": Entry("man", _M, channel_multiple=3, wrapper="own"),
}


def announce() -> None:
    """Declare every block of this package, so that its name is known before torch is imported."""
    for name, entry in ENTRIES.items():
        for role in entry.roles:
            BLOCKS[role].declare(name, f"{__package__}.{entry.module}", **entry.traits())


def registered(name: str) -> Callable[[F], F]:
    """A decorator that registers a class as the block ``name``, with the traits of its entry."""
    entry = ENTRIES[name]

    def register(factory: F) -> F:
        for role in entry.roles:
            block(role, name, **entry.traits())(factory)
        return factory

    return register
