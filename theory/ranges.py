"""What one function of a network makes of intervals: norms, activations, squashings, exponentials.

All enclosed, infinite ends allowed; where nothing is known the whole line or the function's range.
"""

import numpy as np
from flint import arb
from jaxtyping import Float

from theory.activations import derivative_range, tilted_range, value
from theory.anatomy import minus_mean
from theory.balls import TINY, Array, Balls
from theory.cones import column
from theory.passages import hyperbolic
from theory.weights import ActivationKind, Norm, Weights
from theory.zonotopes import divided, known, meet


def longest(norm: Norm) -> float:
    """No coordinate of Ph/sqrt(|Ph|²/d + eps) exceeds sqrt(d-1) (L1), of RMSNorm sqrt(d)."""
    d = norm.gamma.size - (norm.kind == "layernorm")
    return float(Balls.exact(float(d)).sqrt().upper())


def share(m: Array, rest: Array) -> Balls:
    """m/sqrt(m² + rest) for doubles m and rest >= 0; 0 at m = 0."""
    square = Balls.exact(m) * m + rest
    found = divided(Balls.exact(m), square.sqrt())
    return Balls(np.where(m == 0, 0.0, found.mid), np.where(m == 0, 0.0, found.rad))


def normal_range(norm: Norm, m: Balls) -> Balls:
    """z_i = sqrt(d) m_i/sqrt(m_i² + S_i + d eps), S_i the other squares: it rises with m_i."""
    d, low, high = norm.gamma.size, m.lower(), m.upper()
    others = 1.0 - np.eye(d)
    lift, root = Balls.exact(norm.eps) * float(d), Balls.exact(float(d)).sqrt()
    small = Balls.exact(np.maximum(np.maximum(low, -high), 0))
    large = Balls.exact(np.maximum(np.abs(low), np.abs(high)))
    least = np.maximum(((small * small) @ others + lift).lower(), 0)
    most = ((large * large) @ others + lift).upper()
    # NaN where the squares left the doubles: any rest is possible
    least, most = np.nan_to_num(least, nan=0.0), np.where(np.isnan(most), np.inf, most)

    def end(m: Array, sign: float) -> Array:
        """Upper bound of sign z for sign m_i <= m."""
        rest = np.where(m >= 0, least, most)
        sure = np.isfinite(m) & np.isfinite(rest)
        reached = (share(np.where(sure, m, 0.0), np.where(sure, rest, 0.0)) * root).upper()
        return np.where(sure, reached, np.where(m > 0, np.inf, 0.0))

    cap = longest(norm)
    whole = Balls(np.zeros(m.shape), np.full(m.shape, cap))
    return meet(whole, -end(-low, -1.0), end(high, 1.0))


def chosen(which: Array, x: Balls, y: Balls) -> Balls:
    """x or y, entry by entry."""
    return Balls(np.where(which, x.mid, y.mid), np.where(which, x.rad, y.rad))


def line_range(weights: Weights, norm: Norm, low: Array, high: Array) -> Balls | None:
    """A norm of w_in z + b_in + p_t for z in [low_t, high_t]: the exact range of each coordinate.

    With α = |w|², β = w.b, γ = |b|² + d eps: f = sqrt(d)(w z + b)/sqrt(αz² + 2βz + γ), f' has the
    sign of z(wβ - bα) + wγ - bβ, and f² <= d (w²γ - 2wbβ + b²α)/(αγ - β²) (Cauchy-Schwarz).
    """
    if norm.kind not in ("layernorm", "rmsnorm"):
        return None
    w = Balls.exact(weights.read_in)
    b = Balls.exact(weights.read_in_bias) + weights.positions[: len(low)]
    if norm.kind == "layernorm":
        w, b = minus_mean(w), minus_mean(b)
    d = float(weights.width)
    root, lift = Balls.exact(d).sqrt(), Balls.exact(norm.eps) * d

    alpha, beta, gamma = w.dot(w), column(b.dot(w)), column(b.dot(b) + lift)
    slope, level = w * beta - b * alpha, w * gamma - b * beta
    values, turns = [], []
    for z in (low, high):
        finite, sign = np.isfinite(z)[:, None], np.sign(z)[:, None]
        at = np.where(finite, z[:, None], 0.0)
        h = w * at + b
        there = divided(h, column((h.dot(h) + lift).sqrt()))
        values.append(chosen(finite, there, divided(w, alpha.sqrt()) * sign))
        turns.append(chosen(finite, slope * at + level, slope * sign))
    top = divided(w * w * gamma - w * b * beta * 2.0 + b * b * alpha, alpha * gamma - beta * beta)
    peak = np.nan_to_num(known(top).sqrt().upper(), nan=np.inf)
    # NaN decides nothing: ~(>) holds for it
    rises = ~(turns[0].upper() < 0) & ~(turns[1].lower() > 0)
    falls = ~(turns[0].lower() > 0) & ~(turns[1].upper() < 0)
    upper = np.where(rises, peak, np.maximum(values[0].upper(), values[1].upper()))
    lower = np.where(falls, -peak, np.minimum(values[0].lower(), values[1].lower()))
    whole = Balls(np.zeros(b.shape), np.full(b.shape, longest(norm)))
    return meet(whole, (Balls.exact(lower) * root).lower(), (Balls.exact(upper) * root).upper())


