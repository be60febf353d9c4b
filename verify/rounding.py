"""How much float32 may add to a bound proved for exact reals (F1), for residuals that were seen."""

import torch
from jaxtyping import Float
from torch import Tensor

from theory import Weights, rounding


def condition(residual: Float[Tensor, "... d"]) -> float:
    """max |h| / |Ph|: what LayerNorm amplifies rounding by (inf when a residual is constant)."""
    h = residual.detach().double().flatten(0, -2)
    h = h / h.abs().amax(dim=-1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
    centred = h - h.mean(dim=-1, keepdim=True)
    return float((h.norm(dim=-1) / centred.norm(dim=-1)).max())


def readout_slack(weights: Weights, residual: Float[Tensor, "... d"]) -> float:
    """Bound of |float32 readout(h) - exact readout(h)| over the residuals given."""
    return rounding.readout_slack(weights, condition(residual))
