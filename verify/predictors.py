"""Models under test as predictors (xs, ys) -> predictions, and their errors over scales."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sim.baselines import Predictor, zero
from sim.bootstrap import Band, band
from sim.config import Task
from sim.equivariant import normalise, scales
from sim.evaluate import as_task, scaled, squared_errors
from sim.laws import EVALUATION
from sim.polynomials import batch
from verify.sampling import interleave
from verify.subject import Subject

SEED = 20250530
PROMPTS = 128
POINTS = 41


def plain(model: Subject) -> Predictor:
    """The network itself, outside any wrapper."""

    def predict(xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        return model.network.tokens(interleave(xs, ys))[:, ::2]

    return predict


def last(predictor: Predictor) -> Predictor:
    """Predictions at the last query alone, (b, 1)."""
    return lambda xs, ys: predictor(xs, ys)[:, -1:]


def wrapped_last(model: Subject) -> Predictor:
    """W1's wrapper at the last query, in one pass: Q F(x/S, y/Q; x_q/S), (b, 1)."""
    predict = plain(model)

    def answer(xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"]) -> Float[Tensor, "b 1"]:
        _, size = scales(xs, ys)
        x, y = normalise(xs, ys)
        # the y of the query is not read, and may be huge beside the others
        y = torch.cat([y[:, :-1], torch.zeros_like(y[:, -1:])], dim=1)
        return size[:, -1:] * predict(x, y)[:, -1:]

    return answer


def prompts_of(
    task: Task | int, scale: float = 1.0, count: int = PROMPTS, points: int = POINTS, f: float = 1.0
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n"]]:
    """Evaluation prompts of a task with inputs ``scale`` and coefficients ``f`` times as large."""
    return batch(scaled(as_task(task), scale, f), points, count, SEED, EVALUATION)


def errors_at_last(
    predictor: Predictor, xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"]
) -> Float[np.ndarray, " b"]:
    """Squared error at the last query; predictors may answer that one only."""

    def aligned(x: Tensor, y: Tensor) -> Tensor:
        answered = predictor(x, y)
        return answered if answered.shape == y.shape else answered.expand_as(y)

    return squared_errors(aligned, xs, ys, chunk=256)[:, -1]


@cache
def model_errors(
    model: Subject, task: Task | int, scale: float = 1.0, wrapped: bool = False
) -> Float[np.ndarray, " b"]:
    """Squared errors of a model at the last of POINTS queries; once a process."""
    predictor = wrapped_last(model) if wrapped else plain(model)
    return errors_at_last(predictor, *prompts_of(task, scale, points=points_of(model)))


def points_of(model: Subject, wanted: int = POINTS) -> int:
    """``wanted`` points, or as many as the model has positions for."""
    return min(wanted, (model.context + 1) // 2)


@cache
def reference_errors(task: Task | int, scale: float = 1.0) -> Float[np.ndarray, " b"]:
    """Squared values at the last query: the zero model's errors."""
    return errors_at_last(zero, *prompts_of(task, scale))


def relative(
    models: Sequence[Subject], task: Task | int, scale: float = 1.0, wrapped: bool = False
) -> Band:
    """Error over the zero model's with its 95 % band over models (seeds) and prompts."""
    errors = np.stack([model_errors(m, task, scale, wrapped) for m in models])
    return over_zero(errors, task, scale)


def over_zero(errors: Float[np.ndarray, "s b"], task: Task | int, scale: float = 1.0) -> Band:
    """The band of errors that are already there."""
    return band(errors, np.broadcast_to(reference_errors(task, scale), errors.shape))


def ratio_of(
    first: Sequence[Float[np.ndarray, " b"]], second: Sequence[Float[np.ndarray, " b"]]
) -> Band:
    """Mean of the first errors over mean of the second, same models and prompts, resampled."""
    return band(np.stack(list(first)), np.stack(list(second)))


def squared(
    predictor: Predictor, xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"]
) -> Float[np.ndarray, "b n"]:
    """Squared error of every prediction, 512 prompts at a time."""
    return squared_errors(predictor, xs, ys)
