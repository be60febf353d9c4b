"""L1 and L2 for many outputs at once: every logit of a language model, every output coordinate.

A head is a norm followed by a linear map with V rows, or by nothing: y_i = w_i . norm(h) + b_i.
The certificate is L2's, row by row, in ``Balls`` and in slices: 50,257 x 768 takes seconds.
What a softmax over the rows can say at all is in theory.entropy.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from theory.anatomy import scaled_rows
from theory.balls import Array, Balls
from theory.errors import TheoryError
from theory.weights import Norm, Weights

# Rows taken together: the temporaries of a slice of 2,048 rows of 768 stay under 100 MB.
SLICE = 2048


@dataclass(frozen=True, eq=False)
class Head:
    """y = W norm(h) + b, or norm(h) itself when ``rows`` is None.

    ``rows`` (V, d) may stay in float32: a slice at a time enters exactly. ``bias`` (V,).
    """

    norm: Norm
    rows: Float[np.ndarray, "V d"] | None = None
    bias: Float[np.ndarray, " V"] | None = None

    @property
    def width(self) -> int:
        """d."""
        return self.norm.gamma.size

    @property
    def outputs(self) -> int:
        """V."""
        return self.width if self.rows is None else len(self.rows)

    def __post_init__(self) -> None:
        """Refuse what no theorem can speak about: wrong shapes, NaN and infinite numbers."""
        d = self.width
        shapes: dict[str, tuple[int, ...]] = {"gamma": (d,), "beta": (d,)}
        arrays = {"gamma": self.norm.gamma, "beta": self.norm.beta}
        if self.rows is not None:
            arrays["rows"], shapes["rows"] = self.rows, (*self.rows.shape[:1], d)
        if self.bias is not None:
            outputs = (d,) if self.rows is None else self.rows.shape[:1]
            arrays["bias"], shapes["bias"] = self.bias, outputs
        for name, array in arrays.items():
            if array.shape != shapes[name]:
                raise TheoryError(f"{name} has shape {array.shape}, {shapes[name]} is needed")
            if not np.isfinite(array).all():
                raise TheoryError(f"{name} holds NaN or infinite numbers: no theorem applies")
        if not (np.isfinite([self.norm.eps, self.norm.alpha]).all() and self.norm.eps >= 0):
            raise TheoryError(f"eps is {self.norm.eps}: it must be finite and not negative")

    def slices(self) -> Iterator[tuple[int, Float[np.ndarray, "v d"]]]:
        """(first row, rows in float64), slice by slice."""
        for first in range(0, self.outputs, SLICE):
            if self.rows is None:
                last = min(first + SLICE, self.width)
                yield first, np.eye(last - first, self.width, first)
            else:
                yield first, self.rows[first : first + SLICE].astype(float)

    def weights(self) -> Weights:
        """The head's first row behind no block at all: for ``Theorem.applies`` of the L family."""
        zeros = np.zeros(self.width)
        row = next(self.slices())[1][0]
        return Weights(zeros, zeros, zeros[None], (), self.norm, row, 0.0)


def spans(norm: Norm, directions: Balls) -> Balls:
    """sup over all h of u.(norm(h) - beta) for every row u' = gamma*u (P applied) of a slice.

    LayerNorm and RMSNorm sqrt(d)|u'|, DyT |u'|_1 (see theory.norms, which does one row in arb).
    """
    if norm.kind == "none":
        raise TheoryError("no norm before the readout: nothing bounds what it says")
    if norm.kind == "dyt":
        sizes = Balls(np.abs(directions.mid), directions.rad).sum()
        return sizes if norm.alpha != 0 else sizes * 0.0
    return directions.norm() * Balls.exact(float(norm.gamma.size)).sqrt()


def ceilings(head: Head) -> tuple[Array, Array]:
    """(low, high), each (V,): no input whatever takes output i outside [low_i, high_i] (L2).

    c_i ± R_i, c_i = b_i + w_i.beta, R_i = sqrt(d)|P(gamma*w_i)|; for the coordinates of a
    LayerNorm (rows None) that is beta_i ± |gamma_i| sqrt(d - 1) (L1). Sharp: each end is the
    supremum over h, reached for eps = 0 and approached for eps > 0.

    TheoryError without a norm and for numbers whose squares leave the doubles.
    """
    bias = np.zeros(head.outputs) if head.bias is None else head.bias.astype(float)
    low, high = np.empty(head.outputs), np.empty(head.outputs)
    for first, rows in head.slices():
        part = slice(first, first + len(rows))
        # what overflows becomes inf or NaN and is refused below
        with np.errstate(over="ignore", invalid="ignore"):
            middle = (Balls.exact(rows) @ head.norm.beta[:, None])[:, 0] + bias[part]
            reach = spans(head.norm, scaled_rows(head.norm, rows))
            low[part], high[part] = (middle - reach).lower(), (middle + reach).upper()
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise TheoryError("weights so large that a double cannot hold the ceiling")
    return low, high
