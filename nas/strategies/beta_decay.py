"""Beta-decay: a penalty that keeps the weights of candidates from drifting apart while the supernet is young.

Ye, Li, Li, Zhang, Chen and Ouyang, "beta-DARTS: beta-decay regularization for differentiable architecture search",
CVPR 2022, eq. 9 and 11: the mean over the edges of log sum_k exp(alpha_k), whose gradient is the softmax itself. Its
weight grows linearly from zero to the full one over the search.
"""

from __future__ import annotations

import torch
from torch import Tensor


def beta_decay(alphas: Tensor) -> Tensor:
    """Log sum exp of each row of alphas (E, K), (E,); candidates that an edge lacks have -inf and add nothing."""
    return torch.logsumexp(alphas, dim=1)


def weight_at(step: int, steps: int, weight: float) -> float:
    """The weight of the penalty in a step, from 0 in the first to ``weight`` in the last of ``steps``."""
    return weight * min(step / max(steps - 1, 1), 1.0)
