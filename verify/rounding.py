"""How much floating point may add to a bound proved for exact reals (F1), for what was seen."""

from flint import arb
from jaxtyping import Float
from torch import Tensor

from theory import Weights, rounding
from theory.float32 import growth
from theory.interval import up

DOUBLE = 2.0**-53


def condition_of(weights: Weights, residual: Float[Tensor, "... d"]) -> Float[Tensor, "..."]:
    """|h| / sqrt(|Ph|² + d eps): what a LayerNorm multiplies rounding by (RMSNorm: at most 1)."""
    h = residual.detach().double()
    centred = h - h.mean(dim=-1, keepdim=True) if layernormed(weights) else h
    square = centred.square().sum(dim=-1) + h.shape[-1] * weights.final_norm.eps
    return h.norm(dim=-1) / square.sqrt()


def layernormed(weights: Weights) -> bool:
    """Whether the readout's norm takes a mean off."""
    return weights.final_norm.kind == "layernorm"


def readout_slack(weights: Weights, residual: Float[Tensor, "... d"]) -> float:
    """Bound of |float32 readout(h) - exact readout(h)| over the residuals given."""
    worst = float(condition_of(weights, residual).max())
    return readout_slack_at(weights, worst, float(residual.detach().abs().max()))


def readout_slack_at(weights: Weights, worst: float, largest: float = 0.0) -> float:
    """The same for residuals of condition <= worst with entries <= largest; inf: no bound."""
    return rounding.readout_slack(weights, worst, largest)


def normalised_slack(weights: Weights, worst: float) -> float:
    """Bound of the error of |z|²/d, z normalised in float32 at condition <= worst.

    |fl(z) - z| <= sqrt(d) Z makes |z|²/d err by Z(2 + Z); the sum of d squares adds gam_(d+1).
    """
    error = rounding.normalising_error(weights.final_norm, arb(max(worst, 1.0)))
    if error is None:
        return float("inf")
    return up(error * (2 + error) + growth(weights.width + 1) * (1 + error) ** 2)


def double_slack(operations: int) -> float:
    """gam_n = n u/(1 - n u), u = 2^-53: relative error of so many float64 roundings in a row."""
    return operations * DOUBLE / (1 - operations * DOUBLE)
