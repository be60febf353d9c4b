"""How fast a query's stream turns when the query moves: r' = dr/dx for every context.

m = x w + r gives m~' = m~/x + (r' - r/x, -sqrt(d eps)/x): the norm turns only what is across m~,
z' = sqrt(d)/|m~| (1 - m~m~'/|m~|²)(r' - r/x, ..), of order 1/x². Keys and values of the other
tokens stand still under a causal mask; the query's own key and value move.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from theory.activations import derivative_range
from theory.anatomy import (
    centred,
    circuits,
    head_columns,
    minus_mean,
    project,
    remembered,
    scaled_rows,
)
from theory.asking import askings
from theory.balls import Array, Balls, concatenate, outward
from theory.bands import merged
from theory.blocks import start
from theory.cones import column
from theory.dispersion import block_ranges
from theory.hidden import pass_mlp
from theory.passages import Query, View, normalised, pass_attention, view
from theory.streams import Stream, scaled, total
from theory.weights import MLP, Attention, Norm, Weights


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
    behind = seen.stream.plain().times(Balls.exact(-1.0) / x)
    height = (Balls.exact(weights.width * norm.eps) * (1 + 2.0**-50)).sqrt() / x
    return turning(weights, norm, seen, behind.plus(velocity), float(height.magnitude()))


@remembered
def steady(weights: Weights) -> dict[int, tuple[Balls, Balls]]:
    """By attention block: Σ_h A_h (d B_h + 1)/2 and Σ_h A_h/2."""
    found = {}
    for index, heads in askings(weights).items():
        part = circuits(weights)[index]
        halves = concatenate([part.values[h] * 0.5 for h in range(len(heads))], 0)
        turns = [
            (part.values[h] @ head.key.t) @ head.query * (weights.width / 2)
            for h, head in enumerate(heads)
        ]
        outputs = concatenate([part.outputs[h] for h in range(len(heads))], 1)
        found[index] = outputs @ (concatenate(turns, 0) + halves), outputs @ halves
    return found


def attention_velocity(
    weights: Weights, index: int, seen: View, turned: Stream, told: Stream | None = None
) -> Stream:
    """Σ_h A_h z̄', z̄' = w_T z_T' + Cov(z, κ'.z) + w_T(1 - w_T)(κ.z_T')(z_T - mean of the rest).

    κ = B z_T + q scores the keys, κ' = B z_T'. Cov(z, κ'.z) = S κ' with S >= 0 of trace at most d,
    a point of the ball around d κ'/2 of radius d|κ'|/2; w_T is 1/2 give or take 1/2. What is then
    linear in z_T' is one map for all heads. The last term is at most sqrt(d)/2 |κ.z_T'|, and
    |κ| <= max|B z + q| = del/(2 sqrt(d)). ``told`` is the z' of one other token: its terms are the
    first and the last.
    """
    block, part = weights.blocks[index], circuits(weights)[index]
    assert isinstance(block, Attention)
    root = Balls.exact(float(weights.width)).sqrt()
    normed = normalised(weights, block.norm, seen)
    noise = seen.stream.merged(weights.width).plain().mapped(normed.jacobian, keep=False)
    noise = replace(noise, centre=np.zeros(weights.width))
    spare, (linear, half) = noise.norm(), steady(weights)[index]
    result = turned.image(linear)
    if told is not None:
        result = result.plus(told.image(half))
    columns, size, missed = head_columns(weights)[index]
    moving = [turned] if told is None else [turned, told]
    swing = Stream.nothing(weights.width)
    for z in moving:
        swing = swing.plus(z.merged(weights.width).swung())
    loose, swing = swing.slack, replace(swing, slack=0.0)
    spreads = block_ranges(weights, index)
    for h, head in enumerate(askings(weights)[index]):
        cap = spreads[h].high / (2 * float(root.lower())) * (1 + 2.0**-50)
        off = total(head.reach(noise, spare), scaled(head.size, normed.ball))
        pull = head.pull(normed.centre, off, cap, moving)
        asked = scaled(weights.width / 2, head.reach(turned, turned.reach))
        pulled = scaled(0.5, float(root.upper()), pull)
        ball = total(asked, pulled, loose)
        swept = columns[:, h * size : (h + 1) * size] * (Balls.exact(ball) / root)
        result = result.joined(swept, size).loosened(scaled(missed, ball))
        result = result.plus(swing.image(part.values[h]).image(part.outputs[h]))
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
    velocity = Stream.nothing(weights.width)
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
