"""G4 on trained models without norms: no weights make the answer follow a line to infinity."""

import math

import torch

from theory.free_scale import limit_error, probe, settled_from
from verify.claims import claim
from verify.far import reference
from verify.rounding import double_slack


@claim(
    "G4",
    "without norms the answer misses every far line",
    mutants=("a head that divides",),
    must=">=",
)
def claim_G4_answers_miss_the_line_at_every_scale(model, record, twist):
    """|y(t z) - t a x_q|/t >= half its limit for every t >= t0; tried at t0 .. 2^12 t0."""
    weights = model.weights
    tokens, target = probe(weights)
    limit, start = limit_error(weights), settled_from(weights)
    prompt = torch.tensor(tokens)[None]
    if start == math.inf:
        # faster than t: the error over t has no limit to be compared with, but must grow
        outgrows(model, prompt, target, 0.0 if twist else 1.0, record)
        return
    for power in (0, 1, 4, 12):
        t = start * 2.0**power
        with torch.no_grad():
            y = t * target if twist else float(reference(model).tokens(prompt * t)[0, -1])
        error, bound = abs(y - t * target) / t, limit.low / 2
        slack = double_slack(4 * weights.width * (len(weights.blocks) + 1)) * abs(y) / t
        holds = error >= bound - slack
        ratio = bound / error if error > 0 else math.inf
        at = {"t": t, "limit": limit.low}
        record(bound=bound, attained=error, ratio=ratio, slack=slack, holds=holds, at=at)
        assert holds, record.violation((prompt * t)[0], f"an error >= {bound} t", y)


def outgrows(model, prompt, target: float, share: float, record) -> None:
    """|y(t z) - t a x_q|/t at t = 2^10, 2^20, 2^30: each at least twice the one before."""
    errors = []
    for power in (10, 20, 30):
        t = 2.0**power
        with torch.no_grad():
            y = float(reference(model).tokens(prompt * t)[0, -1])
        errors.append(share * abs(y - t * target) / t)
    holds = errors[2] >= 2 * errors[1] >= 4 * errors[0] > 0
    ratio = 2 * errors[1] / errors[2] if errors[2] > 0 else math.inf
    at = {"limit": "inf"}
    record(bound=2 * errors[1], attained=errors[2], ratio=ratio, holds=holds, at=at)
    assert holds, record.violation(prompt[0], "an error that outgrows t", errors[2])
