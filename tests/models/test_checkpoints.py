"""Of the tensors in a checkpoint the averaged ones are taken, wrappings are undone, and nothing is guessed."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor

from nas.errors import NasError, UsageError
from nas.models.checkpoints import Choice, choose, contents, not_finite, without_network

State = dict[str, Tensor]
NAMES = ("head.weight", "body.0.weight", "tail.bias")


def state(value: float) -> State:
    """Three tensors that hold one value."""
    return {name: torch.full((2, 2), value) for name in NAMES}


#: ``RAW`` and ``EMA`` differ, so that their values tell which was taken
RAW, EMA, OTHER = state(1.0), state(2.0), state(3.0)


def fits(tensors: State) -> str:
    return "" if sorted(tensors) == sorted(NAMES) else f"its names are {', '.join(tensors)}"


def taken(content: Any, key: str = "") -> Choice:
    return choose(contents(content, key), fits, "'c.pth'")


def value_of(choice: Choice) -> float:
    assert sorted(choice.taken.tensors) == sorted(NAMES)
    return float(choice.taken.tensors["head.weight"][0, 0])


def prefixed(tensors: State, prefix: str) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


OPTIMIZER = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2, 2)}}, "param_groups": [{"lr": 1e-3}]}
COUNTER = {"step_counter": torch.tensor(7)}

BOTH: dict[str, Any] = {
    "BasicSR": {"params": RAW, "params_ema": EMA},
    "BasicSR, averaged first": {"params_ema": EMA, "params": RAW},
    "timm": {"state_dict": RAW, "state_dict_ema": EMA, "optimizer": OPTIMIZER, "epoch": 3, "arch": "net"},
    "DeiT": {"model": RAW, "model_ema": EMA, "optimizer": OPTIMIZER, "lr_scheduler": {"last_epoch": 3}},
    "ema": {"net": RAW, "ema": EMA},
    "ema inside": {"net": RAW, "ema": {"module": EMA, "decay": 0.999}},
    "ema_state_dict": {"model_state_dict": RAW, "ema_state_dict": EMA},
    "capital letters": {"netG": RAW, "netG_EMA": EMA},
    "camel case": {"model": RAW, "modelEma": EMA},
    "StyleGAN": {"g": RAW, "d": OTHER, "g_ema": EMA},
    "generator and discriminator": {"generator": RAW, "generator_ema": EMA, "discriminator": OTHER},
    "stochastic weight averaging": {
        "state_dict": RAW,
        "swa_state_dict": {"n_averaged": torch.tensor(5), **prefixed(EMA, "module.")},
    },
    "AveragedModel": {"model": RAW, "averaged_model": prefixed(EMA, "module.")},
    "mmagic": {
        "state_dict": {
            **prefixed(RAW, "generator."),
            **prefixed(EMA, "generator_ema."),
            **prefixed(OTHER, "discriminator."),
            **COUNTER,
        },
        "meta": {"epoch": 1},
    },
    "Lightning": {
        "state_dict": {**prefixed(RAW, "model."), **prefixed(EMA, "model_ema.")},
        "optimizer_states": [OPTIMIZER],
    },
    "ema-pytorch": {
        "ema": {
            **prefixed(RAW, "online_model."),
            **prefixed(EMA, "ema_model."),
            "initted": torch.tensor(True),
            "step": torch.tensor(9),
        }
    },
    "data parallel around both": {
        "state_dict": {**prefixed(RAW, "module.generator."), **prefixed(EMA, "module.generator_ema.")}
    },
    "flat names": {**prefixed(RAW, "params."), **prefixed(EMA, "params_ema.")},
    "beside bare names": {**RAW, **prefixed(EMA, "ema.")},
    "compiled": {"params": prefixed(RAW, "_orig_mod."), "params_ema": prefixed(EMA, "module._orig_mod.")},
    "a discriminator is averaged, too": {"net_g": RAW, "net_g_ema": EMA, "net_d": OTHER, "net_d_ema": OTHER},
}


@pytest.mark.parametrize("content", BOTH.values(), ids=BOTH)
def test_averaged_weights_are_taken_where_both_are_there(content: Any) -> None:
    choice = taken(content)
    assert value_of(choice) == 2.0 and choice.taken.averaged
    assert "averaged" in choice.sentence or "ema" in choice.sentence


@pytest.mark.parametrize("content", list(BOTH.values())[:4], ids=list(BOTH)[:4])
def test_the_other_weights_are_taken_by_their_key_and_named_beside_the_averaged_ones(content: Any) -> None:
    (left,) = taken(content).left
    assert value_of(taken(content, left.strip("'"))) == 1.0


WRAPPED: dict[str, Any] = {
    "bare": RAW,
    "ordered": OrderedDict(RAW),
    "data parallel": prefixed(RAW, "module."),
    "compiled": prefixed(RAW, "_orig_mod."),
    "compiled inside": {
        "head._orig_mod.weight": RAW["head.weight"],
        "body.0.weight": RAW["body.0.weight"],
        "tail.bias": RAW["tail.bias"],
    },
    "compiled and parallel": prefixed(RAW, "module._orig_mod."),
    "parallel and compiled": prefixed(RAW, "_orig_mod.module."),
    "sharded": prefixed(RAW, "_fsdp_wrapped_module."),
    "generator": prefixed(RAW, "generator."),
    "model": prefixed(RAW, "model."),
    "net_g": prefixed(RAW, "net_g."),
    "three deep": prefixed(RAW, "module.model.net_g."),
    "an unusual wrapper": prefixed(RAW, "restoration_net."),
    "state_dict": {"state_dict": RAW},
    "params": {"params": RAW},
    "model_state_dict": {"epoch": 1, "model_state_dict": RAW},
    "nested": {"model": {"state_dict": RAW}},
    "nested thrice": {"checkpoint": {"model": {"net": prefixed(RAW, "module.")}}},
    "only averaged": {"params_ema": RAW},
    "training state": {
        "state_dict": prefixed(RAW, "model."),
        "optimizer": OPTIMIZER,
        "optimizer_states": [OPTIMIZER],
        "epoch": 4,
    },
    "optimiser under a short name": {"net": RAW, "opt": OPTIMIZER},
    "loss with weights": {"state_dict": {**prefixed(RAW, "net_g."), **prefixed(OTHER, "perceptual_loss.vgg.")}},
    "two networks": {"generator": RAW, "discriminator": state(5.0)},
    "counters of thop": {**RAW, "total_ops": torch.zeros(1), "head.total_params": torch.zeros(1)},
    "equal copies": {"model": RAW, "net": dict(RAW)},
    "a key of our own": {"my best ones": RAW},
}


@pytest.mark.parametrize("content", WRAPPED.values(), ids=WRAPPED)
def test_wrappings_are_undone(content: Any) -> None:
    assert value_of(taken(content)) == 1.0


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "generator.", "model.", "net_g.", "module.model."])
def test_without_a_network_only_usual_wrappings_are_undone(prefix: str) -> None:
    single = {f"{prefix}head.weight": torch.ones(2)}
    assert list(choose(contents(single), without_network, "c").taken.tensors) == ["head.weight"]


def test_a_prefix_that_the_network_needs_stays() -> None:
    wanted = prefixed(RAW, "model.")
    choice = choose(contents({"state_dict": wanted}), lambda t: "" if set(t) == set(wanted) else "no", "c")
    assert set(choice.taken.tensors) == set(wanted)


UNCLEAR: dict[str, tuple[Any, tuple[str, ...]]] = {
    "two that fit": ({"teacher": RAW, "student": OTHER}, ("'teacher'", "'student'")),
    "two averages": ({"ema_0.99": EMA, "ema_0.999": OTHER, "model": RAW}, ("'ema_0.99'", "'ema_0.999'")),
    "state_dict and model": ({"state_dict": RAW, "model": OTHER}, ("'state_dict'", "'model'")),
    "scales": ({"x2": RAW, "x4": OTHER}, ("'x2'", "'x4'")),
    "none that fits": ({"first": {"a.b": torch.ones(3)}, "second": {"c.d": torch.ones(3)}}, ("'first'", "'second'")),
    "averages of another network": ({"params": RAW, "params_ema": {"a.b": torch.ones(3)}}, ("'params_ema'", "params")),
    "averages without dots": (
        {"state_dict": {**prefixed(RAW, "model."), **{f"model_ema.{n.replace('.', '')}": t for n, t in EMA.items()}}},
        ("model_ema",),
    ),
    "averages without names": (
        {"model": RAW, "ema": {"decay": 0.99, "shadow_params": [torch.ones(2, 2)]}},
        ("shadow_params", "model"),
    ),
    "no weights": ({"epoch": 3, "config": {"lr": 1.0}}, ("'epoch' (a number)",)),
    "a list": ([RAW, OTHER], ("a list of 2",)),
    "a tensor": (torch.ones(3), ("a single tensor",)),
    "an optimiser alone": ({"optimizer": OPTIMIZER, "epoch": 2}, ("'optimizer'", "'epoch'")),
    "a discriminator alone": ({"net_d": RAW}, ("'net_d'",)),
}


@pytest.mark.parametrize(("content", "named"), UNCLEAR.values(), ids=UNCLEAR)
def test_what_cannot_be_told_is_an_error_that_lists_the_keys(content: Any, named: tuple[str, ...]) -> None:
    with pytest.raises(NasError) as caught:
        taken(content)
    assert all(word in str(caught.value) for word in named), caught.value
    assert "--key" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "key", "value"),
    [
        ({"teacher": RAW, "student": OTHER}, "student", 3.0),
        ({"model": {"state_dict": RAW}, "best": OTHER}, "model.state_dict", 1.0),
        (
            {"state_dict": {**prefixed(RAW, "generator."), **prefixed(EMA, "generator_ema.")}},
            "state_dict.generator",
            1.0,
        ),
        ({"a.b": {"c": RAW}, "a": {"b": {"c": OTHER}}}, "a.b.c", 1.0),
        ({"models": [RAW, OTHER]}, "models.1", 3.0),
        ([RAW, OTHER], "0", 1.0),
        ({"net_d": RAW}, "net_d", 1.0),
        ({"params": RAW, "params_ema": {"a.b": torch.ones(3)}}, "params", 1.0),
        (prefixed(RAW, "module.net."), "module", 1.0),
        ({"run": {"params": RAW, "params_ema": EMA}}, "run", 2.0),
    ],
)
def test_a_key_names_the_place(content: Any, key: str, value: float) -> None:
    assert value_of(taken(content, key)) == value


@pytest.mark.parametrize("key", ["param", "params.head.x", "0", "params_ema"])
def test_a_key_that_is_not_there_is_wrong_use_and_the_nearest_is_offered(key: str) -> None:
    with pytest.raises(UsageError, match=f"nothing under --key '?{key}|nothing under --key"):
        taken({"params": RAW, "state": {"a": 1}}, key)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ([1.0, float("nan")], "NaN in 1 of 2"),
        ([float("inf"), 1.0], "infinity in 1 of 2"),
        ([float("-inf"), float("nan")], "NaN in 2 of 2"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_values_that_are_not_finite_are_found_by_the_name_of_their_tensor(
    values: list[float], what: str, dtype: torch.dtype
) -> None:
    (found,) = not_finite({**RAW, "body.1.bias": torch.tensor(values, dtype=dtype)})
    assert found == f"body.1.bias ({what} values)"


def test_values_beyond_single_precision_are_not_finite_and_whole_numbers_are() -> None:
    assert not_finite({"w": torch.tensor([1e300], dtype=torch.float64)}) == ["w (infinity in 1 of 1 values)"]
    assert not_finite({"n": torch.tensor([2**40])}) == []
