"""Half-spaces that hold every token's normalised stream, for any value and any context.

m = w z + r, r in the set R that the blocks before can add to: where p.w = 0 and p.r <= 0 on R,
every token has p.z <= 0, and so has every average. Then u.z <= sqrt(d)|u - λp| for any λ >= 0: less
than sqrt(d)|u| wherever R, seen across w, does not hold 0. Behind an MLP, which adds much, it does.
"""

from dataclasses import dataclass

import numpy as np
import sympy as sp
from jaxtyping import Float
from scipy.optimize import nnls

from theory.anatomy import circuits, head_frame, minus_mean, ray, remembered
from theory.balls import Array, Balls, concatenate, outward
from theory.blocks import contributions, start
from theory.cones import column
from theory.discs import Disc
from theory.plateau import readout_across
from theory.steps import sum_of_squares
from theory.streams import Stream
from theory.weights import Norm, Weights

# atoms of a cone that are looked for, and how far p.r may stay above 0 before the last step
ATOMS, NEAR = 200, 2.0**-12


@dataclass(frozen=True, eq=False)
class Cut:
    """The shadow b = F'z in k dimensions of a ball |z| <= 1 cut by a wall p.z <= 0, |p| = 1.

    ``columns`` (d, k) is M of M b; the rows of ``walls`` (K, k) are F'p, of length 1 where F'F = 1
    keeps all of p. With one wall κ.b <= |Fκ - λp| for any λ >= 0: |κ|² - (κ.F'p)²₊ at the best.
    """

    columns: Float[np.ndarray, "d k"]
    walls: Balls
    missed: float = 0.0

    @property
    def origin(self) -> Float[np.ndarray, " k"]:
        """0: the ball's centre."""
        return np.zeros(self.columns.shape[1])

    def support(self, seen: Balls) -> tuple[Array, Array]:
        """[low, high] that holds κ.b and 0 for every row κ of ``seen``, by the best wall."""
        hit, sizes = seen @ self.walls.t, seen.norm().upper()
        ends = []
        for met in (-hit, hit):
            against = np.maximum(met.lower(), 0).max(-1)
            share = np.divide(against, sizes, out=np.zeros_like(sizes), where=sizes > 0)
            # 2^-50: 1 - share² cancels
            left = np.sqrt(np.maximum(1 - share**2, 0) + 2.0**-50)
            ends.append(outward(sizes * np.minimum(left, 1), 6))
        return -ends[0], ends[1]


def reachable(weights: Weights, index: int) -> Stream:
    """R: b_in + p_j at any position, and what the blocks before can add to it."""
    stream, _ = start(weights, None)
    for part in contributions(weights)[:index]:
        stream = stream.moved(part.centre).plus(part.noise)
    return stream


def farthest(stream: Stream, row: Array) -> Array:
    """The member that reaches farthest along a direction, in floats."""
    found = stream.centre + stream.slack * row / max(float(np.linalg.norm(row)), 1e-300)
    groups = np.split(stream.columns, stream.starts[1:], axis=1)
    for group, disc in zip(groups, stream.shapes, strict=False):
        assert isinstance(disc, Disc)
        hits = disc.points.T @ (group.T @ row)
        j = 1 + int(hits[1:].argmax())
        s, t = hits[0], max(hits[j], 0.0)
        size = max(float(np.hypot(s, t)), 1e-300)
        place = (s * disc.points[:, 0] + t * disc.points[:, j]) / size
        found = found + group @ (place - disc.origin)
    for group in groups[len(stream.shapes) :]:
        b = group.T @ row
        found = found + group @ (b / max(float(np.linalg.norm(b)), 1e-300))
    return found


def mixture(atoms: Array, target: Array) -> Array | None:
    """Weights >= 0 of the columns whose sum is nearest to the target; None if none are found."""
    try:
        return nnls(atoms, target)[0]
    except RuntimeError:  # so many steps were not enough
        return None


def beyond(stream: Stream, e: Array, u: Array) -> Array:
    """u less its projection on the cone of R across e: p with p.r <= 0 nearly, |u - p| least.

    The projection is a sum of atoms of the cone: the member farthest along what is left joins them,
    their weights are least squares with weights >= 0.
    """
    u = u - e * (e @ u)
    left, atoms = u, np.zeros((len(u), 0))
    for _ in range(ATOMS):
        new = farthest(stream, left)
        new = new - e * (e @ new)
        if new @ left <= NEAR * np.linalg.norm(new) * np.linalg.norm(left):
            break
        atoms = np.concatenate([atoms, new[:, None]], 1)
        weight = mixture(atoms, u)
        if weight is None:
            break
        atoms, left = atoms[:, weight > 0], u - atoms @ weight
    return left


