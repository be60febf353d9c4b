"""The integers of ModelCertificate.v, in Python: fixed point, rounded the same way, bounds alike.

Each function mirrors the Coq definition that its docstring names where the names differ.
"""

from math import isqrt

import numpy as np

# Bits after the point: of float32 weights, of vectors, of an attention's factors, of Gram matrices.
K, T, S, Q = 149, 24, 16, 12
# Arrays of Python integers: nothing overflows.
Ints = np.ndarray


def integers(array: np.ndarray) -> Ints:
    """float32 numbers as integers at scale 2^-149, exactly."""
    ratios = map(float.as_integer_ratio, array.ravel().tolist())
    exact = [top * ((1 << K) // bottom) for top, bottom in ratios]
    return np.array(exact, dtype=object).reshape(array.shape)


def near(k: int, to: int, z):
    """Integers at scale 2^-k rounded to the nearest at 2^-to."""
    return (z + (1 << (k - to - 1))) >> (k - to)


def vectors(array: np.ndarray) -> Ints:
    """float32 numbers rounded to scale 2^-T."""
    return near(K, T, integers(array))


def lift(k: int, z: int) -> int:
    """An integer at scale 2^-k as one at 2^-T, upwards (to)."""
    return z << (T - k) if k <= T else (z + (1 << (k - T)) - 1) >> (k - T)


def root(n: int) -> int:
    """ceil(sqrt(n)), 0 for n <= 0 (Z.sqrt_up)."""
    return isqrt(n - 1) + 1 if n > 0 else 0


def largest(values: Ints) -> int:
    """max |v|, 0 when there is none (maxabs)."""
    return max((abs(v) for v in values.ravel()), default=0)


def spread(v: Ints) -> int:
    """d Σv² - (Σv)² = d |Pv|²."""
    return len(v) * (v * v).sum() - v.sum() ** 2


def length(v: Ints) -> int:
    """|Pv| from above (pnorm_up)."""
    return root(spread(v) // len(v) + 1)


def fuzz(x: int, y: int) -> int:
    """Error of a product of two rounded numbers of sizes x and y, at scale 2^-(2T + 2)."""
    return 2 * (x + y) + 1


def ceiling(w: Ints, g: Ints) -> int:
    """sqrt(d) |P(g*w)| from above: L2 (ceil_top)."""
    d = len(w)
    error = lift(2 * T + 2, d * d * fuzz(largest(g), largest(w))) + d * d
    return root(spread(near(2 * T, T, g * w))) + error


def side(n: int, m: int) -> int:
    """sqrt(n m) from above: the Frobenius norm of an error of 1 in every entry."""
    return root(n * m)


def frobenius(rows: Ints) -> int:
    """Frobenius norm from above (frob_up)."""
    return root((rows * rows).sum())


def centred(rows: Ints) -> Ints:
    """Rows less their mean row: the same to |P .|."""
    return rows - rows.sum(0) // len(rows)


def completion(rows: Ints) -> Ints:
    """Rows to put beside ``rows`` so that all become nearly orthogonal and equally long."""
    matrix = rows.astype(float)
    values, directions = np.linalg.eigh(matrix @ matrix.T)
    missing = directions * np.sqrt(np.maximum(values[-1] - values, 0))
    triangle = np.linalg.qr(missing.T)[1].T
    return np.array([[round(x) for x in row] for row in triangle.tolist()], dtype=object)


def spectral(rows: Ints, extra: Ints) -> int:
    """The norm that a completion certifies: the root of the Gram matrix's largest row sum."""
    both = np.concatenate([rows, extra], axis=1)
    return root(np.abs(both @ both.T).sum(1).max())
