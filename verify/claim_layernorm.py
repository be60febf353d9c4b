"""L1-L3, L6 on trained models: the ceiling, sampled, attacked, and at its witnesses."""

import torch

from theory.layernorm import readout_ceiling, readout_direction
from verify.attack import ascend, prediction
from verify.claims import claim
from verify.rounding import readout_slack
from verify.sampling import batches, log_uniform, polynomials
from verify.subject import read_everywhere

SEED = 20250203
POINTS = 41
ATTACKED_POINTS = 4
STARTS = 512


def ends(ceiling, low, high):
    """(kind, attained, certified) of the two ends."""
    return (("low", low, ceiling.low), ("high", high, ceiling.high))


@claim("L2", "no sampled prediction leaves the ceiling")
def claim_L2_sampled_predictions_stay_inside(model, shrink, record, samples):
    """At least --samples prompts (prefixes counted) of every family, in float32 as it runs."""
    ceiling = readout_ceiling(model.weights)
    points = min(POINTS, (model.context + 1) // 2)
    low, high, slack, count = torch.inf, -torch.inf, 0.0, 0
    for _family, tokens in batches(samples, points, SEED):
        y, residual = read_everywhere(model.network, tokens)
        slack = max(slack, readout_slack(model.weights, residual))
        low, high = min(low, float(y.min())), max(high, float(y.max()))
        count += tokens.shape[0] * points
    excess = max(ceiling.excess(low), ceiling.excess(high))
    extent = max(high - ceiling.midpoint, ceiling.midpoint - low)
    holds = excess <= slack
    record(bound=ceiling.radius, attained=extent, slack=slack, holds=holds, at={"prompts": count})
    for kind, value, end in ends(ceiling, low, high):
        at = {"curve": "ceiling", "kind": f"sampled {kind}"}
        record(bound=end, attained=value, slack=slack, holds=holds, at=at, series=True)
    assert holds, f"prediction {excess} outside {ceiling}, rounding explains {slack}"


@claim("L2", "no attacked prediction leaves the ceiling")
def claim_L2_attacked_predictions_stay_inside(model, shrink, record):
    """Gradient ascent from 1,024 prompts, half upwards, half downwards."""
    ceiling = readout_ceiling(model.weights)
    generator = torch.Generator().manual_seed(SEED)
    half = [
        family(STARTS // 2, ATTACKED_POINTS, generator) for family in (polynomials, log_uniform)
    ]
    start = torch.cat(half).float()
    found = {
        kind: ascend(prediction(model.network, sign), start)
        for kind, sign in (("low", -1.0), ("high", 1.0))
    }
    _, residual = read_everywhere(model.network, torch.cat([a.tokens for a in found.values()]))
    slack = readout_slack(model.weights, residual)
    low, high = -found["low"].best, found["high"].best
    excess = max(ceiling.excess(low), ceiling.excess(high))
    extent = max(high - ceiling.midpoint, ceiling.midpoint - low)
    holds = excess <= slack
    at = {"starts": 2 * STARTS, "prompt": found["high"].argbest}
    record(bound=ceiling.radius, attained=extent, slack=slack, holds=holds, at=at)
    for kind, value, end in ends(ceiling, low, high):
        at = {"curve": "ceiling", "kind": f"attacked {kind}", "prompt": found[kind].argbest}
        record(bound=end, attained=value, slack=slack, holds=holds, at=at, series=True)
    assert holds, f"prediction {excess} outside {ceiling}, rounding explains {slack}"


@claim("L2", "the ceiling is reached by a residual", mutant=True)
def claim_L2_witness_reaches_the_ceiling(model, shrink, record):
    """h = t P(gamma*w), t -> ±inf, read out by the trained final norm: sharp, so 1 % less fails."""
    ceiling = readout_ceiling(model.weights).shrunk(shrink)
    direction = torch.tensor([float(x) for x in readout_direction(model.weights)])
    direction = direction / direction.abs().max()
    residual = torch.stack([t * direction for t in (-1e6, -1e3, 1e3, 1e6)]).float()
    with torch.no_grad():
        y = model.network.readout(residual).double()
    slack = readout_slack(model.weights, residual)
    low, high = float(y.min()), float(y.max())
    excess = max(ceiling.excess(low), ceiling.excess(high))
    inside = excess <= slack
    record(bound=ceiling.radius, attained=(high - low) / 2, slack=slack, holds=inside)
    assert inside == (shrink == 0), f"outside {ceiling} by {excess}, rounding explains {slack}"
    if shrink == 0:
        assert (high - low) / 2 >= 0.999 * ceiling.radius, (
            "the witness no longer reaches the ceiling"
        )
