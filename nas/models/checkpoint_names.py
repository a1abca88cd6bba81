"""What the keys and the names in checkpoints say: a running average, a wrapping, another network, a counter."""

from __future__ import annotations

import re


def _set(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


#: a word of a key that says: a running average of the weights, which is what papers publish
_AVERAGED = _set("ema swa averaged average avg shadow polyak")
#: a word of a key inside an average that says: not the averaged ones
_CURRENT = _set("online student current raw")
#: a word of a key under which no weights of the network lie
_OTHER = _set(
    "optimizer optimizers optimiser optim opt scheduler schedulers sched scaler amp rng callbacks loops",
    "discriminator disc critic loss losses criterion perceptual vgg lpips",
)
#: other networks of adversarial training, by their usual short names
_DISCRIMINATORS = frozenset({("net", "d"), ("d",), ("model", "d"), ("d", "ema"), ("net", "d", "ema")})
#: words that the keys and prefixes of wrappings are made of
_WRAPPING = _AVERAGED | _set(
    "module orig mod generator gen g net nets network model models state dict params param parameters weights weight",
    "online student teacher target checkpoint ckpt sr",
)
#: counters that training leaves among the weights
_COUNTERS = _set("n_averaged step_counter num_updates decay initted step global_step epoch iteration")
_COST_COUNTERS = ("total_ops", "total_params")
#: what wrappers of single modules put into names
INSIDE = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
#: names of an optimiser's tensors for one parameter
MOMENTS = _set("exp_avg exp_avg_sq max_exp_avg_sq momentum_buffer square_avg step")


def averaged_below(above: bool, key: str) -> bool:
    """Whether what lies under a key is a running average.

    Args:
        above: Whether what the key lies in is one.
        key: One part of a dotted path.
    """
    words = _words(key)
    return not _AVERAGED.isdisjoint(words) or (above and _CURRENT.isdisjoint(words))


def is_other(key: str) -> bool:
    """Whether a key says that no weights of the network lie there: an optimiser, a discriminator, a loss."""
    words = _words(key)
    return not _OTHER.isdisjoint(words) or words in _DISCRIMINATORS


def is_wrapping(key: str) -> bool:
    """Whether a key is a usual name of what networks are wrapped in."""
    words = _words(key)
    return bool(words) and _WRAPPING.issuperset(words)


def is_counter(name: str) -> bool:
    """Whether the name of a tensor is that of a counter of training or of a profiler."""
    return name in _COUNTERS or name.rpartition(".")[2] in _COST_COUNTERS


def _words(key: str) -> tuple[str, ...]:
    """The words of a key: "netG_ema" -> net, g, ema."""
    return tuple(w.lower() for w in re.findall(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]", key))
