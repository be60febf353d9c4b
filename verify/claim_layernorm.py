"""L1-L6 on trained models: the ceiling, sampled, attacked, and at its witnesses."""

import torch
from torch.nn import functional as F

from theory.layernorm import (
    readout_ceiling,
    readout_centre,
    readout_direction,
    readout_radius,
)
from verify.attack import attack, begin, towards
from verify.claim_norms import rounding_of
from verify.claims import SMALLER, claim
from verify.far import ATTACKED_POINTS, extremes
from verify.kept import kept
from verify.passes import SEED, read_queries, sampled
from verify.predictors import points_of
from verify.rounding import normalised_slack, readout_slack, readout_slack_at

STARTS = 512
ROUNDS, SHARE = ((0.3, 4), (0.1, 12), (0.03, 12)), 0.25


def ends(ceiling, low, high):
    """(kind, attained, certified) of the two ends."""
    return (("low", low, ceiling.low), ("high", high, ceiling.high))


@claim("L1", "no normalised residual leaves the ball", mutants=("d -> d - 1",))
def claim_L1_sampled_residuals_stay_in_the_ball(model, record, samples, shard, twist):
    """|z|² <= d over a sampling pass, as float32 normalises."""
    seen = sampled(model, samples, shard)
    slack = normalised_slack(model.weights, seen["condition"].value)
    d = model.weights.width
    bound = (d - 1) / d if twist else 1.0
    holds = seen["ball"].value <= bound + slack
    at = {"prompts": seen.prompts, "shard": shard, "kind": "|z|²/d"}
    record(bound=bound, attained=seen["ball"].value, slack=slack, holds=holds, at=at)
    assert holds, record.violation(seen["ball"].prompt, bound, seen["ball"].value)
    pair = seen["pair"].value
    at = at | {"kind": "(max z - min z)²/2d"}
    record(bound=1.0, attained=pair, slack=slack, holds=pair <= 1 + slack, at=at)
    assert pair <= 1 + slack, record.violation(seen["pair"].prompt, 1.0, pair)


@claim("L1", "coordinates and pairs reach their range", mutants=(SMALLER,))
def claim_L1_witnesses_reach_the_range(model, shrink, record):
    """h = t e_i and t (e_i - e_j) through a LayerNorm of the model's width and eps."""
    d, eps = model.weights.width, model.weights.final_norm.eps
    h = torch.zeros(2, d)
    h[:, 0] = 2.0**20
    h[1, 1] = -(2.0**20)
    z = F.layer_norm(h, (d,), eps=eps).double()
    for name, square, seen in (
        ("|z_i|", d - 1, z[0, 0]),
        ("|z_i - z_j|", 2 * d, z[1, 0] - z[1, 1]),
    ):
        bound = (1 - shrink) * square**0.5
        # both residuals have a mean of at most h_i/d
        slack = normalised_slack(model.weights, (d / max(1, d - 1)) ** 0.5) * square**0.5
        holds = float(seen) <= bound + slack
        record(bound=bound, attained=float(seen), slack=slack, holds=holds, at={"kind": name})
        assert holds, f"{name} = {float(seen)} > {bound}"


@claim("L2", "no sampled prediction leaves the ceiling", mutants=("final norm skipped",))
def claim_L2_sampled_predictions_stay_inside(model, record, samples, shard):
    """At least --samples prompts (prefixes counted) of every family, in float32 as it runs."""
    ceiling = readout_ceiling(model.weights)
    seen = sampled(model, samples, shard)
    slack = readout_slack_at(model.weights, seen["condition"].value, seen["entry"].value)
    low, high = -seen["low"].value, seen["high"].value
    excess = max(ceiling.excess(low), ceiling.excess(high))
    extent = max(high - ceiling.midpoint, ceiling.midpoint - low)
    holds = excess <= slack
    at = {"prompts": seen.prompts, "shard": shard}
    record(bound=ceiling.radius, attained=extent, slack=slack, holds=holds, at=at)
    for kind, value, end in ends(ceiling, low, high):
        at = {"curve": "ceiling", "kind": f"sampled {kind}"}
        record(bound=end, attained=value, slack=slack, holds=holds, at=at, series=True)
    worst = "low" if ceiling.excess(low) > ceiling.excess(high) else "high"
    assert holds, record.violation(seen[worst].prompt, ceiling, low if worst == "low" else high)


