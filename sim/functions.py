"""Tasks that are not a basis times coefficients: continuous functions, and zeros of polynomials."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from sim.config import Law, Task
from sim.errors import UserError
from sim.laws import degrees, draw


def continuous(
    task: Task,
    points: int,
    batch: int,
    seed: int | Tensor,
    step: int | Tensor,
    device: torch.device | str = "cpu",
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n"]]:
    """f(x) = c_0 + c_1 sin(w x + p) + c_2 exp(-|x - t|) + c_3 |x - u|: continuous, not smooth.

    w ~ U(-2 pi, 2 pi), p ~ U(-pi, pi), t and u from the law of x; task.degrees is not used. No
    polynomial is among the functions with c_1 c_2 c_3 != 0, but polynomials come as near as one
    likes on an interval (Weierstrass).
    """
    place = (seed, step, device)
    xs = draw(task.x, (batch, points), "x", *place)
    c = draw(task.coefficients, (batch, 4, 1), "coefficients", *place)
    wave = draw(Law("uniform", math.pi), (batch, 2, 1), "shape", *place)
    kink = draw(task.x, (batch, 2, 1), "kink", *place)
    parts = torch.stack(
        [
            torch.ones_like(xs),
            torch.sin(2 * wave[:, 0] * xs + wave[:, 1]),
            torch.exp(-(xs - kink[:, 0]).abs()),
            (xs - kink[:, 1]).abs(),
        ],
        dim=1,
    )
    return xs, (c * parts).sum(1)


def zeros(
    task: Task,
    points: int,
    batch: int,
    seed: int | Tensor,
    step: int | Tensor,
    device: torch.device | str = "cpu",
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n"]]:
    """The inverse task: inputs p(x_1) .. p(x_(n-1)), 0 and targets x_1 .. x_(n-1), the zero of p.

    p(x) = s sum over odd k of |c_k| (x^k - r^k), s = +-1, r and the x_i from the law of x:
    increasing or decreasing, so every question has one answer and the last answer is r.

    Raises:
        UserError: an even degree, whose polynomials have no zero or two.
    """
    if any(degree % 2 == 0 for degree in task.degrees):
        raise UserError(
            f"zeros needs odd degrees, got {task.degrees}: the zero of an even one is not unique"
        )
    place = (seed, step, device)
    size = max(task.degrees)
    power = torch.arange(1, size + 1, device=device)
    used = (power % 2 == 1) & (power <= degrees(task, batch, *place)[:, None])
    c = draw(task.coefficients, (batch, size), "coefficients", *place).abs() * used
    sign = torch.sign(draw(Law("uniform"), (batch, 1), "shape", *place))
    xs = draw(task.x, (batch, points), "x", *place)
    root = xs[:, -1:, None]
    terms = c[:, None] * (xs[..., None] ** power - root**power)
    return sign * terms.sum(-1), xs
