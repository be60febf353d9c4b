"""How a set of streams passes an MLP: every unit by a linear function, its rest as noise."""

from dataclasses import dataclass, replace

import numpy as np

from theory.activations import chord, derivative_range, tilted_range, value
from theory.anatomy import project
from theory.balls import Array, Balls, outward
from theory.passages import Normed, Query, View, pass_norm, widened
from theory.streams import Stream, length, scaled, scaled_lengths, total
from theory.units import FINE, Units, energies, units
from theory.weights import MLP, ActivationKind, Weights

# intervals up to which act'' decides
NARROW = 0.5


def straightened(kind: ActivationKind, low: Array, high: Array) -> tuple[Array, Balls]:
    """λ, rest with act(u) in λu + rest on [low, high], λ the chord's slope.

    act(u) = line through the ends - act''(ξ)(u - low)(high - u)/2: where the interval is narrow
    the range of act'' decides at once, elsewhere branch and bound.
    """
    tilt = chord(kind, low, high)
    wide = high - low > NARROW if kind != "relu" else np.ones(low.shape, dtype=bool)
    bottom, top = np.zeros(low.shape), np.zeros(low.shape)
    bottom[wide], top[wide] = tilted_range(kind, tilt[wide], low[wide], high[wide], FINE)
    if not wide.all():
        a, b = low[~wide], high[~wide]
        ends = [value(kind, Balls.exact(u)) - Balls.exact(u) * tilt[~wide] for u in (a, b)]
        least, most = derivative_range(kind, 2, a, b)
        area = outward((b - a) ** 2 / 8, 4)
        under = np.minimum(ends[0].lower(), ends[1].lower()) - outward(
            np.maximum(most, 0) * area, 2
        )
        above = np.maximum(ends[0].upper(), ends[1].upper()) + outward(
            -np.minimum(least, 0) * area, 2
        )
        bottom[~wide], top[~wide] = np.nextafter(under, -np.inf), np.nextafter(above, np.inf)
    return tilt, Balls.between(bottom, top)


@dataclass(frozen=True, eq=False)
class Meeting:
    """An MLP's norm as the streams see it, and its units: u in [low, high], u = at + noise."""

    hidden: Units
    wide: Stream
    seen: View | None
    normed: Normed
    at: Balls
    low: Array
    high: Array


def meet(weights: Weights, mlp: MLP, query: Query, stream: Stream) -> Meeting:
    """The ranges of the units: what the noise allows, cut to what any input allows."""
    seen, normed = pass_norm(weights, mlp.norm, query, stream)
    hidden, wide = units(mlp), widened(query, stream)
    low, high = wide.support(hidden.rows @ normed.jacobian)
    at = hidden.base + (hidden.rows @ normed.centre[:, None])[:, 0]
    noise = scaled_lengths(hidden.rows, normed.ball)
    if normed.box is not None:
        noise = noise + outward(hidden.rows.magnitude() @ normed.box, weights.width + 2)
    low = np.maximum((at + low - noise).lower(), hidden.low)
    high = np.minimum((at + high + noise).upper(), hidden.high)
    return Meeting(hidden, wide, seen, normed, at, low, high)


def pushed(query: Query, stream: Stream, push: Array) -> Stream:
    """Deviations v -> v + t M v, t in [share, 1]: the MLP read h scaled by t, the stream is not.

    Symbols are shared at the middle t; what t moves from there is noise of its own.
    """
    if not query.half:
        return stream.mapped(push, keep=True)
    steady, apart = Balls.exact(push) * query.middle, Balls.exact(push) * query.half
    missed = scaled(total(length(steady.rad), length(apart.rad)), stream.norm())
    swung = replace(stream.plain().mapped(apart.mid, keep=False), centre=0 * stream.centre)
    return stream.mapped(steady.mid, keep=True).plus(swung).loosened(missed)


def pass_mlp(weights: Weights, index: int, query: Query, stream: Stream) -> tuple[Meeting, Stream]:
    """r + W_2 act(u) + b_2: act(u) = λu + mid + rest on the range of each unit, λ its chord.

    Where nothing is known of the norm's output (its cone is not closed), the energy of any input.
    """
    mlp = weights.blocks[index]
    assert isinstance(mlp, MLP)
    met = meet(weights, mlp, query, stream)
    normed, wide = met.normed, met.wide
    if met.seen is not None and not normed.jacobian.any():
        whole = energies(weights)[index]
        noise = Balls.exact(whole.columns)
        after = stream.moved(whole.centre).joined(noise, noise.shape[1])
        return met, after.loosened(whole.missed)
    tilt, rest = straightened(mlp.activation, met.low, met.high)
    down = project(weights, mlp.down.T).t
    linear = (down * tilt) @ met.hidden.rows
    # |z| <= sqrt(d) for every norm: what the rounding of the linear part can do
    missed = scaled(length(linear.rad), np.sqrt(weights.width))
    push = Balls.exact(linear.mid) @ normed.jacobian
    missed = total(missed, scaled(length(push.rad), met.seen.reach if met.seen else wide.norm()))
    shift = (down @ (met.hidden.base * tilt + rest.mid)[:, None])[:, 0]
    shift = shift + (Balls.exact(linear.mid) @ normed.centre[:, None])[:, 0]
    shift = shift + project(weights, mlp.down_bias)
    after = pushed(query, stream, push.mid).moved(shift).loosened(missed)
    if wide is not stream:
        extra = wide.columns[:, stream.columns.shape[1] :]
        after = after.joined(Balls.exact(push.mid) @ extra, 1)
    after = after.joined(Balls.exact(linear.mid) * normed.ball, weights.width)
    if normed.box is not None:
        after = after.joined(Balls.exact(linear.mid) * normed.box, 1)
    return met, after.joined(down * rest.rad, 1)
