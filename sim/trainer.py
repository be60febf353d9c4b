"""One training step, and the state that steps change: all that a checkpoint has to hold."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from sim import polynomials, schedules
from sim.config import Train
from sim.equivariant import normalise
from sim.model import Transformer
from sim.optimizers import Optimizers


@contextmanager
def precision(config: Train, device: torch.device) -> Iterator[None]:
    """float32 as it is, float32 products in TF32 (GPU), or bfloat16 under autocast."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if config.precision == "tf32" else "highest")
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


class Trainer:
    """A model in training. Everything else that a step needs is a function of (config, step)."""

    def __init__(self, config: Train, device: torch.device | str = "cpu") -> None:
        """Starts from the config's seed; ``load`` continues from somewhere else."""
        self.config, self.device = config, torch.device(device)
        self.model = Transformer(config.model, config.seed).to(self.device)
        self.named = dict(self.model.named_parameters())
        self.optimizers = Optimizers(config.optimizer, self.named)
        self.predict = (
            torch.compile(self.model.plain, dynamic=False) if config.compile else self.model.plain
        )

    def prompts(self, step: int) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n"]]:
        """The prompts of a step; an equivariant model trains on normalised ones."""
        config = self.config
        task, points = schedules.task(config, step), schedules.points(config, step)
        xs, ys = polynomials.batch(task, points, config.batch, config.seed, step, self.device)
        return normalise(xs, ys) if config.model.equivariant else (xs, ys)

    def loss(self, step: int) -> Float[Tensor, ""]:
        """Mean squared error over every x of the step's prompts."""
        xs, ys = self.prompts(step)
        with precision(self.config, self.device):
            predictions = self.predict(xs, ys)
        return (predictions.float() - ys).square().mean()

    def advance(self, step: int) -> Float[Tensor, ""]:
        """Do step number `step` (from 0) and return its loss, still on the device."""
        for parameter in self.named.values():
            parameter.grad = None
        loss = self.loss(step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.named.values(), self.config.optimizer.clip)
        self.optimizers.step(schedules.rate(self.config, step))
        return loss.detach()

    def tensors(self) -> dict[str, Tensor]:
        """The whole state by name."""
        model = {f"model.{name}": parameter for name, parameter in self.named.items()}
        return model | self.optimizers.tensors()

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Continue from a state that ``tensors`` gave."""
        with torch.no_grad():
            for name, parameter in self.named.items():
                parameter.copy_(tensors[f"model.{name}"])
        moments = {k: v for k, v in tensors.items() if k.startswith("optimizer.")}
        self.optimizers.load(moments)

    def finite(self) -> bool:
        """Whether every parameter is a number: what is not must never replace what is."""
        return all(bool(torch.isfinite(p).all()) for p in self.named.values())