@dataclass(frozen=True, eq=False)
class Room:
    """R as a norm behind the ray w sees it, and its member ``inside`` that is shortest across w."""

    stream: Stream
    norm: Norm
    w: Balls
    inside: Array

    @classmethod
    def before(cls, weights: Weights, index: int) -> "Room | None":
        """What an attention reads; None if some member is 0 across w, or nearly."""
        norm = weights.blocks[index].norm
        if norm.kind not in ("layernorm", "rmsnorm"):
            return None
        w = minus_mean(ray(weights)) if norm.kind == "layernorm" else ray(weights)
        if not w.norm().lower() > 0:
            return None
        stream = reachable(weights, index)
        if not np.isfinite(stream.reach):
            return None
        room = cls(stream, norm, w, nearest(stream, w.mid / np.linalg.norm(w.mid)))
        return room if room.highest(room.across(-room.inside)) < 0 else None

    def across(self, direction: Array) -> Balls:
        """The exact vector across w (and centred, if the norm centres) near a direction."""
        p = Balls.exact(direction)
        p = minus_mean(p) if self.norm.kind == "layernorm" else p
        return p - self.w * (p.dot(self.w) / self.w.dot(self.w))

    def highest(self, p: Balls) -> float:
        """Upper bound of p.r over R."""
        ahead = p.dot(Balls.exact(self.stream.centre)) + self.stream.support(p[None])[1][0]
        return float(ahead.upper())

    def wall(self, direction: Array) -> Balls | None:
        """p with p.r <= 0 on R near which u - p is shortest; None where that is no help."""
        e = self.w.mid / np.linalg.norm(self.w.mid)
        left = beyond(self.stream, e, direction)
        if not np.linalg.norm(left) > NEAR * np.linalg.norm(direction):
            return None
        over, room = self.highest(self.across(left)), self.highest(self.across(-self.inside))
        # against the nearest member p.r falls everywhere, here by more than rounding
        over = max(over, 0.0) + 2.0**-40 * float(np.linalg.norm(left)) * self.stream.reach
        p = self.across(left - self.inside * (over / -room * (1 + 2.0**-10)))
        return p if self.highest(p) <= 0 and p.norm().lower() > 0 else None


def nearest(stream: Stream, e: Array) -> Array:
    """The member that is shortest across e, nearly: R lies ahead of it if its length is not 0."""
    found = stream.centre - e * (e @ stream.centre)
    atoms, shortest = found[:, None], found @ found
    for _ in range(ATOMS):
        new = farthest(stream, -found)
        new = new - e * (e @ new)
        if new @ found >= (1 - NEAR) * (found @ found) or found @ found <= NEAR * shortest:
            break
        atoms = np.concatenate([atoms, new[:, None]], 1)
        # weights of sum 1: one row more, far larger than the others
        heavy = 2.0**10 * float(np.abs(atoms).max())
        rows = np.concatenate([atoms, np.full((1, atoms.shape[1]), heavy)])
        weight = mixture(rows, np.append(0 * found, heavy))
        if weight is None or not weight.any():
            break
        atoms, weight = atoms[:, weight > 0], weight[weight > 0]
        found = atoms @ (weight / weight.sum())
    return found


def head_walls(room: Room, values: Balls, direction: Array) -> Balls:
    """Π = F'p/(|F||p|) for the walls nearest to ± a direction, F an orthonormal frame of values."""
    (frame, _, size), found = head_frame(values), []
    for sign in (1.0, -1.0):
        p = room.wall(sign * direction)
        if p is not None:
            found.append((Balls.exact(frame.T) @ column(p))[:, 0] / (p.norm() * size))
    nothing = Balls.exact(np.zeros((1, frame.shape[1])))
    return concatenate([nothing, *(pi[None] for pi in found)], 0)


@remembered
def walls(weights: Weights, index: int) -> tuple[Balls, ...] | None:
    """By head of a later attention, walls of its average in the coordinates of ``head_columns``.

    The two that cut most off what the readout sees far out. None where there are none.
    """
    part, room = circuits(weights)[index], Room.before(weights, index)
    if room is None:
        return None
    seen = readout_across(weights).mid
    return tuple(
        head_walls(room, part.values[h], part.maps.mid[h].T @ seen)
        for h in range(len(part.maps.mid))
    )


def wall_gap(factor: sp.Expr) -> bool:
    """|u - λp|² - (|u|² - f (u.p)²/|p|²) = (λ|p| - u.p/|p|)²."""
    u, p = sp.symbols("u0:3", real=True), sp.symbols("p0:3", positive=True)
    lam = sp.Symbol("λ", real=True)
    size = sp.Add(*(b**2 for b in p))
    along = sp.Add(*(a * b for a, b in zip(u, p, strict=True)))
    left = sum((a - lam * b) ** 2 for a, b in zip(u, p, strict=True))
    gap = left - sum(a**2 for a in u) + factor * along**2 / size
    return sum_of_squares(gap, [(size, lam - along / size)])
