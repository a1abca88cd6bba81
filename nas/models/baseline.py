"""The contract of a fixed baseline: what its module exposes as ``BASELINE``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nas.models.baseline_settings import CheckedConstructor, own_names

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class Criterion(Protocol):
    """A training loss over all that a network returns."""

    @property
    def identity(self) -> str:
        """What is measured, in words; recorded in the weights file."""

    def __call__(self, outputs: Any, degraded: Tensor, target: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch.

        Args:
            outputs: What the network returned, see ``nas.models.calling.RestorationModel``.
            degraded: Its input (N, C, H, W) on the model's own value range.
            target: The clean images (N, C, scale * H, scale * W) on the same range.
            step: The step of the training, counted from 0.

        Returns:
            The loss, a scalar with gradient, and its terms by name for the log.
        """


def no_conversion(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The conversion of models whose official tensor names are the platform's already."""
    return dict(state)


@dataclass(frozen=True)
class Baseline:
    """The network of one paper, as the platform builds, loads, trains and describes it.

    Attributes:
        name: What users type.
        title: A line for lists.
        tasks: Names of the tasks it serves; shell wildcards are allowed.
        create: Keywords (by default those of the full published model) -> an ``nn.Module`` with a ``descriptor``.
            Whatever is given here, a keyword that it does not know is refused in a sentence.
        config_for_task: Name of a task -> the keywords of ``create`` that this task decides (scale, channels, ...).
        folder: Where ``recipe.yaml`` (with the presets ``published`` and ``small``) and README.md lie.
        paper: Where it was published.
        licence: Licence of the published code.
        convert: Official state dict -> the platform's. It renames and reshapes only and never drops a tensor.
        config_from_state: Official state dict -> keywords of ``create``, so that ``nas import`` needs no flags.
        criterion: (model, options) -> the loss over the model's own outputs, or None where these options ask for the
            task's loss; the options are ``train.loss`` and ``train.criterion``. Without this function every training
            uses the task's loss on the restored image.
        transfer: (model, weights of the same baseline for another scale) -> names of the tensors that keep their
            fresh values; NasError for any difference beyond those. Without this function every tensor must fit.
        further_costs: (model, ``nas.profiling.costs.Costs``, (height, width) of the input) -> multiply-adds by other
            conventions, that of the publication among them, each by a label that names the convention.
        cost_output: (height, width) of the output at which the publication counts, where that is not the task's.
        trainable: False for the references without a network (bicubic, identity).
        aliases: Setting as the platform calls it (``cells``, ``width``: what --cells and --width set) -> keyword of
            ``create``, where the paper calls it otherwise.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    create: Callable[..., nn.Module]
    config_for_task: Callable[[str], dict[str, Any]]
    folder: Path
    paper: str = ""
    licence: str = ""
    convert: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]] = no_conversion
    config_from_state: Callable[[dict[str, torch.Tensor]], dict[str, Any]] | None = None
    criterion: Callable[[nn.Module, dict[str, Any]], Criterion | None] | None = None
    transfer: Callable[[nn.Module, dict[str, torch.Tensor]], list[str]] | None = None
    further_costs: Callable[[nn.Module, Any, tuple[int, int]], dict[str, int]] | None = None
    cost_output: tuple[int, int] | None = None
    trainable: bool = True
    aliases: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the keywords of ``create`` at every call, whoever calls it."""
        if not isinstance(self.create, CheckedConstructor):
            object.__setattr__(self, "create", CheckedConstructor(self.name, self.create, self.aliases))

    def own_names(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of the network under the keywords of ``create``, see ``aliases``.

        Raises:
            UsageError: One is given under two names with different values.
        """
        return own_names(self.name, self.aliases, settings)
