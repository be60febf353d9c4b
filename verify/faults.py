"""Faults planted in a model under test, to see which claims notice (tests/verify/test_faults.py).

A fault changes the network that runs and leaves the weights that the bounds are computed from, or
the other way round. `python -m verify.faults PATH` prints the table fault x claim that caught it.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sim.errors import UserError
from theory import TheoryError, Weights
from verify.network import Mixer, WeightsNetwork
from verify.subject import Subject

Fault = Callable[[WeightsNetwork], None]


def skip_final_norm(network: WeightsNetwork) -> None:
    """The readout sees the bare residual."""
    network.final_norm = nn.Identity()  # type: ignore[assignment]


def skip_block_norms(network: WeightsNetwork) -> None:
    """Attentions and MLPs see the bare stream."""
    network.norms = nn.ModuleList(nn.Identity() for _ in network.norms)


def see_next_token(network: WeightsNetwork) -> None:
    """Every token but the last sees one token of its future."""
    for mixer in mixers(network):
        mixer.mixing = partial(shifted_mixing, mixer)  # type: ignore[method-assign]


def shifted_mixing(mixer: Mixer, scores: Tensor) -> Tensor:
    """Weights under a mask that is off by one; softmax models only, others keep their own."""
    if mixer.score != "softmax":
        return Mixer.mixing(mixer, scores)
    length = scores.shape[-1]
    hidden = torch.ones(length, length, dtype=torch.bool, device=scores.device).triu(2)
    return torch.softmax(scores.masked_fill(hidden, -torch.inf), dim=-1)


def forget_to_normalise(network: WeightsNetwork) -> None:
    """Attention weights twice as large: they sum to 2, as training dropout's may."""
    for mixer in mixers(network):
        mixer.mixing = partial(doubled_mixing, mixer)  # type: ignore[method-assign]


def doubled_mixing(mixer: Mixer, scores: Tensor) -> Tensor:
    """exp(s)/Σ exp(s) times 2."""
    return 2 * Mixer.mixing(mixer, scores)


def flip_readout(network: WeightsNetwork) -> None:
    """w -> -w."""
    network.get_buffer("read_out").neg_()


def mixers(network: WeightsNetwork) -> list[Mixer]:
    """The attentions, first to last."""
    return [part for part in network.parts if isinstance(part, Mixer)]


def other_weights(weights: Weights) -> Weights:
    """Weights of some other model of the same shape: read-in, readout and final norm permuted."""
    norm = weights.final_norm
    return replace(
        weights,
        read_in=np.roll(weights.read_in, 7),
        read_out=0.7 * np.roll(weights.read_out, 5),
        read_out_bias=weights.read_out_bias + 1.0,
        final_norm=replace(norm, gamma=np.roll(norm.gamma, 3)),
        blocks=weights.blocks[::-1],
    )


PLANTED: dict[str, Fault] = {
    "final norm skipped": skip_final_norm,
    "block norms skipped": skip_block_norms,
    "mask off by one": see_next_token,
    "readout sign flipped": flip_readout,
    "softmax not normalised": forget_to_normalise,
}
OTHER_WEIGHTS = "bound from other weights"
FAULTS = (*PLANTED, OTHER_WEIGHTS)


def faulty_network(weights: Weights, fault: str, double: bool = False) -> WeightsNetwork:
    """The network of these weights with the fault planted."""
    network = WeightsNetwork(weights)
    network = network.double() if double else network
    PLANTED[fault](network)
    return network


@cache
def faulty(model: Subject, fault: str) -> Subject:
    """The model with a fault; its name says so. One object a (model, fault).

    Raises:
        UserError: an unknown fault.
    """
    if fault not in FAULTS:
        raise UserError(f"no fault {fault!r}; known: {', '.join(FAULTS)}")
    name = f"{model.name} ({fault})"
    if fault == OTHER_WEIGHTS:
        return replace(model, name=name, weights=other_weights(model.weights))
    network, reference = (
        partial(faulty_network, model.weights, fault, double) for double in (False, True)
    )
    return replace(model, name=name, network=network(), reference=reference)


def caught(path: Path, samples: int = 5_000) -> dict[str, list[str]]:
    """Fault -> names of the claims about single models that notice it."""
    from verify.cases import Candidate, Case, MutantSurvived, subject_of
    from verify.claims import claims

    candidate, found = Candidate(path), {}
    weights = subject_of(candidate).weights
    chosen = [
        c
        for c in claims()
        if not (c.modelfree or c.together or c.role) and c.objection(weights) is None
    ]
    for fault in FAULTS:
        found[fault] = []
        for claim_ in chosen:
            case = Case(claim_, candidate, mutant=fault, samples=samples)
            try:
                case.run(case.recorder())
                found[fault].append(claim_.name)
            except (MutantSurvived, TheoryError):
                continue
    return found


def main(arguments: list[str]) -> int:
    """`python -m verify.faults PATH`; 2 when it is no checkpoint."""
    try:
        found = caught(Path(arguments[0]))
    except IndexError:
        print("usage: python -m verify.faults PATH", file=sys.stderr)
        return 2
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for fault, names in found.items():
        print(f"{fault}: {', '.join(names) or 'NOBODY'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
