"""N4 on trained models: a huge value of the prompt reads as a limit, and how soon."""

import math
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from theory.saturation import saturation_bound, saturation_constant
from verify.attack import attack, begin
from verify.claims import claim
from verify.far import ATTACKED_POINTS, LARGEST_CONTEXT, reference, slack
from verify.passes import SEED
from verify.predictors import points_of
from verify.subject import answer

STARTS = 8
ROUNDS = ((0.3, 6), (0.1, 6))
# its square is a float64, and the constant of N4 over it is nothing
HUGE = 1e100
FAR = 1e3


def ends(model, tokens: Float[Tensor, "B T"], z: float) -> Float[Tensor, " B"]:
    """y less y with the token before the query moved from z out to ±HUGE, the query at FAR."""
    rest, answers = tokens[:, :-2], []
    for value in (z, math.copysign(HUGE, z)):
        last = tokens.new_tensor([value, FAR]).expand(len(tokens), 2)
        answers.append(answer(reference(model), torch.cat([rest, last], dim=1)))
    return answers[0] - answers[1]


@cache
def strained(model) -> Float[Tensor, "B T"]:
    """Contexts: samples, and what ascent at z = -10^3 finds in both directions."""
    points, z = points_of(model, ATTACKED_POINTS), -1e3
    free = torch.arange(2 * points - 1) < 2 * points - 3
    start = begin(STARTS, points, SEED, reach=LARGEST_CONTEXT).double()
    found = [
        attack(
            # |z| times: what is left is of order 1/z and Adam's epsilon would swallow it
            lambda tokens, sign=sign: sign * abs(z) * ends(model, tokens, z),
            start, SEED, free=free, rounds=ROUNDS, reach=LARGEST_CONTEXT,
        ).tokens
        for sign in (1.0, -1.0)
    ]  # fmt: skip
    return torch.cat([start, *found])


@claim("N4", "a huge value before a far query is read as its limit", mutants=("C/z_k²",))
def claim_N4_predictions_approach_their_limit_like_one_over_the_value(model, record, twist):
    """|y(z) - y(±)|, sampled and attacked contexts, the limit taken at ±HUGE, in float64."""
    tokens = strained(model).clone()
    position = tokens.shape[1] - 1
    # y(±HUGE) is itself within C/HUGE of y(±)
    limit = float(saturation_constant(model.weights).upper()) / HUGE
    for z in (1e2, -1e3):
        near = float(saturation_bound(model.weights, FAR, z, position).upper())
        bound = near / abs(z) if twist else near + limit
        tokens[:, -2], tokens[:, -1] = z, FAR
        with torch.no_grad():
            moved = ends(model, tokens, z).abs()
        worst = int(moved.argmax())
        reached, allowed = float(moved[worst]), 2 * slack(model)
        holds = reached <= bound + allowed
        seen = {"bound": bound, "attained": reached, "slack": allowed, "holds": holds}
        record(**seen, at={"x": FAR, "z": z})
        if not twist:
            record(**seen, at={"curve": "saturation", "size": abs(z)}, series=True)
        assert holds, record.violation(tokens[worst], bound, reached)
