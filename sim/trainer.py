"""One training step, and the state that steps change: all that a checkpoint has to hold."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from sim import schedules
from sim.config import Train
from sim.distributed import ALONE, Group
from sim.errors import UserError
from sim.model import Transformer
from sim.optimizers import Optimizers, fill
from sim.prompts import Source

# Lengths of prompts that are compiled; torch gives up after 8, and runs the others uncompiled.
LENGTHS = 64


@contextmanager
def products(precision: str) -> Iterator[None]:
    """float32 products of matrices as they are, or in TF32 (GPU); forward and backward."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class Trainer:
    """A model in training. Everything else that a step needs is a function of (config, step)."""

    def __init__(
        self, config: Train, device: torch.device | str = "cpu", group: Group = ALONE
    ) -> None:
        """Starts from the config's seed; ``load`` continues from somewhere else."""
        self.build((config,), Transformer(config.model, config.seed), device, group)

    def build(
        self,
        configs: Sequence[Train],
        model: Transformer,
        device: torch.device | str,
        group: Group = ALONE,
    ) -> None:
        """Put everything around a model that has its initial values.

        Raises:
            UserError: a batch that the processes cannot share equally.
        """
        if configs[0].batch % group.size:
            raise UserError(
                f"a batch of {configs[0].batch} does not go into equal parts for {group.size} "
                "processes; choose another --batch"
            )
        self.config, self.configs = configs[0], tuple(configs)
        self.device, self.group = torch.device(device), group
        self.model = model.to(self.device)
        self.named = dict(self.model.named_parameters())
        self.optimizers = Optimizers(self.config.optimizer, self.named)
        self.prompts = Source(self.config, tuple(c.seed for c in configs), self.device)
        self.predict, self.once = self.model.plain, self.update
        if self.config.compile:
            torch._dynamo.config.cache_size_limit = LENGTHS
            self.predict = torch.compile(self.model.plain, dynamic=False)

    def loss(self, xs: Float[Tensor, "*k b n"], ys: Float[Tensor, "*k b n"]) -> Float[Tensor, "*k"]:
        """Mean squared error over every x of the prompts, one for each model."""
        bf16 = self.config.precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            predictions = self.predict(xs, ys)
        return (predictions.float() - ys).square().mean((-2, -1))

    def update(
        self, xs: Float[Tensor, "*k b n"], ys: Float[Tensor, "*k b n"]
    ) -> Float[Tensor, "*k"]:
        """Everything that happens to the state in a step; returns the loss, on the device."""
        for parameter in self.named.values():
            parameter.grad = None
        with products(self.config.precision):
            loss = self.loss(xs, ys)
            loss.sum().backward()
            loss = loss.detach()
            self.group.average([loss, *self.gradients()])
            self.clip()
            self.optimizers.step()
        return loss

    def gradients(self) -> list[Tensor]:
        """Of the parameters that the loss depends on."""
        return [p.grad for p in self.named.values() if p.grad is not None]

    def clip(self) -> None:
        """Scale the gradient down to the norm that the config allows."""
        torch.nn.utils.clip_grad_norm_(self.named.values(), self.config.optimizer.clip)

    def advance(self, step: int) -> Float[Tensor, "*k"]:
        """Do step number `step` (from 0) and return its loss, still on the device."""
        self.optimizers.rate.fill_(schedules.rate(self.config, step))
        xs, ys = self.prompts(step)
        return self.once(self.group.share(xs), self.group.share(ys))

    def tensors(self) -> dict[str, Tensor]:
        """The whole state by name."""
        model = {f"model.{name}": parameter for name, parameter in self.named.items()}
        return model | self.optimizers.tensors()

    def states(self) -> list[dict[str, Tensor]]:
        """The state of every model, as one that is trained alone would have it."""
        return [self.tensors()]

    def load(self, states: list[dict[str, Tensor]]) -> None:
        """Continue from what ``states`` gave.

        Raises:
            ValueError: a tensor is missing, unknown or misshapen.
        """
        (tensors,) = states
        fill(self.tensors(), tensors)
