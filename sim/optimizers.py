"""Muon on the matrices of the blocks and Adam on the rest, or Adam on everything.

Muon (Jordan et al. 2024): momentum, then the nearest orthogonal matrix by Newton and Schulz, scaled
by 0.2 sqrt(max(in, out)) so that one learning rate serves it and Adam (Liu et al., 2502.16982).
torch.optim.Muon takes one matrix at a time; here those of one shape, and those of all models of a
stack, go through one batched product.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sim.config import Optimizer

MOMENTUM = 0.95
STEPS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(update: Float[Tensor, "*k m n"]) -> Float[Tensor, "*k m n"]:
    """About U V' for update = U S V': five odd polynomials push singular values to around 1."""
    a, b, c = COEFFICIENTS
    tall = update.shape[-2] > update.shape[-1]
    x = update.mT if tall else update
    # the smallest normal number: a zero gradient stays zero
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    for _ in range(STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Muon over matrices or stacks of matrices (..., out, in); momentum 0.95, Nesterov."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float | Tensor) -> None:
        """`lr` may be a tensor, so that a captured CUDA graph sees it change."""
        super().__init__(parameters, {"lr": lr})
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One update of every matrix that has a gradient."""
        for group in self.param_groups:
            alike: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[tuple(parameter.shape)].append(parameter)
            for shape, parameters in alike.items():
                ahead = torch.stack([self.ahead(parameter) for parameter in parameters])
                update = orthogonalise(ahead) * (group["lr"] * 0.2 * max(shape[-2:]) ** 0.5)
                for parameter, change in zip(parameters, update, strict=True):
                    parameter.sub_(change)

    def ahead(self, parameter: nn.Parameter) -> Tensor:
        """Nesterov's direction, after the momentum has taken in the gradient."""
        gradient, momentum = parameter.grad, self.state[parameter]["momentum"]
        assert gradient is not None
        momentum.lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(momentum, MOMENTUM)


def adam(
    parameters: list[nn.Parameter], rate: Tensor, betas: tuple[float, float]
) -> torch.optim.Adam:
    """Adam in one kernel, its moments there from the start: a checkpoint holds all or is damaged.

    On a GPU it is one that a CUDA graph can capture.
    """
    made = torch.optim.Adam(
        parameters, lr=rate, betas=betas, fused=True, capturable=rate.device.type == "cuda"
    )
    for parameter in parameters:
        made.state[parameter] = {
            "step": torch.zeros((), device=rate.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    return made


@torch.no_grad()
def fill(targets: dict[str, Tensor], values: dict[str, Tensor]) -> None:
    """Copy values into tensors of the same names and shapes; none is written if one does not fit.

    Raises:
        ValueError: the name that is missing, unknown or misshapen.
    """
    if different := sorted(targets.keys() ^ values.keys()):
        where = "missing" if different[0] in targets else "not known here"
        raise ValueError(f"{different[0]} is {where}")
    for name, target in targets.items():
        if target.shape != values[name].shape:
            raise ValueError(f"{name} is {tuple(values[name].shape)}, not {tuple(target.shape)}")
    for name, target in targets.items():
        target.copy_(values[name])


def is_block_matrix(name: str) -> bool:
    """Whether a parameter of sim.model.Transformer is one of a block's matrices."""
    return name.startswith("blocks.") and name.endswith("weight") and "norm" not in name


class Optimizers:
    """The optimisers of one run, with their state as named tensors."""

    def __init__(self, config: Optimizer, named: dict[str, nn.Parameter]) -> None:
        """`named` are the parameters by name; see ``is_block_matrix`` for who gets Muon."""
        muon = [n for n in named if config.kind == "muon" and is_block_matrix(n)]
        rest = [n for n in named if n not in muon]
        self.named = named
        device = next(iter(named.values())).device
        self.rate = torch.tensor(config.rate, device=device)
        self.members: list[torch.optim.Optimizer] = [
            adam([named[n] for n in rest], self.rate, config.betas)
        ]
        if muon:
            self.members.append(Muon([named[n] for n in muon], lr=self.rate))

    def step(self) -> None:
        """One update at the rate that the tensor `rate` holds; gradients stay as they are."""
        for member in self.members:
            member.step()

    def tensors(self) -> dict[str, Tensor]:
        """Every moment and counter, as "optimizer.<kind>.<parameter>"."""
        found = {}
        for name, parameter in self.named.items():
            for member in self.members:
                for kind, value in member.state.get(parameter, {}).items():
                    found[f"optimizer.{kind}.{name}"] = value
        return found

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Put back what ``tensors`` gave, in place.

        Raises:
            ValueError: a moment is missing, is not one of these optimisers', or is misshapen.
        """
        fill(self.tensors(), tensors)
