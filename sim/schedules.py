"""What depends on the step and on nothing else: learning rate, length of prompts, task."""

import math

from sim.config import Task, Train
from sim.polynomials import stage


def rate(config: Train, step: int) -> float:
    """Learning rate of step 0, 1, ..: linear warm-up, then constant or a cosine down to 0."""
    optimizer = config.optimizer
    warm = round(optimizer.warmup * config.steps)
    if step < warm:
        return optimizer.rate * (step + 1) / warm
    if optimizer.schedule == "constant":
        return optimizer.rate
    return optimizer.rate * (1 + math.cos(math.pi * (step - warm) / (config.steps - warm))) / 2


def points(config: Train, step: int) -> int:
    """Points of the prompts at a step: growing by 2 at a time to full length, if they grow."""
    full, start = config.model.points, config.curriculum.points
    if not start or step >= config.curriculum.share * config.steps:
        return full
    stages = max(1, -(-(full - start) // 2))
    done = int(stages * step / (config.curriculum.share * config.steps))
    return min(full, start + 2 * done)


def task(config: Train, step: int) -> Task:
    """The task at a step: the same one, or one degree after the other."""
    return stage(config.task, step / config.steps)
