"""Arrays of balls in double precision: midpoint and radius, every operation enclosed.

``theory.linear`` does the same in arb, exactly to 128 bits and one entry at a time. Here a product
of matrices is three calls of BLAS (Rump, Acta Numerica 2010, section 10): the radius adds
gam_n |A||B|, gam_n = n u/(1 - n u), u = 2^-53, which holds for every order of summation and with
or without fused multiply-add (F1), and TINY a term for underflow. Certified to about 1e-12.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from flint import arb
from jaxtyping import Float

from theory.errors import TheoryError
from theory.interval import Interval

U = 2.0**-53
# Above the underflow error of any short chain of operations (each is at most 2^-1074).
TINY = 2.0**-1040
# Multiplications from which a product of matrices costs more than the lengths of its rows.
LARGE = 2**22

Array = Float[np.ndarray, "..."]


def gamma(n: int) -> float:
    """n u/(1 - n u), rounded up: relative error of n roundings in a row."""
    return n * U / (1 - n * U) * (1 + 4 * U)


def outward(radius: Array | np.floating, roundings: int) -> Array:
    """Upper bound of a non-negative number from its computed value after that many roundings."""
    return np.asarray(radius * (1 + 2 * gamma(roundings + 2)) + TINY)


@dataclass(frozen=True, eq=False)
class Balls:
    """Exact numbers within ``rad`` of ``mid``, entry by entry; shapes are equal."""

    mid: Array
    rad: Array

    # numpy arrays on the left must defer to __radd__, __rmul__, ...
    __array_ufunc__ = None

    @classmethod
    def exact(cls, values: Array | float) -> Self:
        """Doubles as balls of radius 0."""
        mid = np.asarray(values, dtype=float)
        return cls(mid, np.zeros_like(mid))

    @classmethod
    def between(cls, low: Array, high: Array) -> Self:
        """Balls that hold the intervals [low, high]."""
        mid = np.asarray(low / 2 + high / 2)
        rad = np.maximum(np.asarray(high) - mid, mid - np.asarray(low))
        return cls(mid, outward(rad, 1) + U * np.abs(mid))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.mid.shape

    def __getitem__(self, index) -> "Balls":
        """Entries by numpy's indexing."""
        return Balls(np.asarray(self.mid[index]), np.asarray(self.rad[index]))

    @property
    def t(self) -> "Balls":
        """Last two axes exchanged."""
        return Balls(np.swapaxes(self.mid, -1, -2), np.swapaxes(self.rad, -1, -2))

    def upper(self) -> Array:
        """Doubles that no enclosed number exceeds."""
        return np.nextafter(self.mid + self.rad, np.inf)

    def lower(self) -> Array:
        """Doubles that no enclosed number falls below."""
        return np.nextafter(self.mid - self.rad, -np.inf)

    def magnitude(self) -> Array:
        """Upper bounds of the absolute values."""
        return outward(np.abs(self.mid) + self.rad, 1)

    def __neg__(self) -> "Balls":
        """-x."""
        return Balls(-self.mid, self.rad)

    def __add__(self, other: "Operand") -> "Balls":
        """x + y."""
        other = balls(other)
        mid = self.mid + other.mid
        return Balls(mid, outward(self.rad + other.rad + U * np.abs(mid), 3))

    def __sub__(self, other: "Operand") -> "Balls":
        """x - y."""
        return self + (-balls(other))

    def __mul__(self, other: "Operand") -> "Balls":
        """x y, entry by entry."""
        other = balls(other)
        mid = self.mid * other.mid
        if not (self.rad.any() or other.rad.any()):
            return Balls(mid, outward(U * np.abs(mid), 5))
        cross = np.abs(self.mid) * other.rad + self.rad * (np.abs(other.mid) + other.rad)
        return Balls(mid, outward(cross + U * np.abs(mid), 5))

    def __truediv__(self, other: "Operand") -> "Balls":
        """x / y; TheoryError where y can be 0."""
        other = balls(other)
        room = np.abs(other.mid) - other.rad
        if not (room > 0).all():
            raise TheoryError("division by a ball that holds 0")
        mid = self.mid / other.mid
        # |x/y - m/n| <= (rx + |m/n| ry) / (|n| - ry), and |m/n| <= |fl(m/n)| (1 + 2u) + TINY
        rad = (self.rad + (np.abs(mid) + TINY) * other.rad) / room
        return Balls(mid, outward(rad + U * np.abs(mid), 8))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rtruediv__(self, other: "Operand") -> "Balls":
        """y / x."""
        return balls(other) / self

    def __rsub__(self, other: "Operand") -> "Balls":
        """y - x."""
        return balls(other) - self

    def __matmul__(self, other: "Balls | Array") -> "Balls":
        """Matrix product over the last axes."""
        other = balls(other)
        n, mid = self.shape[-1], self.mid @ other.mid
        if mid.size * n > LARGE and self.tight() and other.tight():
            return Balls(mid, crossed(self, other))
        size, left = np.abs(other.mid), np.abs(self.mid)
        # one product more for the radii of each factor that has some; TINY where a radius times
        # gamma(n) may underflow before it meets a large number
        if not (other.rad != 0).any():
            cross = (gamma(n) * left + self.rad + TINY) @ size
        else:
            cross = left @ (gamma(n) * size + other.rad + TINY)
            if (self.rad != 0).any():
                cross = cross + self.rad @ (size + other.rad)
        return Balls(mid, outward(cross, 2 * n + 6) + n * TINY)

    def tight(self) -> bool:
        """Whether nothing but rounding has gone into the radii, and no entry is extreme."""
        most = float(np.abs(self.mid).max(initial=0))
        return 2.0**-400 < most < 2.0**400 and float(self.rad.max(initial=0)) < 2.0**-32 * most

    def sqrt(self) -> "Balls":
        """Square roots of numbers known to be >= 0."""
        low = np.sqrt(np.maximum(self.lower(), 0))
        high = np.sqrt(np.maximum(self.upper(), 0))
        return Balls.between(np.maximum(np.nextafter(low, -1), 0), np.nextafter(high, np.inf))

    def sum(self, axis: int = -1) -> "Balls":
        """Sums along an axis."""
        n = self.shape[axis]
        rad = self.rad.sum(axis) + gamma(n) * np.abs(self.mid).sum(axis)
        return Balls(self.mid.sum(axis), outward(rad, 2 * n + 3) + n * TINY)

    def norm(self) -> "Balls":
        """Euclidean norms along the last axis; scaled, so that no square over- or underflows."""
        n = self.shape[-1]
        scale = np.maximum(np.abs(self.mid).max(-1, initial=0), 2.0**-400)
        mid = np.sqrt(((self.mid / scale[..., None]) ** 2).sum(-1)) * scale
        spread = np.maximum(self.rad.max(-1, initial=0), 2.0**-400)
        rad = np.sqrt(((self.rad / spread[..., None]) ** 2).sum(-1)) * spread
        total = rad + gamma(n + 8) * mid + n * 2.0**-400
        return Balls(mid, outward(total, n + 12))

    def dot(self, other: "Operand") -> "Balls":
        """Inner products along the last axis."""
        return (self * other).sum()

    def interval(self) -> Interval:
        """The hull of all entries."""
        return Interval(float(self.lower().min()), float(self.upper().max()))

    def arb(self) -> arb:
        """A single entry as an arb ball."""
        return arb(float(self.mid), float(self.rad))


