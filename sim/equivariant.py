"""W1 (alias E1): a predictor made equivariant under scaling of inputs and of values.

G(x, y; x_i) = Q_i F(x / S_i, y / Q_i; x_i / S_i), with S_i = max |x_j| over j <= i and
Q_i = max |y_j| over j < i.

Then G(s x, t y) = t G(x, y) for s, t > 0, bit for bit when s and t are powers of two and nothing
over- or underflows. |G_i| <= Q_i max |F|: the ceiling moves with the largest value SEEN.
Conventions. Q_i = 0 (no value seen, or only zeros): G_i = 0, the only value that
G(x, t 0) = t G(x, 0) allows. S_i = 0 (all inputs zero): every scale is the same, so S_i := 1.
Price. The maxima change with the prefix: n passes, one for each, in place of one causal pass.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from sim.baselines import Predictor


def scales(
    xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"]
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n"]]:
    """(S, Q): running maxima of |x| up to the query and of |y| before it; Q_0 = 0."""
    before = torch.cat([torch.zeros_like(ys[:, :1]), ys[:, :-1]], dim=1)
    return xs.abs().cummax(1).values, before.abs().cummax(1).values


def normalise(
    xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"]
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n"]]:
    """Whole prompts scaled to max |x| = max |y| = 1, the last (unseen) y left out of the maximum.

    For TRAINING F: one causal pass over such prompts trains every position on values of order 1,
    where W1 will call it, at 1/n of the cost of training through the wrapper.
    """
    scale, size = scales(xs, ys)
    scale, size = scale[:, -1:], size[:, -1:]
    return xs / torch.where(scale > 0, scale, 1), ys / torch.where(size > 0, size, 1)


def equivariant(predictor: Predictor) -> Predictor:
    """Wrap F into G; differentiable wherever F is, so it can be trained through (n passes)."""

    def wrapped(xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        scale, size = scales(xs, ys)
        scale = torch.where(scale > 0, scale, 1)
        safe = torch.where(size > 0, size, 1)
        columns = []
        for i in range(xs.shape[1]):
            x = xs[:, : i + 1] / scale[:, i, None]
            # The y of the query is not read; a zero keeps it from overflowing by the division.
            y = torch.cat([ys[:, :i] / safe[:, i, None], torch.zeros_like(ys[:, :1])], dim=1)
            columns.append(size[:, i] * predictor(x, y)[:, i])
        return torch.stack(columns, dim=1)

    return wrapped
