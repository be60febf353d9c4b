"""Vectors and matrices of arb balls: centring P, norms, a certified spectral norm.

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


def midpoints(m: arb_mat) -> Float[np.ndarray, "m n"]:
    """The balls' midpoints as doubles: a guide for certificates, never a bound itself."""
    return np.array([[float(x.mid()) for x in row] for row in m.tolist()])


def spectral_norm(m: arb_mat) -> arb:
    """Upper bound of the largest singular value |M|_2, sharp to rounding.

    With V the float eigenvectors of M'M, B = V'M'MV and E = V'V - I (both enclosed), every x = V y
    gives x'M'Mx / x'x = y'By / y'(I+E)y <= |B|_inf / (1 - |E|_inf): Gershgorin on an almost
    diagonal matrix. V need not be exact, its defect E pays for that. Scaled by a power of two
    first: the doubles that guide the certificate then neither over- nor underflow.
    """
    size = max_upper([abs(x) for row in m.tolist() for x in row])
    if size == 0 or not size.is_finite():
        return size
    mantissa, exponent = size.man_exp()
    scale = arb(2) ** int(exponent + mantissa.bit_length())
    m = m / scale
    small = m.transpose() * m if m.ncols() <= m.nrows() else m * m.transpose()
    _, eigenvectors = np.linalg.eigh(midpoints(small))
    v = matrix(eigenvectors)
    b = v.transpose() * small * v
    defect = v.transpose() * v - arb_mat(
        [[arb(int(i == j)) for j in range(v.ncols())] for i in range(v.ncols())]
    )
    shortfall = 1 - row_sum_norm(defect)
    if not shortfall > 0:
        return scale * frobenius_norm(m)
    return scale * (row_sum_norm(b) / shortfall).sqrt()


def row_sum_norm(m: arb_mat) -> arb:
    """|M|_inf = max_i Σ_j |M_ij|, as the upper end of its enclosure."""
    return max_upper([sum((abs(x) for x in row), arb(0)) for row in m.tolist()])


def frobenius_norm(m: arb_mat) -> arb:
    """|M|_F >= |M|_2."""
    return norm([x for row in m.tolist() for x in row])


def max_upper(values: Sequence[arb]) -> arb:
    """The largest upper end: an exact number that no value exceeds."""
    tops = [v.upper() for v in values]
    best = tops[0]
    for top in tops[1:]:
        if top > best:
            best = top
    return best
