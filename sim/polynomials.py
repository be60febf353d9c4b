"""Prompts: inputs and values of random functions, a pure function of (task, seed, step).

    polynomial   c_0 + c_1 x + .. + c_k x^k
    chebyshev    c_0 T_0(x) + .. + c_k T_k(x)
    continuous   sim.functions: sines, kinks and cusps (for the Weierstrass claim)
    zeros        sim.functions: the inverse task, values in and points out, the last query is 0

The degree k is uniform over task.degrees (a repeated degree counts twice) unless the task is
sequential: then `stage` picks one degree by the share of the training that is over.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from sim import functions
from sim.config import Law, Task
from sim.errors import UserError
from sim.laws import degrees, draw


def stage(task: Task, share: float) -> Task:
    """The task after this share (0 to 1) of the training.

    A mixed task never changes; a sequential one trains on its degrees one after the other, in equal
    parts: degrees (1, 1, 1, 3, 3, 3, 5, 5, 5, 5) are the 150 k, 150 k, 200 k of the authors' run.
    """
    if task.order == "mixed":
        return task
    part = min(int(share * len(task.degrees)), len(task.degrees) - 1)
    return replace(task, degrees=(task.degrees[part],))


def coefficients(
    task: Task,
    batch: int,
    seed: int | Tensor,
    step: int | Tensor,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "batch k"]:
    """c_0 .. c_k for the largest degree; 0 above the degree of the prompt."""
    size = max(task.degrees) + 1
    drawn = draw(task.coefficients, (batch, size), "coefficients", seed, step, device)
    used = torch.arange(size, device=device) <= degrees(task, batch, seed, step, device)[:, None]
    return drawn * used


def values(
    kind: str, xs: Float[Tensor, "b n"], coefficients: Float[Tensor, "b k"]
) -> Float[Tensor, "b n"]:
    """Polynomials with these coefficients in the basis of the kind, by Horner or Clenshaw."""
    after = torch.zeros_like(xs)
    later = torch.zeros_like(xs)
    if kind == "polynomial":
        for c in coefficients.flip(1).unbind(1):
            after = after * xs + c[:, None]
        return after
    for c in coefficients[:, 1:].flip(1).unbind(1):
        after, later = 2 * xs * after - later + c[:, None], after
    return xs * after - later + coefficients[:, :1]


def batch(
    task: Task,
    points: int,
    batch: int,
    seed: int | Tensor,
    step: int | Tensor,
    device: torch.device | str = "cpu",
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n"]]:
    """(xs, ys) in float32, computed in float64; the same arguments give the same prompts.

    Raises:
        UserError: a kind or law that is not known, a sequential task that went through no `stage`,
            or degrees that the task cannot have.
    """
    if task.order == "sequential" and len(set(task.degrees)) > 1:
        raise UserError("a sequential task has one degree at a time: draw from stage(task, share)")
    place = (seed, step, device)
    if task.kind in ("polynomial", "chebyshev"):
        xs = draw(task.x, (batch, points), "x", *place)
        ys = values(task.kind, xs, coefficients(task, batch, *place))
    elif task.kind == "continuous":
        xs, ys = functions.continuous(task, points, batch, *place)
    elif task.kind == "zeros":
        xs, ys = functions.zeros(task, points, batch, *place)
    else:
        raise UserError(f"no task {task.kind!r}; known: polynomial, chebyshev, continuous, zeros")
    if task.noise:
        ys = ys + task.noise * draw(Law("normal"), (batch, points), "noise", *place)
    return xs.float(), ys.float()
