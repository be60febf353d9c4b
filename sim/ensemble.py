"""K models in one: every parameter has a leading dimension K, every product is a batched one.

For a GPU, which one small model leaves idle. On two CPU cores a stack is no faster than its models
one after the other (performance.md, section 2): there `--seeds` runs one process a core instead.
A stack and its models alone agree to rounding, not bit for bit, so exact resume needs the same
stack; each model has checkpoints of its own, which everything else reads like any other.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from sim.config import Train
from sim.errors import UserError
from sim.model import Transformer
from sim.norms import DyT
from sim.optimizers import fill
from sim.trainer import Trainer


class Linear(nn.Module):
    """K linear maps; `weight` (K, out, in), `bias` (K, out)."""

    def __init__(self, one: nn.Linear) -> None:
        """One of the maps; ``stacked`` brings the parameters."""
        super().__init__()
        self.weight, self.bias = one.weight, one.bias

    def forward(self, u: Float[Tensor, "k *b i"]) -> Float[Tensor, "k *b o"]:
        """One batched product."""
        flat = torch.baddbmm(self.bias[:, None], u.flatten(1, -2), self.weight.mT)
        return flat.unflatten(1, u.shape[1:-1])


class Norm(nn.Module):
    """K LayerNorms, RMSNorms or DyTs; `weight` (K, d), and `bias` and `alpha` as the kind has."""

    weight: nn.Parameter
    bias: nn.Parameter
    alpha: nn.Parameter

    def __init__(self, one: nn.LayerNorm | nn.RMSNorm | DyT) -> None:
        """One of the norms; ``stacked`` brings the parameters."""
        super().__init__()
        self.kind, self.eps = type(one), float(getattr(one, "eps", None) or 0.0)
        for name, parameter in one.named_parameters():
            self.register_parameter(name, parameter)

    def forward(self, h: Float[Tensor, "k *b d"]) -> Float[Tensor, "k *b d"]:
        """The statistics are those of each vector, the affine part is that of its model."""
        if self.kind is nn.LayerNorm:
            unit = F.layer_norm(h, h.shape[-1:], eps=self.eps)
        elif self.kind is nn.RMSNorm:
            unit = F.rms_norm(h, h.shape[-1:], eps=self.eps)
        else:
            unit = torch.tanh(self.along(self.alpha, h) * h)
        scaled = self.along(self.weight, h) * unit
        return scaled if self.kind is nn.RMSNorm else scaled + self.along(self.bias, h)

    def along(self, parameter: Float[Tensor, "k d"], h: Tensor) -> Float[Tensor, "k *ones d"]:
        """Shaped to broadcast against h."""
        return parameter.reshape(len(parameter), *[1] * (h.ndim - 2), -1)


SWAPPED: dict[type, Any] = {nn.Linear: Linear, nn.LayerNorm: Norm, nn.RMSNorm: Norm, DyT: Norm}


def stacked(models: Sequence[nn.Module]) -> Any:
    """The modules as one, made out of the first; the names of the parameters stay."""
    first = models[0]
    if type(first) in SWAPPED:
        first = SWAPPED[type(first)](first)
    for name, _ in list(first.named_parameters(recurse=False)):
        together = torch.stack([getattr(model, name).detach() for model in models])
        setattr(first, name, nn.Parameter(together))
    for name, _ in list(first.named_children()):
        setattr(first, name, stacked([model.get_submodule(name) for model in models]))
    return first


class Ensemble(Trainer):
    """Models that differ in the seed, trained as one; losses (K,), one a model."""

    def __init__(self, configs: Sequence[Train], device: torch.device | str = "cpu") -> None:
        """Raises UserError if the configs differ in more than the seed."""
        alike = {dataclasses.replace(config, seed=0).run_id for config in configs}
        if len(alike) > 1:
            raise UserError("a stack holds runs that differ in nothing but the seed")
        models = [Transformer(config.model, config.seed) for config in configs]
        self.build(configs, stacked(models), device)

    def clip(self) -> None:
        """Each model by the norm of its own gradient."""
        gradients = self.gradients()
        norms = torch.cat([g.flatten(1) for g in gradients], dim=1).norm(dim=1)
        factor = (self.config.optimizer.clip / (norms + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factor.reshape(-1, *[1] * (gradient.ndim - 1)))

    def states(self) -> list[dict[str, Tensor]]:
        """Entry k of everything; Adam's counter of steps is the same for all."""
        return [
            {name: tensor[k] if tensor.ndim else tensor for name, tensor in self.tensors().items()}
            for k in range(len(self.configs))
        ]

    def load(self, states: list[dict[str, Tensor]]) -> None:
        """Continue from what ``states`` gave.

        Raises:
            ValueError: a tensor is missing, unknown or misshapen.
        """
        for mine, state in zip(self.states(), states, strict=True):
            fill(mine, state)
