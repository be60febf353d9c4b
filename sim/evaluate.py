"""What a predictor gets wrong, and where: squared errors on prompts that no training step draws.

Every function returns one squared error a prompt (float64), so that a caller can put bands on the
mean; the same seed gives the same prompts to every predictor, and prompts of two scales are the
same draws times the scale. `python -m sim.evaluate PATH...` is sim.evaluate_cli.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sim.baselines import Predictor
from sim.config import Law, Task
from sim.errors import UserError
from sim.laws import EVALUATION
from sim.polynomials import batch, coefficients, values

POINTS = 41


def squared_errors(
    predictor: Predictor, xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"], chunk: int = 512
) -> Float[np.ndarray, "b n"]:
    """Squared error of every prediction, `chunk` prompts at a time."""
    with torch.inference_mode():
        parts = [
            (predictor(x, y).double() - y.double()).square()
            for x, y in zip(xs.split(chunk), ys.split(chunk), strict=True)
        ]
    return torch.cat(parts).cpu().numpy()


def as_task(task: Task | int) -> Task:
    """A number stands for polynomials of that degree, inputs and coefficients from U(-1, 1)."""
    return Task(degrees=(task,), x=Law(), coefficients=Law()) if isinstance(task, int) else task


def scaled(task: Task | int, sigma_x: float, sigma_f: float) -> Task:
    """The task with inputs sigma_x times and coefficients sigma_f times as large."""
    task = as_task(task)
    return replace(
        task,
        x=replace(task.x, scale=task.x.scale * sigma_x),
        coefficients=replace(task.coefficients, scale=task.coefficients.scale * sigma_f),
    )


def error_by_position(
    predictor: Predictor,
    task: Task | int,
    prompts: int,
    seed: int,
    *,
    points: int = POINTS,
    sort: bool = False,
) -> Float[np.ndarray, "prompts n"]:
    """Squared error at every position; with `sort` each prompt comes in the order of its x."""
    xs, ys = batch(as_task(task), points, prompts, seed, EVALUATION)
    if sort:
        xs, order = xs.sort(dim=1)
        ys = ys.gather(1, order)
    return squared_errors(predictor, xs, ys)


def error_by_scale(
    predictor: Predictor,
    task: Task | int,
    scales: Sequence[float],
    prompts: int,
    seed: int,
    *,
    of: str = "x",
    points: int = POINTS,
) -> Float[np.ndarray, "scales prompts"]:
    """Squared error at the last query for each scale of the inputs (of="x"), the coefficients
    (of="f") or both (of="both"), relative to the laws of the task.

    Raises:
        UserError: `of` is something else.
    """
    if of not in ("x", "f", "both"):
        raise UserError(f"scales are those of x, f or both, not of {of!r}")
    rows = []
    for scale in scales:
        at = scaled(task, scale if of != "f" else 1.0, scale if of != "x" else 1.0)
        rows.append(error_by_position(predictor, at, prompts, seed, points=points)[:, -1])
    return np.stack(rows)


def heat_map(
    predictor: Predictor,
    task: Task | int,
    sigmas_x: Sequence[float],
    sigmas_f: Sequence[float],
    prompts: int,
    seed: int,
    *,
    points: int = POINTS,
) -> Float[np.ndarray, "sx sf prompts"]:
    """Squared error at the last query for each pair of scales of inputs and coefficients."""

    def cell(sigma_x: float, sigma_f: float) -> Float[np.ndarray, " prompts"]:
        at = scaled(task, sigma_x, sigma_f)
        return error_by_position(predictor, at, prompts, seed, points=points)[:, -1]

    return np.stack([np.stack([cell(sx, sf) for sf in sigmas_f]) for sx in sigmas_x])


def error_with_huge_token(
    predictor: Predictor,
    task: Task | int,
    sizes: Sequence[float],
    prompts: int,
    seed: int,
    *,
    position: int = 5,
    points: int = POINTS,
) -> Float[np.ndarray, "sizes prompts"]:
    """Squared error at the last query when ONE example is x = size, y = f(size).

    The probe of the authors' scripts (x_5 = 20000): the example is a true one, only far away.

    Raises:
        UserError: the position is no example before the last query, or f has no coefficients.
    """
    task = as_task(task)
    if not 0 <= position < points - 1:
        raise UserError(f"position {position} is no example of a prompt of {points} points")
    if task.kind not in ("polynomial", "chebyshev"):
        raise UserError(f"one huge token needs a polynomial task, got {task.kind!r}")
    xs, _ = batch(task, points, prompts, seed, EVALUATION)
    c = coefficients(task, prompts, seed, EVALUATION)
    rows = []
    for size in sizes:
        xs[:, position] = size
        ys = values(task.kind, xs.double(), c).float()
        rows.append(squared_errors(predictor, xs, ys)[:, -1])
    return np.stack(rows)


def error_by_length(
    predictor: Predictor, task: Task | int, lengths: Sequence[int], prompts: int, seed: int
) -> Float[np.ndarray, "lengths prompts"]:
    """Squared error at the last query of prompts of these lengths (one draw, cut)."""
    xs, ys = batch(as_task(task), max(lengths), prompts, seed, EVALUATION)
    return np.stack([squared_errors(predictor, xs[:, :n], ys[:, :n])[:, -1] for n in lengths])


if __name__ == "__main__":
    from sim.evaluate_cli import main

    main()