Operand = Balls | Array | float


def lengths(values: Array, axis: int) -> Array:
    """Upper bounds of Euclidean norms along an axis, of entries below 2^400."""
    squares = np.einsum("...ij,...ij->...i" if axis == -1 else "...ij,...ij->...j", values, values)
    return outward(np.sqrt(squares) + 2.0**-500, values.shape[axis] + 3)


def crossed(left: Balls, right: Balls) -> Array:
    """Radii of a product of matrices: |Σ l r| <= |l||r|, row by row, in place of more products.

    Where only rounding is to be bounded, this is little larger and free beside the product.
    """
    n = left.shape[-1]
    rows, blurred = (lengths(part, -1)[..., None] for part in (left.mid, left.rad))
    most, dim = (lengths(part, -2).max(-1)[..., None, None] for part in (right.mid, right.rad))
    radii = outward(rows * (gamma(n) * most + dim) + blurred * (most + dim), 12) + n * TINY
    return np.broadcast_to(radii, (*radii.shape[:-1], right.shape[-1]))


def stretched(columns: Array, factors: Array) -> Balls:
    """Columns times a number each, with one radius for all: for what goes into a product next."""
    mid = columns * factors
    most = np.abs(mid).max(initial=0)
    return Balls(mid, np.broadcast_to(outward(U * most, 3), mid.shape))


