"""A model under test: the network that runs, its weights for the theorems, and where it is from."""

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from sim.errors import CheckpointError
from sim.model import Transformer
from theory import Weights


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


def at_queries(network: Network, tokens: Float[Tensor, "B T"]) -> Float[Tensor, "B n d"]:
    """Residuals at x_1, .., x_n; a Transformer's last block is spared the y tokens."""
    if isinstance(network, Transformer):
        return network.residual(tokens, stride=2)
    return network.residual(tokens)[:, ::2]


def answer(network: Network, tokens: Float[Tensor, "B T"]) -> Float[Tensor, " B"]:
    """Read-out at the last token, an x or a y."""
    if tokens.shape[1] % 2:
        return network.readout(at_queries(network, tokens)[:, -1])
    return network.tokens(tokens)[:, -1]


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
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def load_subject(path: Path, roles: tuple[str, ...] = ()) -> Subject:
    """Anyone's checkpoint as a Subject, in whichever format verify.formats recognises.

    Raises:
        CheckpointError: it is none of them, is damaged, or only its readout can be certified.
    """
    from verify.formats import recognise  # which imports Subject

    found = recognise(path)
    if found.subject is None:
        raise CheckpointError(
            f"{path}: {found.description}: claims cannot run on it ({found.beyond}); "
            "its readout can be certified: python -m verify"
        )
    return dataclasses.replace(found.subject, roles=roles)


@torch.no_grad()
def read_everywhere(
    network: Network, tokens: Float[Tensor, "B T"]
) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T d"]]:
    """Predictions and the residuals that they were read from, in one pass."""
    residual = network.residual(tokens)
    return network.readout(residual), residual
