"""W2: a transformer that is homogeneous of degree 1 by construction, F(t z) = t F(z)."""

from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
from flint import arb
from jaxtyping import Float

from theory.envelope import envelope
from theory.errors import TheoryError
from theory.interval import Interval
from theory.steps import identity
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import MLP, Attention, Weights


@dataclass(frozen=True)
class Layer:
    """h += Σ_h W_O,h Σ_j softmax(q_t.k_j/sqrt(dh) + r_tj) W_V,h h_j; h += W_2 relu(W_1 h).

    Queries and keys from h/|h|, raw values, positions in the scores only, no bias.
    """

    query: Float[np.ndarray, "H dh d"]
    key: Float[np.ndarray, "H dh d"]
    value: Float[np.ndarray, "H dh d"]
    output: Float[np.ndarray, "H d dh"]
    positions: Float[np.ndarray, "H T T"]
    up: Float[np.ndarray, "m d"]
    down: Float[np.ndarray, "d m"]


@dataclass(frozen=True)
class Homogeneous:
    """h_t = w_in z_t + offset_t, the layers, y = w.h; homogeneous iff offset and eps are 0."""

    read_in: Float[np.ndarray, " d"]
    layers: tuple[Layer, ...]
    read_out: Float[np.ndarray, " d"]
    offset: Float[np.ndarray, "T d"]
    eps: float = 0.0


def attend(layer: Layer, h: Float[np.ndarray, "T d"], eps: float) -> Float[np.ndarray, "T d"]:
    """What the attention adds; TheoryError for a token whose stream is 0."""
    length = np.sqrt((h**2).sum(-1, keepdims=True) + eps)
    if not (length > 0).all():
        raise TheoryError("a token's stream is 0: h/|h| is undefined; leave the zero token out")
    unit, size = h / length, len(h)
    q, k = (np.einsum("td,hed->hte", unit, weight) for weight in (layer.query, layer.key))
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]) + layer.positions[:, :size, :size]
    scores = np.where(np.tril(np.ones((size, size), dtype=bool)), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights = weights / weights.sum(-1, keepdims=True)
    mixed = weights @ np.einsum("td,hed->hte", h, layer.value)
    return np.einsum("hte,hde->td", mixed, layer.output)


def answer(model: Homogeneous, tokens: Float[np.ndarray, " T"]) -> float:
    """The read-out at the query, the last token."""
    h = tokens[:, None] * model.read_in + model.offset[: len(tokens)]
    for layer in model.layers:
        h = h + attend(layer, h, model.eps)
        h = h + np.maximum(h @ layer.up.T, 0) @ layer.down.T
    return float(h[-1] @ model.read_out)


def example(
    seed: int = 0, d: int = 6, heads: int = 2, layers: int = 4, size: int = 9
) -> Homogeneous:
    """A random model of this architecture, d = heads dh."""
    rng = np.random.default_rng(seed)
    dh, hidden = d // heads, 4 * d

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=shape) / np.sqrt(shape[-1])

    stack = tuple(
        Layer(
            query=draw(heads, dh, d),
            key=draw(heads, dh, d),
            value=draw(heads, dh, d),
            output=draw(heads, d, dh),
            positions=rng.normal(size=(heads, size, size)),
            up=draw(hidden, d),
            down=draw(d, hidden),
        )
        for _ in range(layers)
    )
    return Homogeneous(rng.normal(size=d), stack, rng.normal(size=d), np.zeros((size, d)))


def needs_homogeneous_blocks(weights: Weights) -> str | None:
    """None, or the part of a recorded model that is not homogeneous of degree 1.

    Records have no h/|h| with raw values; hardmax scores, or constant ones, are homogeneous too.
    """
    kinds = [b.norm.kind for b in weights.blocks] + [weights.final_norm.kind]
    if (kind := next((k for k in kinds if k != "none"), None)) is not None:
        return f"a {kind} is homogeneous of degree 0 (eps = 0) or of none"
    biases = [weights.read_in_bias, weights.positions, np.array(weights.read_out_bias)]
    for block in weights.blocks:
        biases.append(block.down_bias if isinstance(block, MLP) else block.output_bias)
        if isinstance(block, MLP):
            biases.append(block.up_bias)
            if block.activation != "relu":
                return f"{block.activation}(t u) is not t {block.activation}(u)"
            continue
        biases += [block.query_bias, block.key_bias, block.value_bias]
        if not selects(block):
            return f"{block.score!r} weights change with the scale of the scores"
    return "a bias or additive positions" if any(b.any() for b in biases) else None


