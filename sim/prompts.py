"""The prompts of training, step after step, for one model or for a stack of them."""

import torch
from jaxtyping import Float
from torch import Tensor

from sim import polynomials, schedules
from sim.config import Train
from sim.equivariant import normalise

# Philox is some hundred small kernels a draw, so one draw serves this many steps.
AHEAD = 32

Prompts = tuple[Float[Tensor, "*k b n"], Float[Tensor, "*k b n"]]


class Source:
    """`source(step)` gives (xs, ys), a function of the config, the seeds and the step."""

    def __init__(
        self, config: Train, seeds: tuple[int, ...], device: torch.device, ahead: int = AHEAD
    ) -> None:
        """Several seeds give prompts with a leading dimension, one entry a model."""
        self.config, self.device = config, device
        self.seeds = torch.tensor(seeds, device=device)
        self.ahead, self.first, self.drawn = ahead, 0, (torch.empty(0), torch.empty(0))

    def __call__(self, step: int) -> Prompts:
        """The prompts of a step; an equivariant model trains on normalised ones."""
        if not self.first <= step < self.first + len(self.drawn[0]):
            self.drawn = self.draw(step)
            self.first = step
        xs, ys = (numbers[step - self.first] for numbers in self.drawn)
        return (xs, ys) if len(self.seeds) > 1 else (xs[0], ys[0])

    def draw(self, step: int) -> Prompts:
        """Prompts of this step and of those after it that differ in nothing but the numbers."""
        config = self.config
        task, points = schedules.task(config, step), schedules.points(config, step)
        last = step + 1
        while last < min(config.steps, step + self.ahead) and (
            (schedules.task(config, last), schedules.points(config, last)) == (task, points)
        ):
            last += 1
        steps = torch.arange(step, last, device=self.device)[:, None]
        shape = (len(steps), len(self.seeds), config.batch)
        drawn = polynomials.batch(
            task, points, torch.Size(shape).numel(), self.seeds, steps, self.device
        )
        xs, ys = normalise(*drawn) if config.model.equivariant else drawn
        return xs.unflatten(0, shape), ys.unflatten(0, shape)
