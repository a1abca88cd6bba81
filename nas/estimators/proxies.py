"""Zero-cost proxies that make sense for regression on pixels. They may change the given model and nothing else.

All are functions of the network at initialisation: they see the wiring and the initial weights, but not what training
makes of them. None counts costs, but synflow and the gradient norm grow with depth and with the number of
parameters; compare only genotypes of one space.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nas.errors import UsageError, did_you_mean
from nas.models.calling import RestorationModel, descriptor_of, final_image

if TYPE_CHECKING:
    from nas.models.baseline import Criterion

#: (model, degraded, target, criterion) -> score, larger is better; tensors (N, C, H, W) on the model's value range
Proxy = Callable[[nn.Module, Tensor, Tensor, "Criterion"], float]

#: pixels whose codes naswot compares
PIXELS = 128


def synflow(model: nn.Module, degraded: Tensor, target: Tensor, criterion: Criterion) -> float:
    """Log of the synaptic flow sum(theta * dR/dtheta), R the sum of the output, all weights made positive.

    Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic flow", NeurIPS 2020,
    section 6, eq. 3; as a proxy: Abdelfattah et al., ICLR 2021. It needs no data and no loss, so it applies to
    regression as well as to classification. The input is white instead of ones: networks that first subtract a mean
    colour would see negative values only, which ReLUs block. The conservation law behind it holds for networks that
    are homogeneous of degree one. Sigmoid gates and means are not: there the figure is still a path norm, but is not
    conserved. Computed in double precision, since it is a product over layers.

    Args:
        model: The network; its weights are made positive and stay so.
        degraded: Images (N, C, H, W) on the value range of the model, of which only the shape is used.
        target: Not used.
        criterion: Not used.

    Returns:
        The logarithm; more is better.
    """
    model = model.double().eval()
    parameters = [p for p in model.parameters() if p.requires_grad]
    with torch.no_grad():
        for parameter in parameters:
            parameter.abs_()
    white = torch.full_like(degraded[:1], _range(model), dtype=torch.float64)
    output = final_image(model(white))
    slopes = torch.autograd.grad(output.sum(), parameters, allow_unused=True)
    flow = sum(float((p.detach() * g).sum()) for p, g in zip(parameters, slopes, strict=True) if g is not None)
    return math.log(max(flow, 1e-300)) if math.isfinite(flow) else flow


def naswot(model: nn.Module, degraded: Tensor, target: Tensor, criterion: Criterion) -> float:
    """Log |det K|, K[i, j] the number of channels in which pixels i and j fall on the same side of zero.

    Mellor et al., "Neural architecture search without training", ICML 2021, section 3, eq. 2, adapted. In the
    paper the codes are those of ReLUs and tell the images of a batch apart. A restoration network has to tell pixels
    apart, and has gates and linear convolutions besides its ReLUs. Here the code of a pixel is the sign of the output
    of every convolution at its position, and K compares 128 pixels at fixed positions of the batch, as shares of all
    channels, so that wide networks do not win by their number of channels alone. The ranking is local: it says nothing
    about the receptive field.

    Args:
        model: The network.
        degraded: Images (N, C, H, W) on the value range of the model.
        target: Not used.
        criterion: Not used.

    Returns:
        The logarithm; more is better.
    """
    codes: list[Tensor] = []
    model.eval()
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(len(degraded), (PIXELS,), generator=generator).to(degraded.device)
    place = torch.rand(2, PIXELS, generator=generator).to(degraded.device)

    def look(module: nn.Module, inputs: object, output: Tensor) -> None:
        rows = (place[0] * output.shape[2]).long()
        columns = (place[1] * output.shape[3]).long()
        if len(output) == len(degraded):
            codes.append(output[image, :, rows, columns] > 0)  # (pixels, channels)

    hooks = [m.register_forward_hook(look) for m in model.modules() if isinstance(m, nn.Conv2d)]
    try:
        with torch.no_grad():
            model(degraded)
    finally:
        for hook in hooks:
            hook.remove()
    signs = torch.cat(codes, dim=1).double() * 2 - 1
    kernel = (1 + signs @ signs.T / signs.shape[1]) / 2
    # pixels of the same colour have the same code and would make the determinant zero
    return float(torch.linalg.slogdet(kernel + 1e-6 * torch.eye(PIXELS, dtype=torch.float64, device=kernel.device))[1])


def gradient_norm(model: nn.Module, degraded: Tensor, target: Tensor, criterion: Criterion) -> float:
    """Log of the sum over parameter tensors of |dL/dtheta|, L the training loss of one batch.

    ``grad_norm`` of Abdelfattah et al., "Zero-cost proxies for lightweight NAS", ICLR 2021, section 3.1. Any
    differentiable loss will do. Under L1 the gradient has nearly the same size wherever the output is far from the
    target, so the figure mostly reflects the initial gain; a high one may also mean a network that is hard to train.

    Args:
        model: The network.
        degraded: Images (N, C, H, W) on the value range of the model.
        target: The true images, (N, C, sH, sW).
        criterion: The training loss.

    Returns:
        The logarithm; more is better.
    """
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    loss, _ = criterion(model(degraded), degraded, target, 0)
    slopes = torch.autograd.grad(loss, parameters, allow_unused=True)
    total = sum(float(g.norm()) for g in slopes if g is not None)
    return math.log(max(total, 1e-300)) if math.isfinite(total) else total


def _range(model: nn.Module) -> float:
    return descriptor_of(model).value_range if isinstance(model, RestorationModel) else 1.0


PROXIES: dict[str, Proxy] = {"synflow": synflow, "naswot": naswot, "gradient_norm": gradient_norm}


def proxy(name: str) -> Proxy:
    """A proxy by name.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in PROXIES:
        raise UsageError(f"unknown proxy {name!r}; {did_you_mean(name, PROXIES)}")
    return PROXIES[name]
