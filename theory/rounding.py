"""What is certified of the float32 network that runs, and where float32 gives out (F1, F2).

u = 2^-24, n = 2d + 128, G = gam_n. A mean computed by any summation, pairwise or not, or by
Welford's updates in up to 16 lanes merged by Chan's formula is within G|h|/sqrt(d) of the mean: d
terms cost gam_d; an update of Welford's costs 2 u a term in the mean square sense, a merge 7 u.
"""

import numpy as np
from flint import arb

from theory.anatomy import centred, insist, needs_bounded_stream
from theory.balls import Balls
from theory.enclosure import enclose_prediction as enclose_prediction  # F1 (a), read from here
from theory.float32 import TINY, UNIT, growth
from theory.interval import Interval, down, up
from theory.layernorm import readout_ceiling
from theory.linear import centre, hadamard, norm, vector
from theory.weights import MLP, Attention, Norm, Weights

# |Ph| below 2^63.4: sums of squares and (difference of two means)² <= 2|Ph|² stay below 2^128.
LONGEST = arb(2) ** (arb(317) / 5)
# max|h_i| below 2^63: the square of a mean does, which merging with an empty lane takes
LARGEST = arb(2) ** 63


def normalising_error(final: Norm, condition: arb) -> arb | None:
    """Z with |fl(z) - z| <= sqrt(d) Z for a condition >= |h|/sqrt(|Ph|² + d eps); None: no bound.

    Centring leaves G condition, the variance is off by the share 4 G condition (two-pass: first
    order 2 G condition; Welford: (2d + 60) u condition, after Chan, Golub & LeVeque 1983), the
    reciprocal root by as much again and 8 roundings. RMSNorm has no mean and no condition.
    """
    d, eps = final.gamma.size, arb(final.eps)
    if not eps > 0:
        return None
    lost = growth(2 * d + 128) * condition if final.kind == "layernorm" else arb(0)
    square = 4 * lost if final.kind == "layernorm" else growth(d + 4)
    share = (1 + square + 2 * d * TINY / eps) * (1 + growth(3)) - 1
    if not share < arb(1) / 4:
        return None
    scale = (1 + share) * (1 + growth(9)) - 1
    return lost * (1 + scale) + scale + 2 * (d + 4) * TINY / eps.sqrt()


def is_float32(weights: Weights) -> bool:
    """Whether the read-out's numbers are float32's own."""
    final = weights.final_norm
    parts = (final.gamma, final.beta, weights.read_out, np.array(weights.read_out_bias))
    with np.errstate(over="ignore"):
        return all((p.astype(np.float32) == p).all() for p in parts)


def readout_slack(weights: Weights, condition: float, largest: float = 0.0) -> float:
    """Bound of |fl(y) - y|, y the exact read-out of a float32 residual h; inf where there is none.

    ``condition`` >= |h|/sqrt(|Ph|² + d eps), for instance |h|/|Ph|; ``largest`` >= max|h_i|. From
    |Ph| = 2^63.4 on the variance may be inf and fl(y) within the slack of c instead of y: both lie
    in L2's ceiling (F2). inf: condition too large for float32, eps = 0, weights that are not
    float32 or may overflow, largest > 2^63, no final norm. DyT: tanh is right to 4 ulp.
    """
    final, d = weights.final_norm, weights.width
    if final.kind == "none" or np.isnan(condition) or not is_float32(weights):
        return float("inf")
    read, gain = vector(weights.read_out), vector(final.gamma)
    scaled, constant = hadamard(gain, read), hadamard(vector(final.beta), read)
    if final.kind == "dyt":
        # |x| sech² x <= 1/2 turns the rounding of alpha h into u/2; 4 ulp of tanh are 8 u
        size, error = sum(map(abs, scaled), arb(0)), 9 * UNIT
    else:
        size = arb(d).sqrt() * norm(scaled)
        error = normalising_error(final, arb(max(condition, 1.0)))
    if error is None or not arb(largest) <= LARGEST:
        return float("inf")
    rest = sum(map(abs, constant), arb(0)) + abs(arb(weights.read_out_bias))
    total = size * error + growth(d + 4) * (size * (1 + error) + rest)
    total += 4 * TINY * (sum(map(abs, read), arb(0)) + d + 1)
    # entries, products and sums that could overflow: no bound
    widest = (size + rest).max(norm(gain) * arb(d).sqrt() + norm(vector(final.beta)))
    return up(total) if widest < arb(2) ** 120 else float("inf")