def balls(value: Operand) -> Balls:
    """A value as balls; doubles are exact."""
    return value if isinstance(value, Balls) else Balls.exact(value)


def concatenate(parts: list[Balls], axis: int = -1) -> Balls:
    """Arrays side by side."""
    return Balls(
        np.concatenate([p.mid for p in parts], axis), np.concatenate([p.rad for p in parts], axis)
    )


def largest_eigenvalue(gram: Balls) -> float:
    """Upper bound of the largest eigenvalue of a symmetric matrix.

    t - G is positive semidefinite up to gam_(n+1)/(1 - gam_(n+1)) trace when floating-point
    Cholesky of it runs to its end (Rump, BIT 2006): t plus that, plus the radii's Frobenius norm.
    """
    n = gram.shape[-1]
    symmetric = (gram.mid + gram.mid.T) / 2
    spread = float(outward(np.sqrt((gram.rad**2).sum()), n * n + 4))
    spread += float(outward(np.abs(symmetric - gram.mid).sum() + U * np.abs(gram.mid).sum(), n * n))
    top = max(float(np.linalg.eigvalsh(symmetric)[-1]), 0.0)
    slack = max(gamma(4 * n) * float(np.abs(np.diag(symmetric)).sum()), TINY)
    while True:
        t = top + slack
        shifted = t * np.eye(n) - symmetric
        try:
            np.linalg.cholesky(shifted)
        except np.linalg.LinAlgError:
            slack *= 4
            continue
        trace = float(np.diag(shifted).sum())
        share = gamma(n + 2)
        defect = share / (1 - share) * trace + U * (t + float(np.abs(np.diag(shifted)).max()))
        return float(outward(np.float64(t + outward(np.float64(defect), n) + spread), 4))


def spectral_norm(m: Balls) -> float:
    """Upper bound of |M|_2, sharp to about n u: square root of M'M's (or MM') eigenvalue.

    inf where an entry is not finite: a product that left the doubles has no bound.
    """
    if m.shape[-1] == 0 or not (m.mid.any() or m.rad.any()):
        return 0.0
    if not np.isfinite(m.mid + m.rad).all():
        return np.inf
    scale = 2.0 ** np.floor(np.log2(max(np.abs(m.mid).max(), m.rad.max())))
    small = m / scale if m.shape[-2] >= m.shape[-1] else m.t / scale
    return float(np.nextafter(np.sqrt(largest_eigenvalue(small.t @ small)), np.inf) * scale)


def product_norm(left: Balls, right: Balls) -> float:
    """Upper bound of |L R|_2 through the few columns of L (d, k), R (k, m): k x k work.

    A float L = Q R_L + E (Householder) gives |L R| <= |Q| |R_L R| + |E||R|, E of rounding size.
    """
    if not np.isfinite(left.mid).all():
        return np.inf
    q, triangle = np.linalg.qr(left.mid)
    error = left - Balls.exact(q) @ triangle
    bound = spectral_norm(Balls.exact(q)) * spectral_norm(Balls.exact(triangle) @ right)
    return float(outward(np.float64(bound + spectral_norm(error) * spectral_norm(right)), 4))
