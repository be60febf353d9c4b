"""N5 on trained models: how little a far prediction moves with its own query."""

import torch
from jaxtyping import Float
from torch import Tensor

from theory.slope import slope_band
from verify.attack import attack, begin
from verify.claims import claim
from verify.far import ATTACKED, ATTACKED_POINTS, LARGEST_CONTEXT, reference, slack
from verify.passes import SEED
from verify.predictors import points_of
from verify.subject import answer

STARTS = 16
ROUNDS = ((0.3, 6), (0.1, 6))


def query_slope(model, tokens: Float[Tensor, "B T"], graph: bool = False) -> Float[Tensor, " B"]:
    """dy/dx_q at the last token; with ``graph`` it can be differentiated in the context."""
    query = tokens[:, -1:].detach().clone().requires_grad_(True)
    y = answer(reference(model), torch.cat([tokens[:, :-1], query], dim=1))
    (slope,) = torch.autograd.grad(y.sum(), query, create_graph=graph)
    return slope[:, 0]


@claim("N5", "far predictions hardly move with their query", mutants=("cap at 10 x",))
def claim_N5_slopes_lie_in_the_certified_band(model, record, twist):
    """Sampled (10^2 .. 10^4) and attacked (10^3) contexts, by autograd in float64."""
    points = points_of(model, ATTACKED_POINTS)
    position = 2 * points - 2
    free = torch.arange(position + 1) < position
    for x in (1e2, 1e3, -1e3, 1e4):
        band = slope_band(model.weights, 10 * x if twist else x, position)
        start = begin(STARTS, points, SEED, reach=LARGEST_CONTEXT).double()
        start[:, -1] = x
        slopes, prompts = [query_slope(model, start)], [start]
        for sign in (1.0, -1.0) if x == ATTACKED else ():
            found = attack(
                # the 1/x² is divided out, or Adam's epsilon would swallow the gradient
                lambda tokens, sign=sign, x=x: sign * x * x * query_slope(model, tokens, True),
                start, SEED, free=free, rounds=ROUNDS, reach=LARGEST_CONTEXT,
            )  # fmt: skip
            prompts.append(found.tokens)
            slopes.append(query_slope(model, found.tokens))
        every = torch.cat(slopes)
        worst = int(torch.tensor([band.excess(v) for v in every.tolist()]).argmax())
        reached = float(every.abs().max())
        # projecting the radial direction out leaves the rounding of y over the length of the ray
        allowed = 8 * slack(model) / abs(x)
        holds = band.excess(float(every[worst])) <= allowed
        at = {"x": x}
        seen = {"bound": band.magnitude, "attained": reached, "slack": allowed, "holds": holds}
        record(**seen, at=at)
        if x > 0 and not twist:
            record(**seen, at={"curve": "slope", "x": x}, series=True)
        assert holds, record.violation(torch.cat(prompts)[worst], band, float(every[worst]))
