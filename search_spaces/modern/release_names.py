"""How the releases call the tensors of each block, so that their weights load here.

Blocks keep plain names of their own; this table is the only place that knows the others.
"""

from __future__ import annotations

#: block -> (name in the release, name here, the block whose table goes on from there)
NAMES: dict[str, tuple[tuple[str, str, str | None], ...]] = {
    "pcfn": (("conv_0", "expand", None), ("conv_1", "partial", None), ("conv_2", "reduce", None)),
    "dw_ffn": (("conv_0.0", "depthwise", None), ("conv_0.1", "pointwise", None), ("conv_1", "reduce", None)),
    "smfa": (
        ("linear_0", "split", None),
        ("linear_1", "modulator.mix", None),
        ("linear_2", "join", None),
        ("dw_conv", "modulator.pooled", None),
        ("alpha", "modulator.alpha", None),
        ("belt", "modulator.beta", None),
        ("lde", "local", "dw_ffn"),
    ),
    "lk_strip": (("DWConv_1xK", "across", None), ("DWConv_Kx1", "down", None), ("conv1", "mix", None)),
    "lk_fuse": (("PLKB", "strip", "lk_strip"), ("DWConv3", "local", None), ("conv1", "mix", None)),
    "lk_mix": (("PLKB", "strip", "lk_strip"), ("DWConv3", "local", None), ("conv1", "mix", None)),
    "lk_distil": (
        *((f"c{i + 1}_r", f"steps.{i}", "lk_fuse") for i in range(3)),
        *((f"c{i + 1}_d", f"taps.{i}", None) for i in range(3)),
        ("c4", "taps.3", None),
        ("c5", "join", None),
    ),
    "lk_distil_mix": (
        *((f"c{i + 1}_r", f"steps.{i}", "lk_mix") for i in range(3)),
        *((f"c{i + 1}_d", f"taps.{i}", None) for i in range(3)),
        ("c4", "taps.3", None),
        ("c5", "join", None),
    ),
    "lk_modulate": (
        ("PLKB", "strip", "lk_strip"),
        ("DWConv_3", "pooled", None),
        ("conv1_1", "coarse", None),
        ("conv1_2", "mix", None),
    ),
    "lk_select": (("PLKB", "strip", "lk_strip"), ("DWConv_3", "local", None), ("conv1_1", "choose", None)),
    "lk_crossgate": (
        ("PLKB", "strip", "lk_strip"),
        ("DWConv_3", "local", None),
        ("conv1", "mix", None),
        ("scaler1.scale", "strip_scale", None),
        ("scaler2.scale", "local_scale", None),
    ),
    "conv3xc": (
        ("conv.0", "expand", None),
        ("conv.1", "spatial", None),
        ("conv.2", "reduce", None),
        ("sk", "shortcut", None),
    ),
    "spab": tuple((f"c{i}_r", f"conv{i}", "conv3xc") for i in (1, 2, 3)),
    "rlfb_core": (*((f"c{i}_r", f"conv{i}", None) for i in (1, 2, 3)), ("c5", "mix", None)),
    "esa": (
        ("conv1", "reduce", None),
        ("conv_f", "shortcut", None),
        ("conv2", "stride", None),
        ("conv3", "spatial", None),
        ("conv4", "expand", None),
    ),
    "ccm": (("ccm.0", "spatial", None), ("ccm.2", "reduce", None)),
    "safm": (("mfr", "levels", None), ("aggr", "mix", None)),
    "safm_pp": (("proj", "enter", None), ("dwconv", "pooled", None), ("out", "leave", None)),
    "gated_ffn": (("fn_1.0", "expand", None), ("gate", "depthwise", None), ("fn_2.0", "reduce", None)),
    "striped": (
        ("to_qv.0", "expand", None),
        ("attn.conv.0", "across", None),
        ("attn.conv.1", "down", None),
        ("proj", "reduce", None),
    ),
    "blueprint": (("pw", "pointwise", None), ("dw", "depthwise", None)),
    "bs_res": (("c1_r", "blueprint", "blueprint"),),
    "cca": (("conv_du.0", "reduce", None), ("conv_du.2", "expand", None)),
    "esa_bs": (
        ("conv1", "reduce", None),
        ("conv_f", "shortcut", None),
        ("conv2", "stride", "blueprint"),
        ("conv_max", "spatial1", "blueprint"),
        ("conv3", "spatial2", "blueprint"),
        ("conv3_", "spatial3", "blueprint"),
        ("conv4", "expand", None),
    ),
    "lka": (("conv0", "stack.0", None), ("conv_spatial", "stack.1", None), ("conv1", "stack.2", None)),
    "mlka": (
        ("norm", "norm", None),
        ("proj_first.0", "expand", None),
        ("proj_last.0", "reduce", None),
        ("scale", "scale", None),
        *((f"LKA{k}", f"stacks.{i}", None) for i, k in enumerate((3, 5, 7))),
        *((f"X{k}", f"gates.{i}", None) for i, k in enumerate((3, 5, 7))),
    ),
    "gsau": (
        ("norm", "norm", None),
        ("Conv1", "expand", None),
        ("DWConv1", "depthwise", None),
        ("Conv2", "reduce", None),
        ("scale", "scale", None),
    ),
    "plk": (("conv", "dense", None),),
    "ea": (("f.0", "spatial", None),),
    "shuffled_mlp": (("fc.0", "expand", None), ("fc.2", "reduce", None)),
    "shm_layer": (
        ("norm1.body", "norm1", None),
        ("norm2.body", "norm2", None),
        ("mlp1", "mlp1", "shuffled_mlp"),
        ("mlp2", "mlp2", "shuffled_mlp"),
        ("spatial", "spatial", None),
    ),
    "edge": (
        ("k0", "pointwise.weight", None),
        ("b0", "pointwise.bias", None),
        ("scale", "scale", None),
        ("bias", "bias", None),
        ("mask", "mask", None),
    ),
    "ecb": (
        ("conv3x3", "conv.direct", None),
        ("conv1x1_3x3.k0", "conv.expand.weight", None),
        ("conv1x1_3x3.b0", "conv.expand.bias", None),
        ("conv1x1_3x3.k1", "conv.spatial.weight", None),
        ("conv1x1_3x3.b1", "conv.spatial.bias", None),
        ("conv1x1_sbx", "conv.edges.sobel_x", "edge"),
        ("conv1x1_sby", "conv.edges.sobel_y", "edge"),
        ("conv1x1_lpl", "conv.edges.laplacian", "edge"),
        ("act", "activation", None),
    ),
}


def our_name(block: str, name: str) -> str:
    """The name that a tensor of a released block has here.

    Args:
        block: Name of the block.
        name: Of the tensor inside the block, as the release calls it; one that the table does not know stays as it is.
    """
    for theirs, ours, further in NAMES.get(block, ()):
        if name == theirs:
            return ours
        if name.startswith(theirs + "."):
            rest = name[len(theirs) + 1 :]
            return f"{ours}.{our_name(further, rest) if further else rest}"
    return name
