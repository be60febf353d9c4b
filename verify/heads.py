"""What every attention head does on given prompts: scores, weights, values, outputs."""

from dataclasses import dataclass
from functools import cache, partial

import torch
from jaxtyping import Float
from torch import Tensor

from verify.faults import mixers
from verify.network import WeightsNetwork
from verify.sampling import FAMILIES, generator_of
from verify.subject import Subject


@dataclass(frozen=True)
class HeadsSeen:
    """One attention layer on B prompts of T tokens; query axis before key axis."""

    layer: int
    scores: Float[Tensor, "B H T T"]
    weights: Float[Tensor, "B H T T"]
    values: Float[Tensor, "B H T e"]

    @property
    def outputs(self) -> Float[Tensor, "B H T e"]:
        """Σ_j weight_tj v_j."""
        return self.weights @ self.values

    @property
    def visible(self) -> Tensor:
        """Which keys a query sees."""
        length = self.scores.shape[-1]
        return torch.ones(length, length, dtype=torch.bool).tril()

    @property
    def range(self) -> Float[Tensor, "B H T"]:
        """max - min of the visible scores of each query."""
        top = self.scores.masked_fill(~self.visible, -torch.inf).amax(-1)
        return top - self.scores.masked_fill(~self.visible, torch.inf).amin(-1)


@cache
def inspected(model: Subject) -> WeightsNetwork:
    """The model in float64 as a network whose parts can be watched; faults included."""
    network = model.reference()
    return (
        network if isinstance(network, WeightsNetwork) else WeightsNetwork(model.weights).double()
    )


def watch(model: Subject, tokens: Float[Tensor, "B T"]) -> list[HeadsSeen]:
    """Every attention layer on the prompts, in float64; differentiable in the tokens."""
    network, seen = inspected(model), []
    usual = [mixer.__dict__.get("mixing") for mixer in mixers(network)]
    inputs: list[Tensor] = []

    def spy(index, mixing, scores):
        weights = mixing(scores)
        mixer = mixers(network)[index]
        seen.append(HeadsSeen(index, scores, weights, mixer.project("value", inputs[index])))
        return weights

    hooks = []
    for index, mixer in enumerate(mixers(network)):
        hooks.append(mixer.register_forward_pre_hook(lambda _, args: inputs.append(args[0])))
        mixer.mixing = partial(spy, index, mixer.mixing)  # type: ignore[method-assign]
    try:
        network.residual(tokens.double())
    finally:
        for hook in hooks:
            hook.remove()
        for mixer, own in zip(mixers(network), usual, strict=True):
            if own is None:
                del mixer.__dict__["mixing"]
            else:
                mixer.mixing = own  # type: ignore[method-assign]
    return seen


@cache
def watched(model: Subject, seed: int, count: int = 16) -> list[tuple[Tensor, list[HeadsSeen]]]:
    """(prompts, layers) for prompts of every family at 2, 5 and the full number of points."""
    generator, found = generator_of(seed, 20), []
    for points in (2, 5, (model.context + 1) // 2):
        batch = count if points < 20 else max(1, count // 8)
        drawn = torch.cat([family(batch, points, generator) for family in FAMILIES])
        drawn = drawn.clamp(-1e9, 1e9)
        with torch.no_grad():
            found.append((drawn, watch(model, drawn)))
    return found
