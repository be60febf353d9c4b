"""A set of streams held as one: a centre, balls and half discs mapped by matrices, one radius.

Forward reachability with balls as noise: what several layers read from the same attention average
keeps its symbol, so a linear functional of the stream is bounded as a whole and not layer by
layer. Exact doubles throughout; every rounding error ends in ``slack``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from theory.balls import Array, Balls, gamma, outward, spectral_norm, stretched
from theory.discs import Shape

# above the square root of every sum of squares that underflow can have lost
LOST = 2.0**-500
# beside the lengths of groups: none is 0, no square of one underflows
SHORT = 2.0**-400
# moves of the weights of a norm's groups, and directions among which the longest is looked for
ROUNDS, LEADING, POWERS = 6, 6, 3
# squared norm over the least that the weights could give, from which they are good enough
NEAR = 1.03


def length(values: Array) -> float:
    """Upper bound of the Euclidean (Frobenius) norm of an array of doubles."""
    return float(Balls.exact(np.ravel(values)).norm().upper())


def total(*parts: float) -> float:
    """Upper bound of a sum of non-negative doubles."""
    return float(outward(np.float64(sum(parts)), len(parts)))


def scaled(*factors: float) -> float:
    """Upper bound of a product of non-negative doubles."""
    return float(outward(np.float64(np.prod(factors)), len(factors)))


# columns side by side, and how many belong to each group
Groups = tuple[Float[np.ndarray, "d n"], Int[np.ndarray, " g"]]


@dataclass(frozen=True, eq=False)
class Stream:
    """centre + Σ_g M_g b_g + slack b, |b_g|, |b| <= 1.

    ``columns`` (d, N) holds the M_g side by side, group g from column starts[g] on. Of the first
    groups more is known: b_g lies in ``shapes``[g], an average over half discs or a cut ball.
    """

    centre: Float[np.ndarray, " d"]
    columns: Float[np.ndarray, "d N"]
    starts: Int[np.ndarray, " G"]
    shapes: tuple[Shape, ...] = ()
    slack: float = 0.0

    @classmethod
    def at(cls, centre: Balls) -> "Stream":
        """A single stream, known to its radius."""
        d = centre.shape[0]
        return cls(np.zeros(d), np.zeros((d, 0)), np.zeros(0, dtype=int)).moved(centre)

    @classmethod
    def nothing(cls, width: int) -> "Stream":
        """The set that holds 0 alone."""
        return cls.at(Balls.exact(np.zeros(width)))

    def moved(self, by: Balls) -> "Stream":
        """Every stream moved by the same unknown member of the ball."""
        centre = Balls.exact(self.centre) + by
        return replace(self, centre=centre.mid, slack=total(self.slack, length(centre.rad)))

    def loosened(self, slack: float) -> "Stream":
        """More slack."""
        return replace(self, slack=total(self.slack, slack))

    def joined(self, columns: Balls, size: int) -> "Stream":
        """More noise: groups of ``size`` columns each."""
        fresh = np.arange(0, columns.shape[1], size)
        # |Σ_g E_g b_g| <= sqrt(G) |E|_F for errors E of G groups
        error = scaled(float(np.sqrt(len(fresh) + 1)), length(columns.rad))
        return replace(
            self,
            columns=np.concatenate([self.columns, columns.mid], 1),
            starts=np.concatenate([self.starts, fresh + self.columns.shape[1]]),
            slack=total(self.slack, error),
        )

    def with_shape(self, shape: Shape) -> "Stream":
        """One more group of which more is known."""
        if not shape.columns.size:
            return self.loosened(shape.missed)
        starts = np.zeros(1, dtype=int)
        one = Stream(np.zeros(len(self.centre)), shape.columns, starts, (shape,), shape.missed)
        return self.plus(one).moved((Balls.exact(shape.columns) @ shape.origin[:, None])[:, 0])

    def mapped(self, matrix: Array, keep: bool) -> "Stream":
        """Deviations v -> M v (+ v with ``keep``) by an exact matrix; centre untouched."""

        def image(part: Array) -> Balls:
            moved = Balls.exact(matrix) @ part
            return moved + part if keep else moved

        # slack of rounding's size is not worth an eigenvalue
        size, most = length(matrix), float(np.abs(self.columns).max(initial=0))
        if self.slack * size > 2.0**-30 * most:
            size = spectral_norm(Balls.exact(matrix))
        return self.changed(image, size + float(keep))

    def changed(self, image: Callable[[Array], Balls], size: float) -> "Stream":
        """Deviations under a linear map of norm <= ``size``, column by column; centre untouched."""
        columns = image(self.columns)
        empty = Stream(self.centre, np.zeros((columns.shape[0], 0)), self.starts[:0])
        result = replace(empty, slack=scaled(self.slack, size)).joined(columns, 1)
        # the groups are those of before; `joined` counted one a column, which bounds the error too
        return replace(result, starts=self.starts, shapes=self.shapes)

    def image(self, matrix: Balls) -> "Stream":
        """Every stream r -> M r, M (m, d) known to its radius."""
        moved = replace(self.mapped(matrix.mid, keep=False), centre=np.zeros(len(matrix.mid)))
        centre = (matrix @ self.centre[:, None])[:, 0]
        return moved.moved(centre).loosened(scaled(length(matrix.rad), self.extent()))

    def times(self, factor: Balls) -> "Stream":
        """f r for every stream r and one number f, a ball without shape."""
        grown = self.changed(lambda part: Balls.exact(part) * factor, float(factor.magnitude()))
        return replace(grown, centre=0 * self.centre).moved(Balls.exact(self.centre) * factor)

    def swung(self) -> "Stream":
        """s r for every stream r and every s in [-1/2, 1/2]: shapes become balls."""
        half = self.plain().times(Balls.exact(0.5))
        return replace(half, centre=0 * half.centre).joined(Balls.exact(half.centre[:, None]), 1)

    def plus(self, other: "Stream") -> "Stream":
        """The sum of a stream of each set, independently."""
        apart = [part.split() for part in (self, other)]
        pieces = [*(known for known, _ in apart), *(rest for _, rest in apart)]
        sizes = np.concatenate([size for _, size in pieces])
        joined = Stream(
            self.centre,
            np.concatenate([columns for columns, _ in pieces], 1),
            np.cumsum(sizes) - sizes,
            self.shapes + other.shapes,
            total(self.slack, other.slack),
        )
        return joined.moved(Balls.exact(other.centre))

    def split(self) -> tuple[Groups, Groups]:
        """(columns, sizes of the groups) of those with a shape, and of the rest."""
        sizes, count = np.diff([*self.starts, self.columns.shape[1]]), len(self.shapes)
        last = int(sizes[:count].sum())
        return (self.columns[:, :last], sizes[:count]), (self.columns[:, last:], sizes[count:])

    def farthest(self, row: Balls) -> float:
        """Upper bound of |u.r| for every stream r, u (d,)."""
        (low,), (high,) = self.support(row[None])
        middle = row.dot(Balls.exact(self.centre))
        return max(float((middle + high).upper()), -float((middle + low).lower()), 0.0)

    @cached_property
    def reach(self) -> float:
        """Upper bound of the length of every stream: every head asks for it."""
        return total(length(self.centre), self.norm())

    def merged(self, limit: int) -> "Stream":
        """At most about ``limit`` columns: the smallest groups become one ellipsoid E b.

        Σ M_g b_g lies in it when E E' - (Σ l_g²) Σ M_g M_g'/l_g² is positive semidefinite, which
        holds when that is δ I up to an error of Frobenius norm at most δ. Unchanged where it fails.
        """
        (held, held_sizes), (columns, sizes) = self.split()
        if columns.shape[1] <= limit:
            return self
        d, starts = len(self.centre), np.cumsum(sizes) - sizes
        weight = np.sqrt(np.add.reduceat((columns**2).sum(0), starts))
        if not np.isfinite(weight).all():
            return self
        order = np.argsort(-weight, kind="stable")
        kept = np.zeros(len(sizes), dtype=bool)
        kept[order[np.cumsum(sizes[order]) <= limit - d]] = True
        members = np.repeat(kept, sizes)
        small, few = columns[:, ~members], sizes[~kept]
        shares = np.sqrt(np.maximum(weight[~kept], weight.max() * 1e-12) + SHORT)
        gram = stretched(small, np.repeat(1 / shares, few))
        gram = gram @ gram.t * inverse_squares(1 / shares)
        # above the rounding of sums of so many products: the factor's defect must fit under it
        rounding = max(2.0**-40, 8 * float(gamma(small.shape[1])))
        lift = float(np.trace(gram.mid)) * rounding + SHORT**2
        if not np.isfinite(lift):
            return self
        factor = np.linalg.cholesky((gram.mid + gram.mid.T) / 2 + lift * np.eye(d))
        defect = Balls.exact(factor) @ factor.T - gram - lift * np.eye(d)
        if not length(defect.magnitude()) <= lift:
            return self
        sizes = np.concatenate([held_sizes, sizes[kept]])
        rest = replace(
            self,
            columns=np.concatenate([held, columns[:, members]], 1),
            starts=np.cumsum(sizes) - sizes,
        )
        return rest.joined(Balls.exact(factor), d)

    def support(self, rows: Balls) -> tuple[Array, Array]:
        """[low, high] that holds each row's product with every deviation from the centre."""
        reach = scaled_lengths(rows, self.slack)
        low, high, first = 0 * reach, 0 * reach, 0
        if self.columns.shape[1]:
            hit = rows @ self.columns
            for shape in self.shapes:
                last = first + len(shape.origin)
                below, above = shape.support(hit[:, first:last])
                low, high, first = low + below, high + above, last
        if self.columns.shape[1] > first:
            seen = hit.magnitude()[:, first:]
            starts = self.starts[len(self.shapes) :] - first
            sizes = np.sqrt(np.add.reduceat(seen**2, starts, axis=-1)) + LOST
            reach = outward(reach + sizes.sum(-1), seen.shape[-1] + len(starts) + 4)
        rounded = 1 + 2 * gamma(len(self.shapes) + 2)
        return (low - reach) * rounded, (high + reach) * rounded

    def plain(self) -> "Stream":
        """The same with a ball for every shape."""
        return replace(self, shapes=())

    def extent(self) -> float:
        """``norm`` without eigenvectors, group by group: for what a rounding error multiplies."""
        sizes = np.zeros(1)
        if self.columns.shape[1]:
            sizes = np.sqrt(np.add.reduceat((self.columns**2).sum(0), self.starts)) + LOST
        reach = outward(sizes.sum(), self.columns.size + 2 * len(sizes) + 4)
        return total(float(reach), self.slack)

    def norm(self) -> float:
        """Upper bound of the length of every deviation from the centre.

        |Σ M_g b_g| <= |[M_1/l_1 .. M_G/l_G]|_2 sqrt(Σ l_g²) for any l_g > 0; ``balance``
        finds some that are nearly the best. Never more than ``extent``.
        """
        if not self.columns.any():
            return self.slack
        if not np.isfinite(self.columns).all():
            return np.inf
        shares = balance(self.columns, self.starts)
        sizes = np.diff([*self.starts, self.columns.shape[1]])
        together = spectral_norm(stretched(self.columns, np.repeat(1 / shares, sizes)))
        together = scaled(together, float(inverse_squares(1 / shares).sqrt().upper()))
        return min(total(together, self.slack), self.extent())


