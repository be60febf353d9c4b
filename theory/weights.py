"""A transformer's weights as a frozen numpy record: all that the theorems read of a model.

    h_t = w_in z_t + b_in + p_t;   h += Attention(norm h);   h += MLP(norm h);   y = w.norm_f(h) + b

Arrays are float64 and hold the model's own numbers exactly (a float32 is a float64). Sources:
theory.read builds this record from tensors; verify builds it from anyone's checkpoint.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from theory.errors import TheoryError

NormKind = Literal["layernorm", "rmsnorm", "dyt", "none"]
ScoreKind = Literal["softmax", "hardmax", "ssa", "sigmoid", "linear"]
ActivationKind = Literal["gelu", "gelu_tanh", "relu", "silu"]


@dataclass(frozen=True)
class Norm:
    """gamma * z + beta, z = Ph / sqrt(|Ph|²/d + eps) (LayerNorm), h / sqrt(|h|²/d + eps) (RMSNorm),
    tanh(alpha h) (DyT) or h itself (none: gamma, beta, eps, alpha unused).
    """

    kind: NormKind
    gamma: Float[np.ndarray, " d"]
    beta: Float[np.ndarray, " d"]
    eps: float = 0.0
    alpha: float = 1.0


@dataclass(frozen=True)
class Attention:
    """H heads: h += Σ_h W_O,h Σ_j weight_tj (W_V,h u_j + b_V,h) + b_O, u = norm(h).

    Scores (W_Q u_t + b_Q).(W_K u_j + b_K) / sqrt(dh). ``ssa`` holds (b, n) of the score function
    (1 + b|s|)^(n sgn s) when score is "ssa".
    """

    norm: Norm
    query: Float[np.ndarray, "H dh d"]
    query_bias: Float[np.ndarray, "H dh"]
    key: Float[np.ndarray, "H dh d"]
    key_bias: Float[np.ndarray, "H dh"]
    value: Float[np.ndarray, "H dh d"]
    value_bias: Float[np.ndarray, "H dh"]
    output: Float[np.ndarray, "H d dh"]
    output_bias: Float[np.ndarray, " d"]
    score: ScoreKind = "softmax"
    ssa: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class MLP:
    """h += W_2 act(W_1 norm(h) + b_1) + b_2."""

    norm: Norm
    up: Float[np.ndarray, "m d"]
    up_bias: Float[np.ndarray, " m"]
    down: Float[np.ndarray, "d m"]
    down_bias: Float[np.ndarray, " d"]
    activation: ActivationKind = "gelu"


@dataclass(frozen=True)
class Weights:
    """A decoder on scalar tokens; blocks in the order in which they run.

    ``post_norm`` models apply the norm after the residual sum; ``residual`` False drops the sum;
    ``positions`` has one row a token position (zeros when the model has none).
    """

    read_in: Float[np.ndarray, " d"]
    read_in_bias: Float[np.ndarray, " d"]
    positions: Float[np.ndarray, "T d"]
    blocks: tuple[Attention | MLP, ...]
    final_norm: Norm
    read_out: Float[np.ndarray, " d"]
    read_out_bias: float
    post_norm: bool = False
    residual: bool = True

    @property
    def width(self) -> int:
        """d."""
        return self.read_in.size

    @property
    def attentions(self) -> tuple[Attention, ...]:
        """The attention blocks, first to last."""
        return tuple(b for b in self.blocks if isinstance(b, Attention))

    def __post_init__(self) -> None:
        """Refuse what no theorem can speak about: a NaN or an infinite weight."""
        for name, array in named_arrays(self):
            if not np.isfinite(array).all():
                raise TheoryError(
                    f"{name} holds {int((~np.isfinite(array)).sum())} value(s) that are NaN or "
                    "infinite: no theorem applies; restore the last good checkpoint"
                )
            if name.endswith("norm.eps") and array < 0:
                raise TheoryError(f"{name} is {array}: a variance plus it may be negative")


def named_arrays(record: object, prefix: str = "") -> list[tuple[str, np.ndarray]]:
    """Every number of a record with its path, e.g. ("blocks.0.norm.gamma", ...)."""
    found: list[tuple[str, np.ndarray]] = []
    for name, value in vars(record).items():
        path = f"{prefix}{name}"
        if isinstance(value, np.ndarray | float):
            found.append((path, np.asarray(value)))
        elif isinstance(value, tuple) and value and isinstance(value[0], Attention | MLP):
            for i, block in enumerate(value):
                found += named_arrays(block, f"{path}.{i}.")
        elif isinstance(value, tuple):
            found.append((path, np.asarray(value, dtype=float)))
        elif isinstance(value, Norm):
            found += named_arrays(value, f"{path}.")
    return found
