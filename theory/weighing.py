"""Attention on a box: weights of uncertain scores, and the averages of uncertain values."""

import numpy as np
from flint import arb
from jaxtyping import Bool, Float

from theory.balls import Array, Balls, outward
from theory.cones import column
from theory.interval import down, up
from theory.ranges import powers, squashing
from theory.scores import ssa_level
from theory.weights import Attention
from theory.zonotopes import Zonotope, divided, lost, meet

Scores = Float[np.ndarray, "H Q T"]
Visible = Bool[np.ndarray, "Q T"]


def shares(low: Scores, high: Scores, visible: Visible) -> tuple[Scores, Scores]:
    """Softmax weights of scores between doubles: 1/(1 + Σ e^(s_i - s_j)), S1 entry by entry.

    Largest where the own score is at its upper end and the others at their lower ones.
    """
    top = np.where(visible, high, -np.inf).max(-1, keepdims=True)
    sure = np.isfinite(top)
    top = np.where(sure, top, 0.0)
    steps = [np.nextafter(low - top, -np.inf), np.nextafter(high - top, np.inf)]
    least, most = (powers(np.where(visible & sure, step, -np.inf)) for step in steps)
    least, most = np.maximum(least.lower(), 0) * visible, most.upper() * visible
    others = 1.0 - np.eye(low.shape[-1])
    below = np.maximum((Balls.exact(least) @ others).lower(), 0)
    above = (Balls.exact(most) @ others).upper()
    smallest = divided(Balls.exact(least), Balls.exact(least) + above).lower()
    largest = divided(Balls.exact(most), Balls.exact(most) + below).upper()
    ends = np.where(sure, np.clip(smallest, 0, 1), 0.0), np.where(sure, np.clip(largest, 0, 1), 1.0)
    return ends[0] * visible, ends[1] * visible


def levels(attention: Attention, low: Scores, high: Scores) -> tuple[Scores, Scores]:
    """ln of SSA's weight before it is normalised: monotone in the score."""
    b, n = map(arb, attention.ssa)
    found = [[ssa_level(arb(s), b, n) for s in np.ravel(v).tolist()] for v in (low, high)]
    bottom = np.array([min(down(a), down(b)) for a, b in zip(*found, strict=True)])
    top = np.array([max(up(a), up(b)) for a, b in zip(*found, strict=True)])
    return bottom.reshape(low.shape), top.reshape(low.shape)


def winners(low: Scores, high: Scores, visible: Visible) -> tuple[Scores, Scores]:
    """Hardmax: 1 where a score certainly exceeds all others, 0 where another exceeds it."""
    bottom, top = (np.where(visible, v, -np.inf) for v in (low, high))
    best = bottom.max(-1, keepdims=True)
    lost = (top < best) | ~visible
    alone = (~lost).sum(-1, keepdims=True) == 1
    return np.where(~lost & alone, 1.0, 0.0), np.where(lost, 0.0, 1.0)


def softmax_weights(scores: Zonotope, visible: Visible) -> Zonotope:
    """w_j = p_j + p_j (δ_j - Σ p δ) + rest, p the weights at ``mid`` and δ the deviations.

    w_j'' = w_j ((δ_j - mean)² - variance) along the way, so |rest| <= w_j/2 max(.., ..). A part
    that all δ have in common changes nothing and is left out.
    """
    p = Balls.between(*shares(scores.mid, scores.mid, visible))
    lin = Balls.exact(scores.lin * visible)
    lin = lin - column((p * lin).sum())
    rad = np.where(visible, scores.rad, 0.0)
    reach = np.where(visible, outward(lin.magnitude().sum(0) + rad, len(scores.lin) + 2), 0.0)
    ends = np.nextafter(scores.mid - reach, -np.inf), np.nextafter(scores.mid + reach, np.inf)
    low, high = shares(*ends, visible)
    box = Balls.between(*shares(scores.box.lower(), scores.box.upper(), visible))
    most = reach.max(-1, keepdims=True)
    mean = np.minimum((high * reach).sum(-1, keepdims=True), most)
    variance = np.minimum((high * reach**2).sum(-1, keepdims=True), most**2)
    bend = high * ((reach + mean) ** 2 + variance) / 4
    shift = high * ((reach + mean) ** 2 - variance) / 4
    moved = p.magnitude() * (rad + (p.magnitude() * rad).sum(-1, keepdims=True))
    rest = outward(bend + moved, 3 * len(visible.T) + 9) * visible
    box = meet(box, low, high)
    box = Balls(box.mid * visible, box.rad * visible)
    middle = Balls(p.mid * visible, p.rad * visible) + np.where(visible, shift, 0.0)
    return Zonotope.made(middle, lin * p, rest, box)