def activation_range(kind: ActivationKind, low: Array, high: Array) -> Balls:
    """act on [low, high]: the ends where act' keeps its sign, branch and bound elsewhere."""
    if kind == "relu":
        return known(Balls.between(np.maximum(low, 0), np.maximum(high, 0)))
    ends = [value(kind, Balls.exact(u)) for u in (low, high)]
    bottom = np.minimum(ends[0].lower(), ends[1].lower())
    top = np.maximum(ends[0].upper(), ends[1].upper())
    least, most = derivative_range(kind, 1, low, high)
    turning = (least < 0) & (most > 0)
    finite = np.isfinite(low) & np.isfinite(high)
    some, rest = turning & finite, turning & ~finite
    bottom[some], top[some] = tilted_range(kind, np.zeros(some.sum()), low[some], high[some])
    bottom[rest], top[rest] = derivative_range(kind, 0, low[rest], high[rest])
    return known(Balls.between(bottom, top))


def ball(x: arb) -> tuple[float, float]:
    """The nearest double and what is missing: arb's 128 bits are exact beside it."""
    mid = float(x)
    return mid, abs(mid) * 2.0**-51 + TINY


def entrywise(function, values: Array) -> Balls:
    """A function in arb at each double."""
    found = np.array([ball(function(v)) for v in np.ravel(values).tolist()]).reshape(-1, 2)
    return Balls(found[:, 0].reshape(values.shape), found[:, 1].reshape(values.shape))


def powers(exponent: Float[np.ndarray, "..."]) -> Balls:
    """e^x for x <= 0 or so; 0 at -inf."""
    return entrywise(lambda v: arb(v).exp() if v > -np.inf else arb(0), exponent)


def logistic(v: float) -> arb:
    """1/(1 + e^-v), also at infinity."""
    return (1 + hyperbolic(0.5, v)) / 2


def squashing(kind: str, low: Array, high: Array) -> tuple[Array, Balls, Balls]:
    """(tilt, rest, box) of tanh or the logistic function: f - tilt u rises where tilt <= f'.

    f' = 1 - f² or f(1 - f) is concave in f, so least at an end.
    """
    function = (lambda v: hyperbolic(1.0, v)) if kind == "tanh" else logistic
    ends = [entrywise(function, u) for u in (low, high)]
    slopes = [1.0 - f * f if kind == "tanh" else f * (1.0 - f) for f in ends]
    tilt = np.maximum(np.minimum(slopes[0].lower(), slopes[1].lower()), 0)
    tilt = np.where(np.isfinite(low) & np.isfinite(high), tilt, 0.0)
    at = [np.where(np.isfinite(u), u, 0.0) for u in (low, high)]
    feet = [f - Balls.exact(u) * tilt for f, u in zip(ends, at, strict=True)]
    rest = Balls.between(feet[0].lower(), feet[1].upper())
    return tilt, rest, Balls.between(ends[0].lower(), ends[1].upper())