@claim("L2", "no attacked prediction leaves the ceiling", mutants=("final norm skipped",))
def claim_L2_attacked_predictions_stay_inside(model, record, samples):
    """Gradient ascent from 1,024 prompts, half upwards, half downwards; and the kept prompts."""
    ceiling = readout_ceiling(model.weights)
    points = points_of(model, ATTACKED_POINTS)
    starts = min(STARTS, max(32, samples // 100))
    start = begin(starts, points, SEED)
    prompts = [prompt.float() for prompt in kept(model, "L2")]
    for end, radius in ((ceiling.low, -ceiling.radius), (ceiling.high, ceiling.radius)):
        objective = towards(model.network, end, radius)
        prompts.append(attack(objective, start, SEED, rounds=ROUNDS, share=SHARE).tokens)
    read = [(y[:, -1], h[:, -1]) for y, h in (read_queries(model.network, p) for p in prompts)]
    slack = readout_slack(model.weights, torch.cat([residual for _, residual in read]))
    seen = extremes(torch.cat([y for y, _ in read]), prompts)
    excess = max(ceiling.excess(seen.low), ceiling.excess(seen.high))
    extent = max(seen.high - ceiling.midpoint, ceiling.midpoint - seen.low)
    holds = excess <= slack
    at = {"starts": 2 * starts, "prompt": seen.high_prompt}
    record(bound=ceiling.radius, attained=extent, slack=slack, holds=holds, at=at)
    where = {"curve": "tightness", "where": "attacked prompts"}
    record(bound=ceiling.radius, attained=extent, holds=holds, at=where, series=True)
    for kind, value, end in ends(ceiling, seen.low, seen.high):
        prompt = seen.low_prompt if kind == "low" else seen.high_prompt
        at = {"curve": "ceiling", "kind": f"attacked {kind}", "prompt": prompt}
        record(bound=end, attained=value, slack=slack, holds=holds, at=at, series=True)
    low = ceiling.excess(seen.low) > ceiling.excess(seen.high)
    prompt, value = (seen.low_prompt, seen.low) if low else (seen.high_prompt, seen.high)
    assert holds, record.violation(prompt, ceiling, value)


@claim("L2", "the ceiling is reached by a residual", mutants=(SMALLER,))
def claim_L2_witness_reaches_the_ceiling(model, shrink, record):
    """h = t P(gamma*w), t -> ±inf, read out by the trained final norm: sharp, so 1 % less fails."""
    ceiling = readout_ceiling(model.weights).shrunk(shrink)
    residual = witness_residuals(model)
    with torch.no_grad():
        y = model.network.readout(residual).double()
    slack = readout_slack(model.weights, residual)
    low, high = float(y.min()), float(y.max())
    excess = max(ceiling.excess(low), ceiling.excess(high))
    holds = excess <= slack
    record(bound=ceiling.radius, attained=(high - low) / 2, slack=slack, holds=holds)
    for kind, value, end in ends(ceiling, low, high):
        at = {"curve": "ceiling", "kind": f"witness {kind}"}
        record(bound=end, attained=value, slack=slack, holds=holds, at=at, series=True)
    assert holds, f"outside {ceiling} by {excess}, rounding explains {slack}"
    sharp = (high - low) / 2 >= (1 - slack / ceiling.radius) * 0.999 * ceiling.radius
    assert sharp, "the witness no longer reaches the ceiling"


def witness_residuals(model) -> torch.Tensor:
    """t P(gamma*w), or t sign(alpha gamma*w) for a DyT, at t = ±1e3, ±1e6."""
    direction = torch.tensor([float(x) for x in readout_direction(model.weights)])
    final = model.weights.final_norm
    if final.kind == "dyt":
        direction = direction.sign() * (1 if final.alpha > 0 else -1)
    else:
        direction = direction / direction.abs().max()
    return torch.stack([t * direction for t in (-1e6, -1e3, 1e3, 1e6)]).float()


@claim("L3", "a short residual says little", mutants=("final norm skipped",))
def claim_L3_sampled_predictions_obey_the_short_ceiling(model, record, samples, shard):
    """|y - c| - R rho/sqrt(rho² + d eps) over the pass, with the residual's own length."""
    seen = sampled(model, samples, shard)
    slack = readout_slack_at(model.weights, seen["condition"].value, seen["entry"].value)
    excess = seen["beyond short"].value
    radius = float(readout_radius(model.weights))
    holds = excess <= slack
    at = {"prompts": seen.prompts, "shard": shard}
    record(bound=radius, attained=radius + excess, slack=slack, holds=holds, at=at)
    assert holds, record.violation(seen["beyond short"].prompt, "R rho/sqrt(rho² + d eps)", excess)


@claim("L3", "the shortened ceiling is reached at every length", mutants=(SMALLER,))
def claim_L3_witness_reaches_the_short_ceiling(model, shrink, record):
    """h = rho a/|a| at rho = 1e-4 .. 10."""
    gap = short_residual_gap(model, shrink)
    slack = rounding_of(model)
    radius = float(readout_radius(model.weights))
    record(bound=radius, attained=radius + gap, slack=slack, holds=gap <= slack)
    assert gap <= slack, f"beyond the shortened ceiling by {gap}"


def short_residual_gap(model, shrink: float) -> float:
    """max over rho of |y - c| - (1 - shrink) R rho/sqrt(rho² + d eps) at h = rho a/|a|.

    Float64: at rho << 1 float32 would round the excess of a 1 % smaller bound away.
    """
    weights = model.weights
    a = torch.tensor([float(x) for x in readout_direction(weights)], dtype=torch.float64)
    lengths = [10.0**k for k in range(-4, 2)]
    with torch.no_grad():
        y = model.reference().readout(torch.stack([rho * a / a.norm() for rho in lengths]))
    radius, centre = float(readout_radius(weights)), float(readout_centre(weights))
    eps = weights.width * weights.final_norm.eps
    reach = torch.tensor([radius * r / (r * r + eps) ** 0.5 for r in lengths], dtype=torch.float64)
    return float(((y - centre).abs() - (1 - shrink) * reach).max())