def inverse_squares(values: Array) -> Balls:
    """Σ 1/v²."""
    inverse = 1.0 / Balls.exact(values)
    return (inverse * inverse).sum()


def scaled_lengths(rows: Balls, factor: float) -> Array:
    """Upper bounds of factor |row|."""
    return outward(rows.norm().upper() * factor, 2)


def balance(columns: Array, starts: Array) -> Array:
    """Weights l_g for ``Stream.norm``: any are sound, these are near the best.

    With λ = l², least over λ of |Σ M_g M_g'/λ_g| Σ λ_g is largest over ρ >= 0 of trace 1 of
    (Σ sqrt(q_g))², q_g = tr ρ M_g M_g', at λ = sqrt(q). Concave in ρ: Frank-Wolfe moves ρ towards
    the longest direction of the λ at hand and needs to know q only.
    """
    sizes, columns = np.diff([*starts, columns.shape[1]]), columns / np.abs(columns).max()
    q = np.add.reduceat((columns**2).sum(0), starts)
    q, best, kept = q / len(columns), np.inf, q
    order = np.argsort(-(columns**2).sum(0), kind="stable")
    frame = columns[:, order[:LEADING]]
    for _ in range(POWERS):
        frame, _ = np.linalg.qr(columns @ (columns.T @ frame))
    for step in range(ROUNDS):
        weights = np.sqrt(np.maximum(q, q.max() * 1e-12)) + SHORT
        inverse = 1 / np.repeat(weights, sizes)
        # the leading directions of the last weights are nearly those of these
        frame, _ = np.linalg.qr(columns @ ((frame.T @ columns) * inverse).T)
        shadow = frame.T @ columns
        heights, turn = np.linalg.eigh((shadow * inverse) @ shadow.T)
        if heights[-1] * weights.sum() < best:
            best, kept = heights[-1] * weights.sum(), weights
        if best <= NEAR * weights.sum() ** 2:
            break
        seen = np.add.reduceat((turn[:, -1] @ shadow) ** 2, starts)
        q = q + (seen - q) / (step + 2)
    return np.sqrt(kept)
