"""A model under test: the network that runs, its weights for the theorems, and where it is from."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from sim.checkpoint import load, load_model
from theory import Weights
from theory.read import load_weights


class Network(Protocol):
    """What a check calls: read-outs at every token, and the two halves they are made of."""

    def tokens(self, tokens: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
        """Read-out at every token."""
        ...

    def residual(self, tokens: Float[Tensor, "B T"]) -> Float[Tensor, "B T d"]:
        """Residual stream that enters the final norm."""
        ...

    def readout(self, residual: Float[Tensor, "... d"]) -> Float[Tensor, "..."]:
        """read_out(final_norm(residual))."""
        ...

    def double(self) -> "Network":
        """The same network in float64 (in place)."""
        ...


@dataclass(frozen=True, eq=False)
class Subject:
    """``network`` runs in float32; ``reference()`` is the same network in float64."""

    name: str
    hash: str
    weights: Weights
    network: Network
    reference: Callable[[], Network]
    seed: int | None = None
    context: int = 81
    config: object = None
    roles: tuple[str, ...] = ()


def hash_file(path: Path) -> str:
    """First 12 hex digits of the file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def load_subject(path: Path, roles: tuple[str, ...] = ()) -> Subject:
    """A checkpoint of ours as a Subject; CheckpointError or TheoryError when it is not one."""
    checkpoint = load(path)
    network = load_model(path)
    model = checkpoint.config.model
    return Subject(
        name=path.stem,
        hash=hash_file(path),
        weights=load_weights(path),
        network=network,
        reference=lambda: load_model(path).double(),
        seed=checkpoint.config.seed,
        context=model.context or 2 * model.points - 1,
        config=checkpoint.config,
        roles=roles,
    )


@torch.no_grad()
def read_everywhere(
    network: Network, tokens: Float[Tensor, "B T"]
) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T d"]]:
    """Predictions and the residuals that they were read from, in one pass."""
    residual = network.residual(tokens)
    return network.readout(residual), residual