def selects(attention: Attention) -> bool:
    """Whether the weights do not change when all scores grow by one factor."""
    silent = not attention.query.any() or not attention.key.any()
    return attention.score == "hardmax" or (attention.score in ("softmax", "ssa") and silent)


T = sp.Symbol("t", positive=True)


def unit_vectors(factor: sp.Expr) -> bool:
    """(t h)/|t h| = h/|h|, d = 1..4: queries, keys and so the weights do not see t."""
    for d in range(1, 5):
        h = sp.symbols(f"h0:{d}", real=True)
        length = sp.sqrt(sum(x**2 for x in h))
        scaled = sp.simplify(sp.sqrt(sum((T * x) ** 2 for x in h)))
        if not identity(T * h[0] / scaled, factor * h[0] / length):
            return False
    return True


def relu_step(factor: sp.Expr) -> bool:
    """relu(t u) = t relu(u), relu(u) = (u + |u|)/2."""
    u = sp.Symbol("u", real=True)
    return identity((T * u + sp.Abs(T * u)) / 2, factor * T * (u + sp.Abs(u)) / 2)


def average_step(factor: sp.Expr) -> bool:
    """Σ p_j (t v_j) = t Σ p_j v_j for weights that do not depend on t."""
    p, v = sp.symbols("p1:4"), sp.symbols("v1:4")
    scaled = sum(a * (T * b) for a, b in zip(p, v, strict=True))
    return identity(scaled, factor * T * sum(a * b for a, b in zip(p, v, strict=True)))


TOKENS = np.array([0.5, -1.0, 0.25, 2.0, -0.75])


def powers_of_two() -> Attainment:
    """F(2^40 z) against 2^40 F(z), four layers: every rounding scales with a power of 2."""
    model = example()
    y = abs(answer(model, TOKENS))
    return Attainment(arb(abs(answer(model, 2.0**40 * TOKENS))), arb(y) * 2**40)


def changes_with_scale(model: Homogeneous) -> bool:
    """F(1024 z)/1024 is far from F(z): by 1e-3 of it, 1e12 roundings."""
    y = answer(model, TOKENS)
    return abs(answer(model, 1024 * TOKENS) / 1024 - y) > 1e-3 * abs(y)


def additive_positions_break() -> bool:
    """Positions added to the stream instead of the scores."""
    model = example()
    rng = np.random.default_rng(1)
    return changes_with_scale(replace(model, offset=rng.normal(size=model.offset.shape)))


def eps_breaks() -> bool:
    """Queries and keys from h/sqrt(|h|² + eps) with eps = 1."""
    return changes_with_scale(replace(example(), eps=1.0))


def homogeneous_formula() -> sp.Basic:
    """F(t z) = t F(z), t > 0."""
    model, z = sp.Function("F"), sp.Symbol("z")
    return sp.Eq(model(T * z), T * model(z))


def slope_range(weights: Weights) -> dict[str, Interval]:
    """F(z)/max|z| for a homogeneous record: G2's slope at every scale."""
    top = envelope(weights).at(1.0)
    return {"F(z)/max|z_t|, every prompt and scale": Interval(-top, top)}


W2 = Theorem(
    "W2",
    "homogeneous transformer",
    "no biases, positions only inside the scores, queries and keys from h/|h| (eps = 0), raw "
    "values, ReLU MLPs, linear readout, no final norm: F(t z) = t F(z) for every t > 0, so on a "
    "class closed under scaling the relative error is the same at all scales",
    assumptions=(
        "no token's stream is 0 before an attention",
        "joint scaling of x and y only (degree k ≥ 2 needs W1); degree 1; no absolute scale",
        "it escapes G4 by the division in h/|h|",
    ),
    needs=("G2",),
    source="this work",
    tight=True,
    formula=homogeneous_formula,
    steps=(
        Step("(t h)/|t h| = h/|h| (d = 1..4)", unit_vectors, bears_constant=True),
        Step("Σ p_j (t v_j) = t Σ p_j v_j", average_step, bears_constant=True),
        Step("relu(t u) = t relu(u)", relu_step, bears_constant=True),
    ),
    evaluate=slope_range,
    applies=needs_homogeneous_blocks,
    witnesses=(Witness("four layers, t = 2^40, doubles", powers_of_two),),
    mutants=(
        Mutant("additive positions (or any bias)", additive_positions_break),
        Mutant("eps > 0 in h/|h|", eps_breaks),
    ),
)
