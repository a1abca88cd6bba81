"""Which of the tensors in a checkpoint are the weights that are meant: averaged ones first, wrappings undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from nas.errors import NasError, UsageError, did_you_mean
from nas.models.checkpoint_names import INSIDE, MOMENTS, averaged_below, is_counter, is_other, is_wrapping

State = dict[str, Tensor]
#: tensors by name -> why they do not fit the network; empty where they do
Fit = Callable[[State], str]

#: how many entries a message lists
_SHOWN = 12


@dataclass(frozen=True)
class Candidate:
    """One group of named tensors in a checkpoint.

    Attributes:
        key: Its dotted path in the file; empty for the file itself.
        tensors: By the names that are left.
        averaged: Whether its key says that it is a running average.
        prefix: What was taken off the front of every name, e.g. "module.".
        inside: What was taken out of the middle of names, e.g. "_orig_mod.".
        dropped: Counters that were left out.
    """

    key: str
    tensors: State
    averaged: bool = False
    prefix: str = ""
    inside: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How it is called in messages: its key, or a name in it."""
        return repr(self.key) if self.key else f"the file itself (names such as {next(iter(self.tensors))!r})"


@dataclass
class Contents:
    """What a checkpoint holds.

    Attributes:
        candidates: Groups of tensors that may be the weights.
        others: Words on the entries that are not.
        nameless: Keys of averaged weights that are stored without names, which nothing can be matched with.
    """

    candidates: list[Candidate] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    nameless: list[str] = field(default_factory=list)

    def listed(self) -> str:
        """All entries with their sizes, for a message."""
        words = [f"{c.label} ({len(c.tensors)} tensors)" for c in self.candidates] + self.others
        more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
        return (", ".join(words[:_SHOWN]) + more) or "nothing"


