"""A ball seen from the origin: how far normalising can turn or bend what lies in it. In ``Balls``.

m in v + rho B. With the coordinate sqrt(d eps) appended, v~ = (v, sqrt(d eps)), LayerNorm of a
centred m is z = sqrt(d) times the first block of m~/|m~| (L4a), and m~ is within rho of v~.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from theory.anatomy import minus_mean
from theory.balls import Array, Balls, concatenate, outward
from theory.weights import Norm


@dataclass(frozen=True, eq=False)
class Cone:
    """Directions of v~ + rho B for a batch: ``axis`` (..., d) the first block of v~/|v~|,
    ``length`` (...) = |v~|, ``sine`` (...) >= rho/|v~|, an upper bound; >= 1 means every direction.
    """

    axis: Balls
    length: Balls
    sine: Array

    @property
    def closed(self) -> np.ndarray:
        """Whether the ball certainly leaves the origin out."""
        return self.sine < 1


def column(v: Balls) -> Balls:
    """One more axis at the end, to scale the rows of a matrix."""
    return Balls(v.mid[..., None], v.rad[..., None])


def cone(norm: Norm, centre: Balls, radius: Array) -> Cone:
    """The cone of what a LayerNorm or RMSNorm sees of the ball."""
    v = minus_mean(centre) if norm.kind == "layernorm" else centre
    height = Balls.exact(np.full((*v.shape[:-1], 1), norm.eps)) * float(v.shape[-1])
    length = concatenate([v, height.sqrt()]).norm()
    # a ball around (nearly) the origin: any axis will do, since the cone is not closed
    safe = length.lower() > 0
    divisor = Balls(np.where(safe, length.mid, 1.0), np.where(safe, length.rad, 0.0))
    sine = np.where(safe, outward(radius / np.maximum(divisor.lower(), 1e-300), 4), np.inf)
    return Cone(v / column(divisor), length, sine)


def cosine(sine: Array) -> Balls:
    """cos theta of the half angle, theta = arcsin(sine); 0 where the cone is not closed."""
    s = Balls.exact(np.minimum(sine, 1.0))
    return (1.0 - s * s).sqrt()


@dataclass(frozen=True, eq=False)
class Seen:
    """A direction q beside a cone: q.axis, |q'| across it, |q|; shapes of the batch."""

    along: Balls
    across: Balls
    size: Balls


def seen(q: Balls, axis: Balls) -> Seen:
    """q resolved along and across the axis n = (axis, height), |n| = 1: |q'|² = |q|² - (q.n)²."""
    along = q.dot(axis)
    rest = q - column(along) * axis
    # the appended coordinate of q' is -(q.n) n_last, n_last² = 1 - |axis|²
    last = (1.0 - axis.dot(axis)).sqrt() * along
    return Seen(along, concatenate([rest, column(last)]).norm(), q.norm())


def cap(q: Balls, view: Cone) -> tuple[Float[np.ndarray, " T"], Float[np.ndarray, " T"]]:
    """[low, high] that holds q.(m~/|m~|) for every m~ of the cone: |q| cos(al ± theta) (L4c)."""
    parts, cos, sine = seen(q, view.axis), cosine(view.sine), np.minimum(view.sine, 1.0)
    turned = parts.across * sine
    low = (parts.along * cos - turned).lower()
    high = (parts.along * cos + turned).upper()
    # al + theta <= pi and al - theta >= 0, certainly
    left = view.closed & ((parts.along + parts.size * cos).lower() >= 0)
    right = view.closed & ((parts.along - parts.size * cos).upper() <= 0)
    size = parts.size.upper()
    return np.where(left, low, -size), np.where(right, high, size)
