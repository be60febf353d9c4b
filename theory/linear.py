"""Vectors and matrices of arb balls: centring P, norms.

Conventions: P = I - 11'/d; vectors are lists of arb, matrices are arb_mat; every float of the
model enters exactly (a float32 or float64 is a dyadic rational).
"""

from collections.abc import Sequence

import numpy as np
from flint import arb, arb_mat
from jaxtyping import Float

Vector = list[arb]


def vector(values: Float[np.ndarray, " d"]) -> Vector:
    """The floats as exact balls."""
    return [arb(float(v)) for v in values]


def matrix(values: Float[np.ndarray, "m n"]) -> arb_mat:
    """The floats as an exact matrix."""
    return arb_mat(values.astype(float).tolist())


def dot(u: Sequence[arb], v: Sequence[arb]) -> arb:
    """u.v = Σ u_i v_i."""
    return sum((a * b for a, b in zip(u, v, strict=True)), arb(0))


def centre(v: Sequence[arb]) -> Vector:
    """P v = v - mean(v) 1."""
    mean = sum(v, arb(0)) / len(v)
    return [x - mean for x in v]


def root(square: arb) -> arb:
    """Square root of a number known to be >= 0, also where its ball reaches below 0."""
    if square > 0 or square == 0:
        return square.sqrt()
    return arb(0).union(square.upper().sqrt())


def norm(v: Sequence[arb]) -> arb:
    """Euclidean norm |v|."""
    return root(dot(v, v))


def times(m: arb_mat, v: Sequence[arb]) -> Vector:
    """M v."""
    column = m * arb_mat([[x] for x in v])
    return [column[i, 0] for i in range(column.nrows())]


def add(*vectors: Sequence[arb]) -> Vector:
    """Sum of vectors of one length."""
    return [sum(entries, arb(0)) for entries in zip(*vectors, strict=True)]


def hadamard(u: Sequence[arb], v: Sequence[arb]) -> Vector:
    """Entrywise product u * v."""
    return [a * b for a, b in zip(u, v, strict=True)]
