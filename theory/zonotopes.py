"""Arrays of numbers known twice: to a box, and to a linear function of shared symbols.

The box is interval arithmetic's; the symbols (affine arithmetic, a zonotope) remember what the
entries have in common, so that differences cancel and small boxes cost only second order. Each
operation serves both and keeps the better of the two, entry by entry. Not a number is no knowledge.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.balls import TINY, Array, Balls, balls, gamma, outward

# how much of the largest uncertainty a rest must be to become a symbol
SMALL = 2.0**-16


def known(x: Balls) -> Balls:
    """The whole line where a ball is not finite."""
    lost = ~(np.isfinite(x.mid) & np.isfinite(x.rad))
    return Balls(np.where(lost, 0.0, x.mid), np.where(lost, np.inf, x.rad))


def meet(x: Balls, low: Array, high: Array) -> Balls:
    """The part of x in [low, high], which holds the number too; NaN there says nothing."""
    bottom, top = np.fmax(x.lower(), low), np.fmin(x.upper(), high)
    # as it was where that is no narrower: a ball of two ends is rounded
    narrow = known(Balls.between(bottom, top))
    keep = ~(narrow.rad < x.rad)
    return Balls(np.where(keep, x.mid, narrow.mid), np.where(keep, x.rad, narrow.rad))


def divided(x: Balls, y: Balls) -> Balls:
    """x / y, the whole line where y is not known to be positive."""
    sure = (y.lower() > 0) & np.isfinite(y.mid)
    safe = Balls(np.where(sure, y.mid, 1.0), np.where(sure, y.rad, 0.0))
    found = x / safe
    return known(Balls(np.where(sure, found.mid, np.nan), found.rad))


@dataclass(frozen=True, eq=False)
class Zonotope:
    """x = mid + Σ_k ε_k lin_k + rad e with |ε_k|, |e| <= 1, e apart in each entry; x in box.

    ``mid``, ``rad`` have x's shape S, ``lin`` is (K, *S): exact doubles. Symbols have numbers, and
    whoever has fewer of them has 0 for the others.
    """

    mid: Array
    lin: Array
    rad: Array
    box: Balls

    @classmethod
    def made(cls, mid: Balls, lin: Balls, rad: Array, box: Balls) -> "Zonotope":
        """Rounding errors to ``rad``; the box alone where it is no wider than ``rad``."""
        count = len(lin.mid)
        spread = outward(lin.rad.sum(0) + mid.rad + rad, count + 3)
        total = outward(np.abs(lin.mid).sum(0) + spread, count + 2)
        reached = known(Balls(mid.mid, total))
        box = meet(known(box), reached.lower(), reached.upper())
        drop = ~(spread < box.rad) | ~np.isfinite(total)
        return cls(
            np.where(drop, box.mid, mid.mid),
            np.where(drop, 0.0, lin.mid),
            np.where(drop, box.rad, spread),
            box,
        )

    @classmethod
    def plain(cls, box: Balls) -> "Zonotope":
        """Without symbols."""
        box = known(box)
        return cls(box.mid, np.zeros((0, *box.shape)), box.rad, box)

    def spread(self) -> Array:
        """Upper bounds of what the symbols and ``rad`` allow for |x - mid|."""
        return outward(np.abs(self.lin).sum(0) + self.rad, len(self.lin) + 2)

    def total(self) -> Array:
        """Upper bounds of |x - mid|."""
        boxed = np.maximum(self.box.upper() - self.mid, self.mid - self.box.lower())
        return np.fmin(self.spread(), outward(boxed, 1))

    def padded(self, count: int) -> Array:
        """``lin`` with ``count`` symbols."""
        missing = count - len(self.lin)
        return (
            np.concatenate([self.lin, np.zeros((missing, *self.mid.shape))])
            if missing
            else self.lin
        )

    def each(self, change: Callable[[Array], Array]) -> "Zonotope":
        """Entries rearranged or chosen; the change leaves a leading axis of symbols alone."""
        box = Balls(change(self.box.mid), change(self.box.rad))
        return Zonotope(change(self.mid), change(self.lin), change(self.rad), box)

    def promoted(self, limit: int) -> "Zonotope":
        """The largest of the ``rad`` as symbols of their own, until there are ``limit``.

        Few symbols are cheap; beyond a quarter of the limit only what is not SMALL is worth one.
        """
        flat = np.where(np.isfinite(self.rad), self.rad, 0.0).ravel()
        chosen = np.argsort(-flat, kind="stable")[: max(limit - len(self.lin), 0)]
        largest = np.where(np.isfinite(self.rad), self.total(), 0.0).max(initial=0.0)
        small = np.full(len(chosen), SMALL * largest)
        small[: max(limit // 4 - len(self.lin), 0)] *= SMALL
        chosen = chosen[flat[chosen] > small]
        fresh = np.zeros((len(chosen), flat.size))
        fresh[np.arange(len(chosen)), chosen] = flat[chosen]
        rest = self.rad.ravel().copy()
        rest[chosen] = 0.0
        lin = np.concatenate([self.lin, fresh.reshape(len(chosen), *self.rad.shape)])
        return Zonotope(self.mid, lin, rest.reshape(self.rad.shape), self.box)

    def __add__(self, other: "Zonotope | Balls | Array") -> "Zonotope":
        """x + y; symbols that both have stay shared."""
        if not isinstance(other, Zonotope):
            mid = Balls.exact(self.mid) + other
            return Zonotope.made(mid, Balls.exact(self.lin), self.rad, self.box + other)
        count = max(len(self.lin), len(other.lin))
        lin = Balls.exact(self.padded(count)) + other.padded(count)
        mid = Balls.exact(self.mid) + other.mid
        return Zonotope.made(mid, lin, self.rad + other.rad, self.box + other.box)

    def relaxed(self, tilt: Balls | Array | float, rest: Balls, box: Balls) -> "Zonotope":
        """f(x) for an f with f(x) in tilt x + rest and in the box, entry by entry."""
        tilt = balls(tilt)
        rad = outward(self.rad * tilt.magnitude() + rest.rad, 3)
        mid = Balls.exact(self.mid) * tilt + rest.mid
        return Zonotope.made(mid, Balls.exact(self.lin) * tilt, rad, box)

    def times(self, factor: Balls | Array | float) -> "Zonotope":
        """Each entry times a number."""
        factor = balls(factor)
        return self.relaxed(factor, Balls.exact(np.zeros_like(self.mid)), self.box * factor)

    def product(self, other: "Zonotope", box: Balls) -> "Zonotope":
        """x y, entry by entry (axes are broadcast), known to lie in the box."""
        count = max(len(self.lin), len(other.lin))
        x, y = Balls.exact(self.mid), Balls.exact(other.mid)
        left, right = self.padded(count), other.padded(count)
        lin = Balls.exact(left) * y + Balls.exact(right) * x
        rad = outward(self.rad * np.abs(y.mid) + np.abs(x.mid) * other.rad, 3)
        same = Balls.exact(left) * right
        sizes = Balls(np.abs(same.mid), same.rad).sum(0)
        curved = second_order(
            same.sum(0), sizes, self.spread() * other.spread(), self.total() * other.total()
        )
        return Zonotope.made(x * y + curved, lin, rad, box)

    def mapped(self, matrix: Array, bias: Array | Balls) -> "Zonotope":
        """W x + b along the last axis, W (m, d)."""
        turned, n = Balls.exact(matrix.T), self.mid.shape[-1]
        # one large product of matrices, not one a symbol
        lin = (self.lin.reshape(-1, n) @ matrix.T).reshape(*self.lin.shape[:-1], len(matrix))
        rad = (self.rad + lost(self.lin, n)) @ np.abs(matrix.T)
        mid, box = Balls.exact(self.mid) @ turned + bias, self.box @ turned + bias
        return Zonotope.made(mid, Balls.exact(lin), outward(rad, 2 * n + 3), box)

    def __matmul__(self, other: "Zonotope") -> "Zonotope":
        """x y over the last two axes."""
        n, size = self.mid.shape[-1], max(len(self.lin), len(other.lin))
        lin = Balls.exact(self.left(other.mid, size)) + other.right(self.mid, size)
        x, y = np.abs(self.mid), np.abs(other.mid)
        rad = (self.rad + lost(self.lin, n)) @ y + x @ (other.rad + lost(other.lin, n))
        mid = Balls.exact(self.mid) @ other.mid + self.crossed(other)
        return Zonotope.made(mid, lin, outward(rad, 2 * n + 7), self.box @ other.box)

    def crossed(self, other: "Zonotope") -> Balls:
        """(x - mid)(y - mid) over the last two axes."""
        size, (h, m, n), p = max(len(self.lin), len(other.lin)), self.mid.shape, other.mid.shape[-1]
        left = np.moveaxis(self.padded(size), 0, 2).reshape(h, m, size * n)
        right = np.moveaxis(other.padded(size), 0, 1).reshape(h, size * n, p)
        same, sizes = Balls.exact(left) @ right, Balls.exact(np.abs(left)) @ np.abs(right)
        spread = outward(self.spread() @ other.spread(), 2 * n + 2)
        total = outward(self.total() @ other.total(), 2 * n + 2)
        return second_order(same, sizes, spread, total)

    def left(self, matrix: Array, count: int) -> Array:
        """lin M over the last two axes to rounding (``lost``): x is (H, m, n), M (H, n, k)."""
        h, m, n = self.mid.shape
        rows = np.moveaxis(self.padded(count), 0, 1).reshape(h, count * m, n)
        return np.moveaxis((rows @ matrix).reshape(h, count, m, matrix.shape[-1]), 1, 0)

    def right(self, matrix: Array, count: int) -> Array:
        """M lin over the last two axes to rounding (``lost``): x is (H, n, k), M (H, m, n)."""
        h, n, k = self.mid.shape
        rows = np.moveaxis(self.padded(count), 0, 2).reshape(h, n, count * k)
        return np.moveaxis((matrix @ rows).reshape(h, matrix.shape[-2], count, k), 2, 0)


def second_order(same: Balls, sizes: Balls, spread: Array, total: Array) -> Balls:
    """Σ_kj ε_k ε_j l_k m_j and more, from Σ l_k m_k, Σ|l_k m_k| and bounds of the whole.

    ε_k² lies in [0, 1]: its half is known, and half of it is all that is uncertain.
    """
    half = same * 0.5
    curved = (Balls.exact(outward(spread, 2)) - sizes.lower() * 0.5).upper()
    known_otherwise = outward(total + half.magnitude(), 3)
    return Balls(half.mid, outward(np.maximum(np.fmin(curved, known_otherwise), 0) + half.rad, 2))


def lost(lin: Array, n: int) -> Array:
    """What to multiply with |M| for the rounding of products lin M of n terms, symbols together."""
    return outward(gamma(n) * np.abs(lin).sum(0), len(lin) + 2) + len(lin) * TINY
