"""Trained networks by the path of their weights file or run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import UsageError

if TYPE_CHECKING:
    from torch import nn


def load(source: str | Path) -> nn.Module:
    """The trained network of a weights file or of a run.

    Args:
        source: A weights file (.safetensors), or the run folder of a training, whose plug-ins are loaded.

    Returns:
        The network in evaluation mode on the CPU. Its ``descriptor`` says scale, channels and value range; images on
        0..255 are restored by ``nas.restore(network, image)``.

    Raises:
        UsageError: There is no such file or folder, or it holds no weights of a network.
        NasError: It cannot be read.
    """
    from nas.models.weights import load_weights

    return load_weights(weights_file(Path(source))).model


def weights_file(path: Path) -> Path:
    """The weights file that a path names: itself, or that in the run folder of a training, whose plug-ins are loaded.

    Raises:
        UsageError: There is no such file or folder, the folder holds no weights, or the file is of another kind.
    """
    if path.is_dir():
        inside = path / "weights.safetensors"
        if not inside.is_file():
            raise UsageError(f"{str(path)!r} contains no weights.safetensors; train it first with 'nas retrain {path}'")
        if (path / "config.yaml").is_file():
            from nas.registry import load_plugins
            from nas.train.run import Run

            load_plugins(Run.open(path).settings.plugins)
        return inside
    if not path.exists():
        raise UsageError(f"weights file {str(path)!r} does not exist")
    if path.suffix != ".safetensors":
        raise UsageError(
            f"{str(path)!r} is neither a .safetensors file nor a run folder; "
            "convert an official checkpoint with 'nas import'"
        )
    return path
