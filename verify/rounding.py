"""How much floating point may add to a bound proved for exact reals (F1), for what was seen."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from theory import Weights, rounding


def condition(residual: Float[Tensor, "... d"]) -> float:
    """max |h| / |Ph|: what LayerNorm amplifies rounding by (inf when a residual is constant)."""
    h = residual.detach().double().flatten(0, -2)
    largest = h.abs().amax(dim=-1, keepdim=True)
    h = h / torch.where(largest > 0, largest, 1)
    centred = h - h.mean(dim=-1, keepdim=True)
    return float((h.norm(dim=-1) / centred.norm(dim=-1)).nan_to_num(nan=torch.inf).max())


def readout_slack(weights: Weights, residual: Float[Tensor, "... d"]) -> float:
    """Bound of |float32 readout(h) - exact readout(h)| over the residuals given."""
    return readout_slack_at(weights, condition(residual))


def readout_slack_at(weights: Weights, worst: float) -> float:
    """The same for residuals with |h|/|Ph| <= worst."""
    return rounding.readout_slack(weights, worst)


def normalised_slack(weights: Weights, worst: float) -> float:
    """Bound of the error of |z|²/d, z normalised in float32, |h|/|Ph| <= worst.

    z has the relative error e of theory.rounding.norm_error, so |z|² has at most e (2 + e), and a
    sum of d squares one more rounding of Higham's gamma_d.
    """
    relative = float(rounding.norm_error(weights.width, worst))
    return relative * (2 + relative) + 2 * float(rounding.dot_rounding(weights.width))


def double_slack(operations: int) -> float:
    """Relative error of so many float64 operations, gamma_n = n u/(1 - n u), on the safe side."""
    return float(rounding.dot_rounding(operations, np.float64))
