"""An average over half discs as an ellipsoid that holds it, and its place in there.

The first attention reads Σ_j weight_j (s_j p_0 + t_j p_j), s² + t² <= 1, t >= 0. A functional of
it is a hypotenuse; its length needs an ellipsoid around it, and the ball of radius 1 in the
coordinates (s, t_1, .., t_T) is three times too long. Found in floating point, then certified.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float

from theory.balls import Array, Balls, outward

# vertices of the polygon around a half disc, and moves of their weights in the search
ANGLES, ROUNDS = 32, 20
# singular values below this share of the largest are left to the slack
NEGLIGIBLE = 2.0**-44


class Shape(Protocol):
    """A set within M b, |b| <= 1, less M ``origin``, and ``missed`` around it."""

    @property
    def columns(self) -> Float[np.ndarray, "d k"]:
        """M."""
        ...

    @property
    def origin(self) -> Float[np.ndarray, " k"]:
        """Where its b are counted from."""
        ...

    @property
    def missed(self) -> float:
        """Radius of what is not in M b."""
        ...

    def support(self, seen: Balls) -> tuple[Array, Array]:
        """[low, high] that holds κ.b and 0 for every b of the set and every row κ of ``seen``."""
        ...


@dataclass(frozen=True, eq=False)
class Disc:
    """M (s p_0 + t p_j - o), s² + t² <= 1, t >= 0, any j and mixtures, and ``missed`` around it.

    ``columns`` (d, k) is M, ``points`` (k, 1 + T) the p, ``origin`` (k,) the o. Every
    s p_0 + t p_j - o is of length <= 1: the set lies in the ellipsoid M b, |b| <= 1.
    """

    columns: Float[np.ndarray, "d k"]
    points: Float[np.ndarray, "k K"]
    origin: Float[np.ndarray, " k"]
    missed: float = 0.0

    def support(self, seen: Balls) -> tuple[Array, Array]:
        """[low, high] that holds u.(s p_0 + t p_j - o) and 0, for every row u of ``seen``.

        With 0, the set may be shrunk towards its origin without leaving its support.
        """
        hit, start = seen @ self.points, (seen @ self.origin[:, None])[:, 0]
        pole = hit[:, 0].magnitude()
        up = np.maximum((hit.mid + hit.rad)[:, 1:].max(-1), 0)
        down = np.maximum((hit.rad - hit.mid)[:, 1:].max(-1), 0)
        high = Balls.exact(outward(np.hypot(pole, up), 5)) - start
        low = Balls.exact(outward(np.hypot(pole, down), 5)) + start
        return -np.maximum(low.upper(), 0), np.maximum(high.upper(), 0)

    def radii(self) -> Float[np.ndarray, " T"]:
        """Upper bounds of |M (s p_0 + t p_j - o)| and what is missed, over the first j's."""
        corners = (vertices(self.points) - self.origin) @ self.columns.T
        farthest = corners.norm().upper().max(0, initial=0)
        return outward(np.maximum.accumulate(farthest) + self.missed, 2)


def vertices(points: Array) -> Balls:
    """Corners (34, T, k) of a polygon around each half disc: a norm is largest at one of them."""
    step = np.pi / ANGLES
    # 2^-30 covers the rounding of cos and sin, so that the polygon holds the half disc
    size = 1 / np.cos(step / 2) + 2.0**-30
    angles = np.concatenate([[0.0, np.pi], step * (np.arange(ANGLES) + 0.5)])
    s, t = (size * f(angles)[:, None, None] for f in (np.cos, np.sin))
    return Balls.exact(s) * points[:, 0] + Balls.exact(t) * points[:, 1:].T


def smallest(points: Array) -> tuple[Array, Array]:
    """(E, o): E^-1(s p_0 + t p_j - o) is of length about 1 at most and tr EE' is small.

    Least over the ellipsoids around given points is tr EE' = (tr S^(1/2))² for the covariance S
    of the weights of those points that make it largest, at EE' = tr S^(1/2) S^(1/2). The weights
    grow where x'S^(-1/2)x exceeds its mean.
    """
    tokens, best = points[:, 1:], np.inf
    corners = np.ascontiguousarray(vertices(points).mid.reshape(-1, len(points)))
    height = np.concatenate([[0.0, 0.0], np.sin(np.pi / ANGLES * (np.arange(ANGLES) + 0.5))])
    weight = np.full(len(corners), 1 / len(corners))
    shape, origin = np.eye(len(points)), np.zeros(len(points))
    for _ in range(ROUNDS):
        # a mean of the tokens' parts alone lies in the set
        middle = tokens @ (weight.reshape(len(height), -1) * height[:, None]).sum(0)
        apart = corners - middle
        squares, frame = np.linalg.eigh((apart * weight[:, None]).T @ apart)
        roots = np.sqrt(np.maximum(squares, squares[-1] * 2.0**-60))
        reach = ((apart @ frame) ** 2 / roots).sum(1)
        if reach.max() * roots.sum() < best:
            best, origin = reach.max() * roots.sum(), middle
            shape = frame * np.sqrt(roots * reach.max()) * (1 + 2.0**-30)
        weight = weight * reach / (weight @ reach)
    return shape, origin


def enclose(disc: Balls) -> Disc:
    """The average over s D_0 + t D_j, D (d, 1 + T) known to its radius, in a small ellipsoid."""
    peak, columns = float(np.abs(disc.mid).max(initial=0)), np.zeros((len(disc.mid), 0))
    points, origin = np.zeros((0, disc.shape[1])), np.zeros(0)
    if not disc.magnitude().max(initial=0) < np.inf:
        return Disc(columns, points, origin, np.inf)
    if peak > 0:
        left, sizes, right = np.linalg.svd(disc.mid / peak, full_matrices=False)
        rank = int((sizes > NEGLIGIBLE * sizes[0]).sum())
        raw = sizes[:rank, None] * right[:rank]
        shape, origin = smallest(raw)
        points, origin = np.linalg.solve(shape, raw), np.linalg.solve(shape, origin)
        columns = left[:, :rank] @ shape * peak
    while not farthest(points, origin) <= 1:
        points, origin, columns = points / 2, origin / 2, columns * 2
    error = (disc - Balls.exact(columns) @ points).magnitude()
    pole, *rest = Balls.exact(error.T).norm().upper()
    # |s E_0 + t E_j| <= |E_0| + |E_j|
    return Disc(columns, points, origin, float(outward(pole + max(rest), 2)))


def farthest(points: Array, origin: Array) -> float:
    """Upper bound of |s p_0 + t p_j - o|."""
    return float((vertices(points) - origin).norm().upper().max(initial=0))
