"""How a query's input decides its scores: the bilinear form of a head, through its few rows."""

from dataclasses import dataclass

import numpy as np

from theory.anatomy import remembered, scaled_rows
from theory.balls import Balls, product_norm, spectral_norm
from theory.cones import column
from theory.streams import Stream, length, scaled, total
from theory.weights import Attention, Weights


@dataclass(frozen=True, eq=False)
class Asking:
    """B = P Γ W_K' W_Q Γ P/sqrt(dh) of a head, by which a query's turn changes its scores.

    |B z| <= stretch |narrow z| + missed |z|, ``narrow`` (dh, d); κ(z) = key' (query z + shift).
    """

    key: Balls
    query: Balls
    shift: Balls
    narrow: Balls
    stretch: float
    missed: float
    size: float

    def kappa(self, z: Balls) -> Balls:
        """κ = B z + q, whose product with a token's input is its score less what all share."""
        return (self.key.t @ (self.query @ column(z) + column(self.shift)))[:, 0]

    def pull(self, middle: Balls, off: float, cap: float, moving: list[Stream]) -> float:
        """Bound of Σ|κ.z'|: κ is within ``off`` of that of the middle, and |κ| <= ``cap``."""
        kappa = self.kappa(middle)
        near = [total(z.farthest(kappa), scaled(off, z.reach)) for z in moving]
        return total(*(min(n, scaled(cap, z.reach)) for n, z in zip(near, moving, strict=True)))

    def reach(self, part: Stream, longest: float) -> float:
        """Upper bound of |B z| over a set no longer than ``longest``."""
        seen = scaled(self.stretch, part.image(self.narrow).reach)
        return min(total(seen, scaled(self.missed, longest)), scaled(self.size, longest))


def score_maps(block: Attention, h: int) -> tuple[Balls, Balls, Balls]:
    """(key, query, shift): z_T scores z_j by (key z_j).(query z_T + shift)/sqrt(dh)."""
    key, query = (scaled_rows(block.norm, m[h]) for m in (block.key, block.query))
    shift = (Balls.exact(block.query[h]) @ block.norm.beta[:, None])[:, 0] + block.query_bias[h]
    return key, query, shift


def asking(block: Attention, h: int) -> Asking:
    """K' = Q R + E (Householder) gives |K' q| <= |Q||R q| + |E||q|."""
    key, query, shift = score_maps(block, h)
    query = query / Balls.exact(float(len(shift.mid))).sqrt()
    shift = shift / Balls.exact(float(len(shift.mid))).sqrt()
    frame, triangle = np.linalg.qr(key.t.mid)
    error = key.t - Balls.exact(frame) @ triangle
    missed = scaled(length(error.magnitude()), spectral_norm(query))
    stretch, size = spectral_norm(Balls.exact(frame)), product_norm(key.t, query)
    return Asking(key, query, shift, Balls.exact(triangle) @ query, stretch, missed, size)


@remembered
def askings(weights: Weights) -> dict[int, list[Asking]]:
    """Every head's, by attention block."""
    return {
        index: [asking(block, h) for h in range(len(block.key))]
        for index, block in enumerate(weights.blocks)
        if isinstance(block, Attention)
    }
