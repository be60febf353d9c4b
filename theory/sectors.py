"""Secant slopes of an activation from one point: act(u0 + δ) = act(u0) + (λ ± half) δ.

Where many units are far from u0 none of them bounds the others, but Σ δ_i² is bounded as a whole
(δ = W z, |z|² <= d): noise that is a share of δ costs |W|_2 and not every row's own length.
"""

import numpy as np

from theory.activations import bend, derivative_range, slope, value
from theory.balls import Array, Balls, outward
from theory.weights import ActivationKind

POINTS = 48


def smooth_secants(kind: ActivationKind, at: Array, end: Array) -> tuple[Array, Array]:
    """Range of S(δ) = ∫_0^1 act'(at + tδ) dt for δ between 0 and end - at, entry by entry.

    |S'| <= sup|act''|/2, so S leaves the values at two neighbouring points by at most
    sup|act''| h/4; and |S - act'(at)| <= sup|act''||δ|/2, the range of act'' taken where it is met.
    """
    share = np.arange(1, POINTS + 1) / POINTS
    points = at[:, None] + (end - at)[:, None] * share
    step = Balls.exact(points) - at[:, None]
    far = np.abs(step.mid) > step.rad * 2.0**20 + 2.0**-20
    divisor = Balls(np.where(far, step.mid, 1.0), np.where(far, step.rad, 0.0))
    rise = (value(kind, Balls.exact(points)) - value(kind, Balls.exact(at[:, None]))) / divisor
    start = slope(kind, Balls.exact(at))
    low = np.where(far, rise.lower(), np.inf).min(1)
    high = np.where(far, rise.upper(), -np.inf).max(1)
    low, high = np.minimum(low, start.lower()), np.maximum(high, start.upper())
    # points within 2^-20 of `at` are skipped: one more step of that length, covered by its slope
    gap = outward(np.abs(end - at) / POINTS + 2.0**-19, 3) * bend(kind) / 4
    bottom, top = derivative_range(kind, 2, np.minimum(at, end), np.maximum(at, end))
    reach = outward(np.abs(end - at), 2) * np.maximum(-bottom, top) / 2
    reach = outward(np.maximum(reach, 0), 3)
    low = np.maximum(low - outward(gap, 2), start.lower() - reach)
    high = np.minimum(high + outward(gap, 2), start.upper() + reach)
    return np.nextafter(low, -np.inf), np.nextafter(high, np.inf)


def sector(kind: ActivationKind, at: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """(λ, half): |act(u) - act(at) - λ(u - at)| <= half |u - at| for u in [low, high] with at."""
    if kind == "relu":
        # convex: secant slopes from one point never fall
        ends = np.stack([low, high])
        step = Balls.exact(ends) - at
        flat = np.abs(step.mid) <= 2.0**-40 * (np.abs(at) + np.abs(ends))
        divisor = Balls(np.where(flat, 1.0, step.mid), np.where(flat, 0.0, step.rad))
        rise = (Balls.exact(np.maximum(ends, 0)) - np.maximum(at, 0)) / divisor
        bottom = np.where(flat[0], 0.0, rise.lower()[0])
        top = np.where(flat[1], 1.0, rise.upper()[1])
    else:
        sides = [smooth_secants(kind, at, end) for end in (low, high)]
        bottom, top = np.minimum(sides[0][0], sides[1][0]), np.maximum(sides[0][1], sides[1][1])
    middle = (bottom + top) / 2
    half = np.maximum(top - middle, middle - bottom)
    return middle, outward(np.maximum(half, 0), 3)