@dataclass(frozen=True)
class Choice:
    """The weights that were taken, and what of the same kind was left."""

    taken: Candidate
    left: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was taken, what was left, and how names were changed."""
        c = self.taken
        what = f"{c.key!r} ({'averaged weights, ' if c.averaged else ''}{len(c.tensors)} tensors)"
        words = [f"took {what}" if c.key else f"took all {len(c.tensors)} tensors"]
        words += [f"left {', '.join(self.left)}"] if self.left else []
        removed = [repr(part) for part in (c.prefix, *c.inside) if part]
        words += [f"removed {' and '.join(removed)} from the names"] if removed else []
        words += [f"left out {', '.join(c.dropped[:4])}"] if c.dropped else []
        return ", ".join(words)


def contents(content: Any, key: str = "") -> Contents:
    """Look through a checkpoint.

    Args:
        content: What the file holds.
        key: Where to look, a dotted path; empty for everything.

    Raises:
        UsageError: There is nothing under the key; the message offers the nearest one.
    """
    found = Contents()
    _walk(content if not key else _under(content, key), key, False, found)
    return found


def choose(found: Contents, fit: Fit, where: str) -> Choice:
    """Choose the weights of a network: the averaged ones where there are any, else the only ones that fit.

    Args:
        found: What the checkpoint holds.
        fit: The network's judgement.
        where: What to call the file in messages.

    Raises:
        NasError: Nothing fits, or several groups fit that differ; the message lists the keys and asks for ``--key``.
    """
    judged = [pair for candidate in found.candidates for pair in _judged(candidate, fit)]
    if not judged:
        nameless = f" ({', '.join(found.nameless)} hold tensors without names)" if found.nameless else ""
        raise NasError(
            f"{where} contains no state dict (a mapping of names to tensors){nameless}; found: "
            f"{found.listed()}; name the "
            "place of the weights with --key"
        )
    plain = [c for c, fault in judged if not fault and not c.averaged]
    averaged = [c for c, fault in judged if not fault and c.averaged]
    refused = [(c, fault) for c, fault in judged if fault and c.averaged]
    if plain and not averaged and (refused or found.nameless):
        what = refused[0][0].label if refused else repr(found.nameless[0])
        why = f"do not fit ({refused[0][1]})" if refused else "have no names"
        way = f"take the others with --key {plain[0].key}" if plain[0].key else "save those that are meant alone"
        raise NasError(
            f"{where} contains averaged weights, which are the ones that papers publish, in "
            f"{what}, but they {why}; {way}"
        )
    fitting = _different(averaged or plain)
    if len(fitting) > 1:
        raise NasError(
            f"cannot tell which weights of {where} are meant: {', '.join(c.label for c in fitting)} all fit and "
            "differ; name one with --key"
        )
    if not fitting:
        raise NasError(_misfit(judged, found, where))
    kept = tuple(dict.fromkeys(repr(c.key) for c in plain if c.key)) if averaged else ()
    return Choice(fitting[0], kept)


def without_network(state: State) -> str:
    """A judgement by names alone: tensors fit unless several wrapped networks lie side by side."""
    return "several networks" if _wrapped_groups(state) else ""


def not_finite(state: Mapping[str, Tensor], prefix: str = "") -> list[str]:
    """Names of the tensors with NaN or infinite values, each with what it holds."""
    found = []
    for name, tensor in state.items():
        values = tensor.float() if tensor.is_floating_point() else tensor
        if (tensor.is_floating_point() or tensor.is_complex()) and not bool(torch.isfinite(values).all()):
            what = "NaN" if bool(torch.isnan(values).any()) else "infinity"
            found.append(
                f"{prefix}{name} ({what} in {int((~torch.isfinite(values)).sum())} of {values.numel()} values)"
            )
    return found


def _misfit(judged: list[tuple[Candidate, str]], found: Contents, where: str) -> str:
    first, fault = judged[0]
    if len(judged) == 1 and not first.key and not found.others:
        names = ", ".join(list(first.tensors)[:4])
        return f"{where}: {fault} (its names begin {names})"
    return f"{where}: no weights in it fit; of {first.label}: {fault}; found: {found.listed()}; name one with --key"


def _walk(node: Any, path: str, averaged: bool, found: Contents) -> None:
    """Collect the candidates at and below a node."""
    if not isinstance(node, Mapping):
        found.others.append(f"{path or 'the file itself'} ({_kind(node)})")
        return
    tensors = {k: v.detach() for k, v in node.items() if isinstance(k, str) and isinstance(v, Tensor)}
    if any(t.numel() > 1 for t in tensors.values()) and not set(tensors) <= MOMENTS:
        found.candidates.append(Candidate(path, tensors, averaged))
    for key, value in node.items():
        if not isinstance(key, str) or isinstance(value, Tensor):
            continue
        deeper, average = (f"{path}.{key}" if path else key), averaged_below(averaged, key)
        if is_other(key):
            found.others.append(f"{deeper!r}")
        elif isinstance(value, Mapping):
            _walk(value, deeper, average, found)
        elif average and isinstance(value, list | tuple) and any(isinstance(v, Tensor) for v in value):
            found.nameless.append(deeper)
        elif not path:
            found.others.append(f"{deeper!r} ({_kind(value)})")


def _under(node: Any, key: str) -> Any:
    """What lies under a dotted path, whose parts may be keys with dots, list positions or beginnings of names."""
    if not key:
        return node
    if isinstance(node, list | tuple):
        head, _, rest = key.partition(".")
        if head.isdecimal() and int(head) < len(node):
            return _under(node[int(head)], rest)
    if isinstance(node, Mapping):
        for name in sorted((k for k in node if key == str(k) or key.startswith(f"{k}.")), key=lambda k: -len(str(k))):
            return _under(node[name], key[len(str(name)) + 1 :])
        group = {str(k)[len(key) + 1 :]: v for k, v in node.items() if str(k).startswith(f"{key}.")}
        if group:
            return group
        names = dict.fromkeys(str(k).partition(".")[0] if isinstance(v, Tensor) else str(k) for k, v in node.items())
        raise UsageError(f"there is nothing under --key {key!r}; {did_you_mean(key, names)}")
    raise UsageError(f"there is nothing under --key {key!r}, where the file contains {_kind(node)}")


def _judged(candidate: Candidate, fit: Fit, depth: int = 0) -> list[tuple[Candidate, str]]:
    """A candidate as it fits, or else the groups of names in it, each with why it does not fit."""
    first = ""
    shown = candidate
    for number, variant in enumerate(_variants(candidate)):
        fault = fit(variant.tensors)
        if not fault:
            return [(variant, "")]
        if number == 0:
            first, shown = fault, variant
    groups = [c for c in _groups(shown) if not is_other(c.key.rpartition(".")[2])] if depth < 3 else []
    if not groups:
        return [(shown, first)]
    return [pair for group in groups for pair in _judged(group, fit, depth + 1)]


def _variants(candidate: Candidate) -> Iterator[Candidate]:
    """The candidate under the names that it may be meant by: all usual wrappings off, then fewer, then more."""
    ladder = [_cleaned(candidate)]
    while len(ladder) < 6:
        part = _common_part(ladder[-1].tensors)
        if part is None:
            break
        ladder.append(_cleaned(_without(ladder[-1], part)))
    usual = 0
    while usual + 1 < len(ladder) and is_wrapping(_common_part(ladder[usual].tensors) or ""):
        usual += 1
    yield ladder[usual]
    yield from reversed(ladder[:usual])
    yield from ladder[usual + 1 :]


def _without(candidate: Candidate, part: str) -> Candidate:
    tensors = {name[len(part) + 1 :]: tensor for name, tensor in candidate.tensors.items()}
    averaged = averaged_below(candidate.averaged, part)
    return replace(candidate, tensors=tensors, averaged=averaged, prefix=f"{candidate.prefix}{part}.")


def _cleaned(candidate: Candidate) -> Candidate:
    """The candidate without counters and without what wrappers of single modules put into names."""
    dropped = tuple(n for n, t in candidate.tensors.items() if t.numel() <= 1 and is_counter(n))
    words = tuple(word for word in INSIDE if any(word in name for name in candidate.tensors))
    renamed: State = {}
    for name, tensor in candidate.tensors.items():
        if name not in dropped:
            for word in words:
                name = name.replace(word, "")
            renamed[name] = tensor
    if len(renamed) + len(dropped) < len(candidate.tensors):  # two names became one
        return candidate
    return replace(candidate, tensors=renamed, inside=candidate.inside + words, dropped=candidate.dropped + dropped)


def _groups(candidate: Candidate) -> list[Candidate]:
    """The wrapped networks that lie side by side in one state dict, and what is left beside them."""
    names = _wrapped_groups(candidate.tensors)
    if not names:
        return []
    path = ".".join(part for part in (candidate.key, candidate.prefix.rstrip(".")) if part)
    found = []
    for name in names:
        members = {k[len(name) + 1 :]: t for k, t in candidate.tensors.items() if k.startswith(f"{name}.")}
        key = f"{path}.{name}" if path else name
        found.append(Candidate(key, members, averaged_below(candidate.averaged, name)))
    rest = {k: t for k, t in candidate.tensors.items() if k.partition(".")[0] not in names}
    if any(t.numel() > 1 for t in rest.values()):
        found.append(replace(candidate, tensors=rest))
    return found


def _wrapped_groups(state: State) -> list[str]:
    """First parts of names that are words of wrappings, where names begin in several ways."""
    parts = dict.fromkeys(name.partition(".")[0] for name in state)
    if len(parts) < 2:
        return []
    deep = {name.partition(".")[0] for name in state if "." in name}
    return [part for part in parts if part in deep and (is_wrapping(part) or is_other(part))]


def _different(candidates: list[Candidate]) -> list[Candidate]:
    """The candidates whose tensors differ; of equal ones the first."""
    found: list[Candidate] = []
    for candidate in candidates:
        if not any(_equal(candidate.tensors, other.tensors) for other in found):
            found.append(candidate)
    return found


def _equal(a: State, b: State) -> bool:
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and torch.equal(a[k], b[k]) for k in a)


def _common_part(state: State) -> str | None:
    parts = {name.partition(".")[0] if "." in name else "" for name in state}
    return next(iter(parts)) if len(parts) == 1 and "" not in parts else None


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return "a single tensor"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return {bool: "yes or no", int: "a number", float: "a number", str: "a text"}.get(type(value), "no tensors")
