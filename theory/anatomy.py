"""A pre-norm decoder taken apart: the ray of the query, the offsets, what attentions can add.

Q is P = I - 11'/d when every norm of the model is a LayerNorm and I otherwise (a contraction
either way, so a bound on Qh also bounds Ph). All of it in ``Balls``; computed once a model.
"""

import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import wraps
from typing import TypeVar

import numpy as np
from flint import arb

from theory.balls import Array, Balls, balls, concatenate, outward, product_norm, spectral_norm
from theory.discs import Disc, enclose
from theory.errors import TheoryError
from theory.softmax import needs_weights_that_sum_to_one
from theory.weights import Attention, Norm, Weights

Result = TypeVar("Result")


def remembered(compute: Callable[..., Result]) -> Callable[..., Result]:
    """The function of a model (and of other arguments) with its results kept while that lives."""
    store: dict[int, dict[tuple[Hashable, ...], Result]] = {}

    @wraps(compute)
    def lookup(weights: Weights, *others: Hashable) -> Result:
        if id(weights) not in store:
            store[id(weights)] = {}
            weakref.finalize(weights, store.pop, id(weights), None)
        found = store[id(weights)]
        if others not in found:
            found[others] = compute(weights, *others)
        return found[others]

    return lookup


def needs_bounded_stream(weights: Weights) -> str | None:
    """None, or why nothing bounds what the blocks add to w_in x."""
    if not weights.residual:
        return "no residual connection: the stream is not w_in x plus what the blocks add"
    if not weights.post_norm and any(b.norm.kind == "none" for b in weights.blocks):
        return "a block without a norm: nothing bounds what it adds"
    return needs_weights_that_sum_to_one(weights)


def needs_ray(weights: Weights) -> str | None:
    """None, or why a far query does not turn the stream into its direction."""
    if (reason := needs_bounded_stream(weights)) is not None:
        return reason
    if weights.final_norm.kind not in ("layernorm", "rmsnorm"):
        return f"the final norm is {weights.final_norm.kind!r}: no direction is read out"
    if not ray_length(weights) > 0:
        return "|P w_in| = 0: the final norm does not see the query's value at all"
    return None


def insist(applies: Callable[[Weights], str | None], weights: Weights) -> None:
    """TheoryError with the reason when a theorem does not speak about the model."""
    if (reason := applies(weights)) is not None:
        raise TheoryError(reason)


def centred(weights: Weights) -> bool:
    """Whether every norm subtracts the mean, so that Q = P."""
    norms = [block.norm for block in weights.blocks] + [weights.final_norm]
    return all(norm.kind == "layernorm" for norm in norms)


def minus_mean(v: Balls) -> Balls:
    """P along the last axis."""
    mean = v.sum() / float(v.shape[-1])
    return v - Balls(mean.mid[..., None], mean.rad[..., None])


def project(weights: Weights, v: Balls | Array) -> Balls:
    """Q along the last axis."""
    return minus_mean(balls(v)) if centred(weights) else balls(v)


def scaled_rows(norm: Norm, rows: Balls | Array) -> Balls:
    """Rows u -> P(gamma*u) (LayerNorm) or gamma*u: the norm's linear part seen from each row."""
    scaled = balls(rows) * norm.gamma
    return minus_mean(scaled) if norm.kind == "layernorm" else scaled


@remembered
def ray(weights: Weights) -> Balls:
    """Q w_in."""
    return project(weights, weights.read_in)


@remembered
def ray_length(weights: Weights) -> arb:
    """|Q w_in|, exactly 0 where w_in has no part that Q keeps."""
    if centred(weights) and (weights.read_in == weights.read_in[0]).all():
        return arb(0)
    return ray(weights).norm().arb()


@remembered
def offsets(weights: Weights) -> Balls:
    """Q(b_in + p_t), (T, d)."""
    return project(weights, Balls.exact(weights.read_in_bias) + weights.positions)


@dataclass(frozen=True, eq=False)
class Circuit:
    """What an attention adds: Q(...) = constant + Σ_h A_h (convex combination of z), |z|² <= d.

    ``maps`` (H, d, d): A_h = Q W_O,h W_V,h Γ (P), the product of ``outputs`` (H, d, dh) and
    ``values`` (H, dh, d); ``constant`` = Q(Σ W_O,h(W_V,h β + b_V,h) + b_O); ``sizes`` >= |A_h|.
    """

    maps: Balls
    outputs: Balls
    values: Balls
    constant: Balls
    sizes: tuple[float, ...]
    radius: float