def float32_ceiling(weights: Weights, condition: float) -> Interval:
    """L2's ceiling for the float32 network: y is NaN or inside, for every float32 residual of that
    condition, overflow included. (-inf, inf) where ``readout_slack`` is inf.
    """
    return readout_ceiling(weights).widened(readout_slack(weights, condition))


def size(*arrays: np.ndarray) -> arb:
    """Upper bound of the Frobenius norm of all the entries together."""
    entries = Balls.exact(np.concatenate([a.ravel() for a in arrays]))
    return arb(float(entries.norm().upper()))


def block_growth(block: Attention | MLP, width: int) -> arb:
    """Crude bound of what a block adds and of every number inside it, roundings included.

    |norm(h)| <= 2 sqrt(d) max|gamma| + |beta| (a float32 norm whose Z <= 1), |act(u)| <= |u|.
    """
    gain = arb(float(np.abs(block.norm.gamma).max(initial=0)))
    inputs = 2 * arb(width).sqrt() * gain + size(block.norm.beta)
    if isinstance(block, MLP):
        hidden = 1 + size(block.up) * inputs + size(block.up_bias)
        # gelu_tanh cubes its argument
        return 2 * (hidden**3 + size(block.down) * hidden + size(block.down_bias))
    parts = [
        1 + size(weight) * inputs + size(bias)
        for weight, bias in (
            (block.query, block.query_bias),
            (block.key, block.key_bias),
            (block.value, block.value_bias),
        )
    ]
    scores = parts[0] * parts[1]
    return 2 * (scores + size(block.output) * parts[2] + size(block.output_bias))


def stream_growth(weights: Weights) -> arb:
    """Crude bound of |h - w_in z| anywhere in the float32 network: only its size matters, not 1 %.

    A rounded w_in z is off by a share 2^-24 of itself: see ``float32_domain``.
    """
    total = size(weights.read_in_bias) + size(weights.positions)
    return sum((block_growth(b, weights.width) for b in weights.blocks), total)


def float32_domain(weights: Weights) -> float:
    """X32: no norm of the float32 network overflows while every token is at most X32 in size.

    |z| |P w_in| + growth <= 2^63.4 and |z| max|w_in,i| + growth <= 2^63 (no LayerNorm everywhere:
    P -> I); with DyT alone only |z| max|w_in,i| + growth <= 2^126. Each norm is assumed to see a
    condition at which ``normalising_error`` is below 1. 0 when the weights leave no room.
    """
    insist(needs_bounded_stream, weights)
    w_in = vector(weights.read_in)
    rest = stream_growth(weights)
    if not rest < arb(2) ** 60:
        return 0.0
    kinds = {block.norm.kind for block in weights.blocks} | {weights.final_norm.kind}
    largest = arb(float(np.abs(weights.read_in).max()))
    if kinds <= {"dyt", "none"}:
        limits = [(largest, arb(2) ** 126)]
    else:
        seen = centre(w_in) if centred(weights) else w_in
        limits = [(norm(seen), LONGEST), (largest, LARGEST)]
    # 1 + 2^-16 pays for the roundings of w_in z and of the sums along the stream
    rooms = [(top - rest) / (slope * (1 + arb(2) ** -16)) for slope, top in limits if slope > 0]
    ends = [down(room) for room in rooms] + [float(np.finfo(np.float32).max)]
    return max(min(ends), 0.0)
