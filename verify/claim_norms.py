"""L4-L6 on trained models: the final norm along the query's ray, its Jacobian, its speed limit."""

import numpy as np
import torch
from flint import arb

from theory.layernorm import readout_centre, readout_direction, readout_radius
from theory.linear import norm
from theory.lipschitz import norm_lipschitz, speed_limit
from theory.rays import query_ray, ray_cap, read_along_ray, turning_sine
from verify.claims import SMALLER, claim
from verify.passes import SEED
from verify.rounding import double_slack
from verify.sampling import generator_of

LENGTH = 1e3
DRAWS = 4096
# y = w.(gamma*z) + b with z by a mean, a variance, a root: under 10 roundings a coordinate
OPERATIONS = 10


def double(vector) -> torch.Tensor:
    """arb entries as a float64 tensor."""
    return torch.tensor([float(x) for x in vector], dtype=torch.float64)


def rounding_of(model) -> float:
    """float64 rounding of a readout: gamma_n times what its terms can sum to, |w||gamma| + |c|."""
    final, w = model.weights.final_norm, model.weights.read_out
    size = np.sqrt(model.weights.width) * np.linalg.norm(w * final.gamma)
    size += np.abs(w * final.beta).sum() + abs(model.weights.read_out_bias)
    return double_slack(OPERATIONS * model.weights.width) * float(size)


def cap_residuals(model, sine: float) -> torch.Tensor:
    """M v^ + q with |q|² + d eps = (M sin theta)²: random q, then the two tangents towards a."""
    ray, a = double(query_ray(model.weights)), double(readout_direction(model.weights))
    axis, d = ray / ray.norm(), model.weights.width
    across = a - (a @ axis) * axis
    across = across / across.norm()
    rest = ((LENGTH * sine) ** 2 - d * model.weights.final_norm.eps) ** 0.5
    noise = torch.randn(DRAWS, d, generator=generator_of(SEED, 4), dtype=torch.float64)
    if model.weights.final_norm.kind == "layernorm":
        noise = noise - noise.mean(-1, keepdim=True)
    drawn = LENGTH * axis + rest * noise / noise.norm(dim=-1, keepdim=True)
    # the tangent from the origin to the ball of radius ``rest`` about M v^
    near = rest / LENGTH
    cos = (1 - near**2) ** 0.5
    ends = [LENGTH * cos * (cos * axis + side * near * across) for side in (-1, 1)]
    return torch.cat([drawn, torch.stack(ends)])


@claim("L4", "far residuals are read inside the cap, and at its ends", mutants=(SMALLER,))
def claim_L4_residuals_around_the_ray_are_read_inside_the_cap(model, record, shrink):
    """sin theta = 1/4, 1/20, 1/100: y in c + R [cos(al + theta), cos(al - theta)]."""
    weights = model.weights
    c, radius, along = readout_centre(weights), readout_radius(weights), read_along_ray(weights)
    slack, network = rounding_of(model), model.reference()
    for part in (4, 20, 100):
        sine = turning_sine(arb(LENGTH), arb(LENGTH) / part)
        low, high = (float(c + end) for end in ray_cap(radius, along, sine))
        half, middle = (1 - shrink) * (high - low) / 2, (high + low) / 2
        with torch.no_grad():
            y = network.readout(cap_residuals(model, 1 / part))
        reached = float((y - middle).abs().max())
        # eps bends the two tangents inwards; the cap is theirs for eps = 0
        holds = reached <= half + slack
        at = {"sin theta": f"1/{part}"}
        record(bound=half, attained=reached, slack=slack, holds=holds, at=at)
        assert holds, f"y is {reached} from the middle of a cap of half length {half}"


@claim("L5", "the final norm is nowhere steeper than at a constant residual", mutants=(SMALLER,))
def claim_L5_jacobians_obey_the_lipschitz_constant(model, record, shrink):
    """|J(h)|_2 by autograd at a constant h, where it is largest, and around it."""
    weights, module = model.weights, model.reference().final_norm
    d = weights.width
    bound = float(norm_lipschitz(weights.final_norm).upper()) * (1 - shrink)
    generator = generator_of(SEED, 5)
    size = torch.tensor([0.0, *(10.0**k for k in range(-4, 3))], dtype=torch.float64)
    residuals = size[:, None] * torch.randn(len(size), d, generator=generator, dtype=torch.float64)
    jacobians = torch.func.vmap(torch.func.jacrev(module))(residuals)
    norms = torch.linalg.matrix_norm(jacobians.detach(), ord=2)
    attained = float(norms.max())
    slack = bound * double_slack(OPERATIONS * d * d)
    record(bound=bound, attained=attained, slack=slack, holds=attained <= bound + slack)
    assert attained <= bound + slack, f"|J| = {attained} > {bound}"


@claim("L6", "no readout moves faster than the speed limit", mutants=(SMALLER,))
def claim_L6_gradients_obey_the_speed_limit(model, record, shrink):
    """|grad_h y| sqrt(|Ph|² + d eps) / sqrt(R² - (y-c)²) at residuals of length 1e-3 .. 1e3."""
    weights = model.weights
    a, d = double(readout_direction(weights)), weights.width
    eps = weights.final_norm.eps
    generator = generator_of(SEED, 6)
    mixed = torch.linspace(-3, 3, DRAWS, dtype=torch.float64)[:, None]
    noise = torch.randn(DRAWS, d, generator=generator, dtype=torch.float64)
    # every height between the ends of the ceiling: towards a, and away from it
    h = noise / noise.norm(dim=-1, keepdim=True) + mixed * a / a.norm()
    h = h * 10 ** (6 * torch.rand(DRAWS, 1, generator=generator, dtype=torch.float64) - 3)
    h = h.requires_grad_(True)
    y = model.reference().readout(h)
    (gradient,) = torch.autograd.grad(y.sum(), h)
    m = h.detach()
    m = m - m.mean(-1, keepdim=True) if weights.final_norm.kind == "layernorm" else m
    radius, c = readout_radius(weights), readout_centre(weights)
    limits = [
        float(speed_limit(radius, abs(arb(v) - c), arb(length), d, arb(eps)).upper())
        for v, length in zip(y.tolist(), m.norm(dim=-1).tolist(), strict=True)
    ]
    ratios = gradient.norm(dim=-1) / torch.tensor(limits, dtype=torch.float64)
    worst = int(ratios.argmax())
    bound = limits[worst] * (1 - shrink)
    attained = float(gradient[worst].norm())
    # (y-c)² cancels against R² near the ceiling: the root there is known to 2 R slack/limit
    slack = double_slack(OPERATIONS * d) * bound * (1 + float(norm([radius])) / limits[worst])
    record(bound=bound, attained=attained, slack=slack, holds=attained <= bound + slack)
    assert attained <= bound + slack, f"|grad y| = {attained} > {bound}"
