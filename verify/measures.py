"""What a sampling pass keeps the largest value of: numbers that theorems bound for every prompt."""

from collections.abc import Mapping
from functools import partial

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from theory.layernorm import needs_sphere, readout_centre, readout_radius
from verify.passes import Batch, Measure
from verify.rounding import condition_of
from verify.subject import Subject

PerPrompt = Float[Tensor, "B n"]


def high(batch: Batch) -> PerPrompt:
    """The prediction."""
    return batch.y


def low(batch: Batch) -> PerPrompt:
    """Less the prediction."""
    return -batch.y


def condition(batch: Batch) -> PerPrompt:
    """|h| / sqrt(|Ph|² + d eps), by which a LayerNorm multiplies rounding (F1)."""
    return condition_of(batch.model.weights, batch.residual)


def entry(batch: Batch) -> PerPrompt:
    """max |h_i|: F1 and F2 speak up to 2^63."""
    return batch.residual.abs().amax(dim=-1)


def ball(batch: Batch) -> PerPrompt:
    """|z|²/d of the normalised residual, as float32 normalises it (L1: at most 1)."""
    h, norm = batch.residual, batch.model.weights.final_norm
    if norm.kind == "layernorm":
        return F.layer_norm(h, h.shape[-1:], eps=norm.eps).square().mean(dim=-1)
    return F.rms_norm(h, h.shape[-1:], eps=norm.eps).square().mean(dim=-1)


def pair(batch: Batch) -> PerPrompt:
    """(max z - min z)² / 2d (L1: at most 1)."""
    h = batch.residual
    z = F.layer_norm(h, h.shape[-1:], eps=batch.model.weights.final_norm.eps)
    return (z.amax(dim=-1) - z.amin(dim=-1)).square() / (2 * h.shape[-1])


def beyond_short(centre: float, radius: float, batch: Batch) -> PerPrompt:
    """|y - c| - R rho/sqrt(rho² + d eps), rho = |Ph| (L3: at most 0)."""
    norm, h = batch.model.weights.final_norm, batch.residual.double()
    m = h - h.mean(dim=-1, keepdim=True) if norm.kind == "layernorm" else h
    square = m.square().sum(dim=-1)
    reach = radius * (square / (square + h.shape[-1] * norm.eps)).sqrt()
    return (batch.y.double() - centre).abs() - reach


def measures_of(model: Subject) -> Mapping[str, Measure]:
    """The measures that mean something for the model's final norm."""
    found: dict[str, Measure] = {
        "high": high,
        "low": low,
        "condition": condition,
        "entry": entry,
    }
    if needs_sphere(model.weights) is None:
        found["ball"] = ball
        centre, radius = (float(f(model.weights)) for f in (readout_centre, readout_radius))
        found["beyond short"] = partial(beyond_short, centre, radius)
    if model.weights.final_norm.kind == "layernorm":
        found["pair"] = pair
    return found