def circuit(weights: Weights, attention: Attention) -> Circuit:
    """The attention's maps, its constant, and sqrt(d) min(Σ|A_h|, sqrt(H)|[A_1..A_H]|)."""
    values = scaled_rows(attention.norm, attention.value)
    output = project(weights, np.swapaxes(attention.output, -1, -2)).t
    maps = output @ values
    shift = (
        Balls.exact(attention.value) @ attention.norm.beta[:, None]
        + attention.value_bias[..., None]
    )
    constant = (output @ shift)[..., 0].sum(0) + project(weights, attention.output_bias)
    heads = len(attention.value)
    sizes = tuple(product_norm(output[h], values[h]) for h in range(heads))
    apart = float(outward(np.sum(sizes), heads))
    stacked = spectral_norm(concatenate([maps[h] for h in range(heads)]))
    best = min(apart, np.nextafter(np.sqrt(heads) * stacked * (1 + 2.0**-50), np.inf))
    radius = float(np.sqrt(weights.width) * best * (1 + 2.0**-50))
    return Circuit(maps, output, values, constant, sizes, radius)


@remembered
def circuits(weights: Weights) -> dict[int, Circuit]:
    """The circuit of every attention, by the index of its block."""
    return {
        index: circuit(weights, block)
        for index, block in enumerate(weights.blocks)
        if isinstance(block, Attention)
    }


@remembered
def head_columns(weights: Weights) -> dict[int, tuple[Balls, int, float]]:
    """``columns_of`` every attention, by the index of its block, and the columns of a head."""
    found = {}
    for index, part in circuits(weights).items():
        columns, missed = columns_of(weights, part)
        found[index] = columns, columns.shape[1] // len(part.maps.mid), missed
    return found


def head_frame(values: Balls) -> tuple[Array, Array, float]:
    """(F, L, |F|): F L near the transposed values, F (d, dh) orthonormal to rounding."""
    frame, factor = np.linalg.qr(values.mid.T)
    return frame, factor, spectral_norm(Balls.exact(frame))


def columns_of(weights: Weights, part: Circuit) -> tuple[Balls, float]:
    """[C_1 .. C_H] (d, H dh) and an error e: A_h z = C_h b + e b', |b|, |b'| <= 1, if |z|² <= d.

    A_h = W_O,h L' F' with F an orthonormal basis of the values' rows: dh columns in place of d.
    """
    root, columns, missed = Balls.exact(float(weights.width)).sqrt(), [], 0.0
    for outputs, values in ((part.outputs[h], part.values[h]) for h in range(len(part.maps.mid))):
        frame, factor, size = head_frame(values)
        left = (values - Balls.exact(factor.T) @ frame.T).magnitude()
        error = (Balls.exact(outputs.magnitude()) @ left).norm() * root
        missed += float(Balls.exact(error.upper()).norm().upper()) * (1 + 2.0**-40)
        columns.append(outputs @ factor.T * (root * size))
    return concatenate(columns), missed


@dataclass(frozen=True, eq=False)
class HalfDiscs:
    """Inputs of the first attention: token j gives sqrt(d) (s e + t f_j), s² + t² <= 1, t >= 0.

    The input is w_in z + b_in + p_j: as z runs over the reals LayerNorm moves along half a great
    circle from -e to e through f_j, the direction of b_in + p_j across e; eps > 0 shortens the
    vector, which stays in the half disc. ``pole`` (d,) is e, ``equators`` (T, d) are the f_j.
    """

    pole: Balls
    equators: Balls


@remembered
def half_discs(weights: Weights) -> HalfDiscs | None:
    """The first attention's inputs, or None where the ball |z|² <= d is all that is known."""
    first = weights.blocks[0] if weights.blocks else None
    if not isinstance(first, Attention) or first.norm.kind not in ("layernorm", "rmsnorm"):
        return None
    start = [balls(weights.read_in), Balls.exact(weights.read_in_bias) + weights.positions]
    if first.norm.kind == "layernorm":
        start = [minus_mean(v) for v in start]
    length = start[0].norm()
    if not length.lower() > 0:
        return None
    pole = start[0] / length
    along = start[1].dot(pole)
    across = start[1] - Balls(along.mid[:, None], along.rad[:, None]) * pole
    lengths = across.norm()
    if not (lengths.lower() > 0).all():
        return None
    return HalfDiscs(pole, across / Balls(lengths.mid[:, None], lengths.rad[:, None]))


@remembered
def first_discs(weights: Weights, position: int) -> list[Disc]:
    """What the heads of a first attention add up to a position; none where inputs are balls."""
    discs = half_discs(weights)
    if discs is None:
        return []
    root = Balls.exact(float(weights.width)).sqrt()
    inputs = concatenate([discs.pole[None], discs.equators[: position + 1]], 0).t * root
    maps = circuits(weights)[0].maps
    return [enclose(maps[h] @ inputs) for h in range(len(maps.mid))]
