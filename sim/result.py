"""What a finished run is judged by: its error on prompts that no step has drawn."""

from dataclasses import replace
from functools import partial

import numpy as np

from sim.baselines import Predictor, nearest, zero
from sim.config import Task, Train
from sim.evaluate import error_by_position

PROMPTS = 2048
# Seeds of held-out prompts: one that no training uses, so that models of all seeds see the same.
SEED = 2**31 - 1


def relative_error(predictor: Predictor, task: Task, points: int) -> float:
    """Mean squared error at the last query over that of the zero predictor, same prompts."""

    def last(of: Predictor) -> np.ndarray:
        return error_by_position(of, task, PROMPTS, SEED, points=points)[:, -1]

    return float(last(predictor).mean() / last(zero).mean())


def final_error(model: Predictor, config: Train) -> dict[str, float]:
    """Relative error of the model and of 1-NN on the training task, in distribution.

    A sequential task is tested on all its degrees; a model that does not beat 1-NN has not learned.
    """
    task, points = replace(config.task, order="mixed"), config.model.points
    rule = partial(nearest, neighbours=1)
    found = {
        "error": relative_error(model, task, points),
        "error_1nn": relative_error(rule, task, points),
    }
    if task.kind in ("polynomial", "chebyshev"):
        for degree in sorted(set(task.degrees)):
            alone = replace(task, degrees=(degree,))
            found[f"error_degree_{degree}"] = relative_error(model, alone, points)
    return found