def weights_of(attention: Attention, scores: Zonotope, visible: Visible) -> Zonotope:
    """The weights of visible tokens; hidden ones are 0."""
    ends = scores.box.lower(), scores.box.upper()
    match attention.score:
        case "softmax":
            return softmax_weights(scores, visible)
        case "linear":
            found = scores
        case "sigmoid":
            found = scores.relaxed(*squashing("logistic", *ends))
        case "hardmax":
            found = Zonotope.plain(Balls.between(*winners(*ends, visible)))
        case "ssa":
            found = Zonotope.plain(Balls.between(*shares(*levels(attention, *ends), visible)))
    return found.each(lambda a: np.where(visible, a, 0.0))


def highest_average(low: Scores, high: Scores, values: Float[np.ndarray, "H T e"]) -> Array:
    """Upper bounds of Σ w_j v_j, low <= w <= high, Σ w = 1: θ + Σ max((v_j - θ) w_j) for any θ.

    The best θ is the value at which the weights, spent on the largest values first, run out.
    """
    order = np.argsort(-values, axis=-2)
    free = np.take_along_axis((high - low)[..., None], order[:, None], axis=-2)
    spent = np.cumsum(free, axis=-2) >= 1 - low.sum(-1)[..., None, None]
    last = np.where(spent.any(-2), spent.argmax(-2), -1)
    sorted_values = np.take_along_axis(values, order, axis=-2)
    theta = np.take_along_axis(sorted_values, last % values.shape[-2], axis=-2)
    above = Balls.exact(values[:, None]) - theta[..., None, :]
    ends = [(above * w[..., None]).upper() for w in (low, high)]
    return (Balls.exact(np.maximum(*ends)).sum(-2) + theta).upper()


def weigh(attention: Attention, scores: Zonotope, v: Zonotope, room: int) -> Zonotope:
    """Σ_j w_tj v_j for the last Q queries; where Σ w = 1 only v_j - θ_t matters, θ an average."""
    count, length = scores.mid.shape[-2:]
    visible = np.tril(np.ones((length, length), dtype=bool))[length - count :]
    w = weights_of(attention, scores, visible)
    # hardmax and SSA start without symbols: what is promoted must not take the numbers of v's
    w = Zonotope(w.mid, w.padded(max(len(w.lin), len(v.lin))), w.rad, w.box).promoted(room)
    averages = attention.score in ("softmax", "hardmax", "ssa")
    theta = w.mid @ v.mid if averages else np.zeros((*w.mid.shape[:-1], v.mid.shape[-1]))
    size = max(len(w.lin), len(v.lin))
    lin = Balls.exact(w.left(v.mid, size)) + v.right(w.mid, size)
    lin = lin - column(Balls.exact(w.padded(size)).sum()) * theta
    mid = Balls.exact(w.mid)
    middle = mid @ v.mid + (1.0 - column(mid.sum())) * theta + w.crossed(v)
    off = (Balls.exact(v.mid[:, None]) - theta[..., None, :]).magnitude()
    rad = lost(w.lin, length) @ np.abs(v.mid) + np.abs(w.mid) @ (v.rad + lost(v.lin, length))
    rad = outward((w.rad[..., None] * off).sum(-2) + rad, 2 * length + 8)
    box = w.box @ v.box
    if averages:
        ends = w.box.lower() * visible, w.box.upper() * visible
        low, high = np.clip(ends[0], 0, 1), np.clip(ends[1], 0, 1)
        top = highest_average(low, high, v.box.upper())
        box = meet(box, -highest_average(low, high, -v.box.lower()), top)
    return Zonotope.made(middle, lin, rad, box).promoted(room)
