"""How fast a query's stream turns when the query moves: r' = dr/dx for every context.

m = x w + r gives m~' = m~/x + (r' - r/x, -sqrt(d eps)/x): the norm turns only what is across m~,
z' = sqrt(d)/|m~| (1 - m~m~'/|m~|²)(r' - r/x, ..), of order 1/x². Keys and values of the other
tokens stand still under a causal mask; the query's own key and value move.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from theory.activations import derivative_range
from theory.anatomy import centred, circuits, minus_mean, project, scaled_rows
from theory.balls import Array, Balls, outward, spectral_norm
from theory.bands import merged, start
from theory.cones import column
from theory.dispersion import score_ranges
from theory.hidden import pass_mlp
from theory.passages import Normed, Query, View, normalised, pass_attention, view
from theory.streams import Stream, scaled, total
from theory.weights import MLP, Attention, Norm, Weights


def still(width: int) -> Stream:
    """No velocity."""
    return Stream.at(Balls.exact(np.zeros(width)))


def turning(weights: Weights, norm: Norm, seen: View, across: Stream, lift: float) -> Stream:
    """z' = sqrt(d)/|m~| (1 - m~m~'/|m~|²) u for u in ``across`` x [-lift, lift]: J u and a ball, as
    |m~| and the direction of m~ are not those of v~.
    """
    d, front = weights.width, 1 - seen.back
    root = Balls.exact(float(d)).sqrt()
    outer = column(seen.axis) * seen.axis
    jacobian = (Balls.exact(np.eye(d)) - outer) * (root / seen.size)
    if norm.kind == "layernorm" and not centred(weights):
        jacobian = minus_mean(jacobian)
    longest = np.hypot(1 + seen.ahead, seen.side)
    # 2^-50: 1 - 1/longest cancels
    uneven = max(seen.back / front, 1 - 1 / longest) + seen.side / front + 2.0**-50
    scale = float((root / seen.size).upper())
    ball = total(scaled(scale, uneven, total(across.reach, lift)), scaled(scale, lift))
    return across.image(jacobian).loosened(float(outward(np.float64(ball), 12)))


def with_query(weights: Weights, norm: Norm, x: float, seen: View, velocity: Stream) -> Stream:
    """z' when the query moves: m~' less m~/x is (r' - r/x, -sqrt(d eps)/x)."""
    behind = seen.stream.plain().image(Balls.exact(np.eye(weights.width)) / -x)
    height = (Balls.exact(weights.width * norm.eps) * (1 + 2.0**-50)).sqrt() / x
    return turning(weights, norm, seen, behind.plus(velocity), float(height.magnitude()))


def keyed(
    block: Attention, h: int, normed: Normed, noise: Stream, turned: Stream, cap: float
) -> tuple[Balls, float]:
    """B = P Γ W_K' W_Q Γ P/sqrt(dh), and a bound of |κ.z'| for κ = B z + q.

    ``noise`` holds z less the middle z and a ball. κ is near that of the middle z, and |κ| <=
    max|B z + q| = del/(2 sqrt(d)) = cap anyway.
    """
    query, key = (scaled_rows(block.norm, m[h]) for m in (block.query, block.key))
    shift = (Balls.exact(block.query[h]) @ block.norm.beta[:, None])[:, 0] + block.query_bias[h]
    size = Balls.exact(float(shift.shape[0])).sqrt()
    bilinear = key.t @ query / size
    kappa = (key.t @ (query @ normed.centre[:, None] + column(shift)))[:, 0] / size
    near = turned.farthest(kappa)
    off = total(noise.image(bilinear).norm(), scaled(spectral_norm(bilinear), normed.ball))
    return bilinear, min(total(near, scaled(off, turned.reach)), scaled(cap, turned.reach))


def weighted(part: Stream) -> Stream:
    """w times a stream for any w in [0, 1]: half of the middle, give or take the other half."""
    half = Balls.exact(part.centre) * 0.5
    return replace(part, centre=half.mid).joined(column(half), 1)


def attention_velocity(
    weights: Weights, index: int, seen: View, turned: Stream, told: Stream | None = None
) -> Stream:
    """Σ_h A_h z̄', z̄' = w_T z_T' + Cov(z, κ'.z) + w_T(1 - w_T)(κ.z_T')(z_T - mean of the rest).

    κ = B z_T + q scores the keys, κ' = B z_T'. Cov(z, κ'.z) = S κ' with S >= 0 of trace at most d,
    a point of the ball around d κ'/2 of radius d|κ'|/2; the last is at most sqrt(d)/2 |κ.z_T'|.
    ``told`` is the z' of one other token: its terms are the first and the last.
    """
    block, part = weights.blocks[index], circuits(weights)[index]
    assert isinstance(block, Attention)
    layer = sum(isinstance(b, Attention) for b in weights.blocks[:index])
    d, result = float(weights.width), still(weights.width)
    normed = normalised(weights, block.norm, seen)
    noise = seen.stream.merged(weights.width).plain().mapped(normed.jacobian, keep=False)
    moving = [turned] if told is None else [turned, told]
    for h in range(len(part.maps.mid)):
        cap = score_ranges(weights)[layer, h].high / (2 * np.sqrt(d)) * (1 + 2.0**-50)
        keys = [keyed(block, h, normed, noise, z, cap) for z in moving]
        asked = turned.image(keys[0][0])
        pull = total(*(bound for _, bound in keys))
        size = total(scaled(d / 2, asked.reach), scaled(0.5 * float(np.sqrt(d)), pull))
        swept = asked.image(part.maps[h] * (d / 2)).joined(part.maps[h] * size, weights.width)
        for z in moving:
            swept = swept.plus(weighted(z.image(part.maps[h])))
        result = result.plus(swept)
    return result


def mlp_velocity(weights: Weights, mlp: MLP, low: Array, high: Array, turned: Stream) -> Stream:
    """W_2 diag(act'(u)) W z', act' between its ends on the range of each unit."""
    rows, down = scaled_rows(mlp.norm, mlp.up), project(weights, mlp.down.T).t
    slopes = Balls.between(*derivative_range(mlp.activation, 1, low, high))
    middle = rows @ turned.centre[:, None]
    bottom, top = turned.support(rows)
    fastest = np.maximum((middle[:, 0] + top).upper(), -(middle[:, 0] + bottom).lower())
    linear = turned.image((down * slopes.mid) @ rows)
    return linear.joined(down * outward(slopes.rad * np.maximum(fastest, 0), 3), 1)


def velocities(
    weights: Weights,
    x: float,
    position: int | None,
    told: Mapping[int, Stream] | None = None,
) -> tuple[Stream, Stream] | None:
    """(r, r') at the final norm; None where some norm's cone is not closed: nothing is known.

    r' is dr/dx_q, or, with ``told`` (the z' of one other token by block), its effect at fixed x_q.
    """
    query, (stream, last) = Query(x), start(weights, position)
    velocity = still(weights.width)
    for index, block in enumerate(weights.blocks):
        if isinstance(block, MLP):
            met, after = pass_mlp(weights, index, query, stream)
            seen = met.seen
        else:
            met, after = None, pass_attention(weights, index, stream, last)
            seen = view(weights, block.norm, query, stream)
        if seen is None or not seen.closed:
            return None
        if told is None:
            turned = with_query(weights, block.norm, x, seen, velocity)
        else:
            turned = turning(weights, block.norm, seen, velocity, 0.0)
        turned = merged(weights, turned)
        if isinstance(block, MLP):
            assert met is not None
            change = mlp_velocity(weights, block, met.low, met.high, turned)
        else:
            change = attention_velocity(
                weights, index, seen, turned, None if told is None else told[index]
            )
        stream, velocity = merged(weights, after), merged(weights, velocity.plus(change))
        if not np.isfinite(velocity.columns).all():
            return None
    return stream, velocity
