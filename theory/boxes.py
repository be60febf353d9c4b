"""Every prediction of a model on a box of prompts, enclosed: what is certified around a prompt.

Interval arithmetic and affine arithmetic pass the network together (``theory.zonotopes``); the
readout meets L2's ceiling, the cone of N9 around the answer's stream and, for a query that keeps
its sign, N9's band for any context at all. Tokens may be unbounded: what a norm makes of them is
not.
"""

from functools import reduce
from operator import and_

import numpy as np
from jaxtyping import Float

from theory.anatomy import minus_mean, needs_ray, project, ray
from theory.balls import Array, Balls, balls, outward
from theory.bands import functional_band, read_out
from theory.cones import column
from theory.errors import TheoryError
from theory.hidden import straightened
from theory.interval import Interval
from theory.layernorm import readout_ceiling
from theory.passages import Query
from theory.ranges import activation_range, line_range, normal_range, squashing
from theory.streams import Stream
from theory.weighing import weigh
from theory.weights import MLP, Attention, Norm, Weights
from theory.zonotopes import Zonotope, divided, known, meet

# symbols times the widest layer's numbers: what is kept of a zonotope between two blocks
ROOM = 2**24


def minus_own_mean(h: Zonotope) -> Zonotope:
    """P h."""
    d = h.mid.shape[-1]

    def spread(rad: Array) -> Array:
        """|P| rad."""
        return outward(rad * abs(1 - 2 / d) + rad.mean(-1, keepdims=True), d + 4)

    box = minus_mean(Balls.exact(h.box.mid))
    box = Balls(box.mid, outward(box.rad + spread(h.box.rad), 2))
    return Zonotope.made(
        minus_mean(Balls.exact(h.mid)), minus_mean(Balls.exact(h.lin)), spread(h.rad), box
    )


def square_length(m: Zonotope, lift: Balls) -> Zonotope:
    """|m|² + lift along the last axis: 2 a.L and half of what |L|² can be, m = a + L."""
    a, n = Balls.exact(m.mid), m.mid.shape[-1]
    bend = Balls.exact(m.total()).dot(m.total()).upper() / 2
    mid = a.dot(a) + lift + bend
    lin = Balls.exact(m.lin).dot(a) * 2.0
    rad = outward(2 * (np.abs(m.mid) * m.rad).sum(-1) + bend, n + 4)
    low, high = m.box.lower(), m.box.upper()
    small = np.maximum(np.maximum(low, -high), 0)
    ends = [Balls.exact(v).dot(v) + lift for v in (small, np.maximum(-low, high))]
    return Zonotope.made(mid, lin, rad, Balls.between(ends[0].lower(), ends[1].upper()))


def inverse_root(square: Zonotope) -> Zonotope:
    """1/sqrt(N): on [low, high] it lies under its chord's height and over a tangent.

    By the AM-GM inequality N^(-1/2) + t³N/2 >= 3t/2 for every t > 0.
    """
    low, high = np.maximum(square.box.lower(), 0), square.box.upper()
    roots = [divided(balls(1.0), Balls.exact(end).sqrt()) for end in (low, high)]
    drop = (roots[0].mid - roots[1].mid) / (high - low)
    t = np.where(high > low * (1 + 2.0**-40), np.cbrt(2 * drop), roots[1].mid)
    slope = Balls.exact(t) * t * t / -2.0
    above = [root - slope * end for root, end in zip(roots, (low, high), strict=True)]
    rest = Balls.between(
        (Balls.exact(t) * 1.5).lower(), np.maximum(above[0].upper(), above[1].upper())
    )
    box = Balls.between(roots[1].lower(), roots[0].upper())
    # where low is 0 nothing but N > 0 is known; the box says so
    return square.relaxed(slope, rest, known(box))


def pass_norm(norm: Norm, h: Zonotope, line: Balls | None, room: int) -> Zonotope:
    """norm(h); ``line`` holds the normalised h where it is known otherwise."""
    if norm.kind == "none":
        return h
    if norm.kind == "dyt":
        u = h.times(norm.alpha)
        z = u.relaxed(*squashing("tanh", u.box.lower(), u.box.upper()))
    else:
        d = float(h.mid.shape[-1])
        m = minus_own_mean(h) if norm.kind == "layernorm" else h
        box = normal_range(norm, m.box)
        box = box if line is None else meet(box, line.lower(), line.upper())
        inverse = inverse_root(square_length(m, Balls.exact(norm.eps) * d))
        # the whole token shares the error of its length: one symbol
        inverse = inverse.promoted(room).each(lambda v: v[..., None])
        z = m.product(inverse.times(Balls.exact(d).sqrt()), box).promoted(room)
    return z.relaxed(
        norm.gamma, balls(np.broadcast_to(norm.beta, z.mid.shape)), z.box * norm.gamma + norm.beta
    )


def attend(attention: Attention, u: Zonotope, queries: slice, room: int) -> Zonotope:
    """Σ_h W_O,h Σ_j weight_tj (W_V,h u_j + b_V,h) + b_O for the queries."""
    heads, width, size = attention.query.shape

    def headed(x: Zonotope, matrix: Array, bias: Array) -> Zonotope:
        """W x + b, (H, T, dh)."""
        flat = x.mapped(matrix.reshape(-1, size), bias.ravel())
        return flat.each(lambda a: np.swapaxes(a.reshape(*a.shape[:-1], heads, width), -2, -3))

    some = u.each(lambda a: a[..., queries, :])
    q = headed(some, attention.query, attention.query_bias)
    k = headed(u, attention.key, attention.key_bias)
    v = headed(u, attention.value, attention.value_bias)
    scores = q @ k.each(lambda a: np.swapaxes(a, -1, -2))
    scores = scores.times(1.0 / Balls.exact(float(width)).sqrt())
    mixed = weigh(attention, scores, v, room).each(lambda a: np.swapaxes(a, -2, -3))
    output = np.swapaxes(attention.output, 0, 1).reshape(size, heads * width)
    joined = mixed.each(lambda a: a.reshape(*a.shape[:-2], heads * width))
    return joined.mapped(output, attention.output_bias)


def transform(mlp: MLP, u: Zonotope, room: int) -> Zonotope:
    """W_2 act(W_1 u + b_1) + b_2."""
    hidden = u.mapped(mlp.up, mlp.up_bias)
    low, high = hidden.box.lower(), hidden.box.upper()
    box = activation_range(mlp.activation, low, high)
    sure = np.isfinite(low) & np.isfinite(high)
    tilt, mid, rad = np.zeros(low.shape), np.zeros(low.shape), np.full(low.shape, np.inf)
    tilt[sure], rest = straightened(mlp.activation, low[sure], high[sure])
    mid[sure], rad[sure] = rest.mid, rest.rad
    bent = hidden.relaxed(tilt, Balls(mid, rad), box).promoted(room)
    return bent.mapped(mlp.down, mlp.down_bias)


def start(weights: Weights, low: Array, high: Array, symbols: bool) -> Zonotope:
    """w_in z_t + b_in + p_t, one symbol a token that moves."""
    middle, point = Balls.between(low, high), low == high
    tokens = known(Balls(np.where(point, low, middle.mid), np.where(point, 0.0, middle.rad)))
    w, places = weights.read_in, Balls.exact(weights.read_in_bias) + weights.positions[: len(low)]
    h = column(tokens) * w
    # an unbounded token says nothing, but 0 times it is 0
    box = Balls(np.where(w == 0, 0.0, h.mid), np.where(w == 0, 0.0, h.rad)) + places
    moving = np.flatnonzero(np.isfinite(tokens.rad) & ~point)
    if not symbols:
        return Zonotope.plain(box)
    lin = np.zeros((len(moving), len(low), 1))
    lin[np.arange(len(moving)), moving, 0] = tokens.rad[moving]
    fixed = Balls.exact(tokens.mid[:, None]) * w + places
    unbounded = np.where(np.isfinite(box.rad), 0.0, np.inf)
    return Zonotope.made(fixed, Balls.exact(lin) * w, unbounded, box)


def residual(
    weights: Weights, low: Array, high: Array, symbols: bool
) -> tuple[Zonotope, Balls | None]:
    """The last token's streams where they enter the final norm; ``line`` if nothing came before."""
    h = start(weights, low, high, symbols)
    widest = max([weights.width, *(len(b.up) for b in weights.blocks if isinstance(b, MLP))])
    whole = ROOM // (widest * len(low)) if symbols else 0
    last = max((i for i, b in enumerate(weights.blocks) if isinstance(b, Attention)), default=-1)
    norm = weights.blocks[0].norm if weights.blocks else weights.final_norm
    line = None if weights.post_norm and weights.blocks else line_range(weights, norm, low, high)
    count = len(weights.blocks)
    for i, block in enumerate(weights.blocks):
        # so that early blocks leave symbols to later ones
        room = whole * (i + 1) // count
        u = h if weights.post_norm else pass_norm(block.norm, h, line, room)
        line = None
        queries = slice(-1, None) if i >= last else slice(None)
        if isinstance(block, Attention):
            change = attend(block, u, queries, room)
        else:
            change = transform(block, u.each(lambda a, q=queries: a[..., q, :]), room)
        h = h.each(lambda a, q=queries: a[..., q, :])
        h = (h + change if weights.residual else change).promoted(room)
        if weights.post_norm:
            h = pass_norm(block.norm, h, None, room)
    return h.each(lambda a: a[..., -1:, :]), None if line is None else line[-1:]


def directions(weights: Weights, h: Zonotope) -> Interval:
    """What N9's readout makes of the streams: their directions seen from the middle one."""
    columns = np.concatenate([h.lin[:, 0], np.diag(h.rad[0])])
    if not np.isfinite(columns).all():
        return Interval(-np.inf, np.inf)
    stream = Stream.at(project(weights, h.mid[0]) - ray(weights))
    stream = stream.joined(project(weights, columns).t, 1)
    return read_out(weights, Query(1.0), stream)


def propagated(weights: Weights, low: Array, high: Array, symbols: bool) -> list[Interval]:
    """Enclosures by passing the network."""
    h, line = residual(weights, low, high, symbols)
    z = pass_norm(weights.final_norm, h, line, 10**6 if symbols else 0)
    y = z.mapped(weights.read_out[None], np.array([weights.read_out_bias])).box
    found = [Interval(float(y.lower().min()), float(y.upper().max()))]
    if symbols and weights.final_norm.kind in ("layernorm", "rmsnorm"):
        found.append(directions(weights, h))
    return found


def far(weights: Weights, low: float, high: float, position: int) -> Interval:
    """N9's band for a query in [low, high], after any context."""
    if needs_ray(weights) is not None or not low * high > 0:
        return Interval(-np.inf, np.inf)
    near, end = sorted((low, high), key=abs)
    share = float(np.nextafter(near / end, 0)) if near != end else 1.0
    return functional_band(weights, near, position, share)


def checked(weights: Weights, low: Array, high: Array) -> tuple[Array, Array]:
    """The ends of a box as doubles; TheoryError where it holds no prompt of this model."""
    low, high = (np.asarray(end, dtype=float) for end in (low, high))
    if low.ndim != 1 or low.shape != high.shape or not low.size:
        raise TheoryError(f"a box of prompts is two rows of tokens, not {low.shape}, {high.shape}")
    if len(low) > len(weights.positions):
        raise TheoryError(
            f"{len(low)} tokens, but the model has {len(weights.positions)} positions"
        )
    if not ((low <= high) & (low < np.inf) & (high > -np.inf)).all():
        raise TheoryError("a box needs low <= high at every token, with a finite number between")
    return low, high


def ceiling(weights: Weights) -> Interval:
    """L2, or the whole line."""
    if weights.final_norm.kind == "none":
        return Interval(-np.inf, np.inf)
    return readout_ceiling(weights)


def propagate_intervals(
    weights: Weights, low: Float[np.ndarray, " T"], high: Float[np.ndarray, " T"]
) -> Interval:
    """Interval bound propagation and L2 alone: what ``enclose_box`` is measured against."""
    low, high = checked(weights, low, high)
    with np.errstate(all="ignore"):
        return reduce(and_, propagated(weights, low, high, symbols=False), ceiling(weights))


def enclose_box(
    weights: Weights, low: Float[np.ndarray, " T"], high: Float[np.ndarray, " T"]
) -> Interval:
    """Every exact prediction at the last token for prompts low <= tokens <= high lies inside.

    Ends may be infinite. The whole line where nothing is known (no norm and unbounded tokens).
    """
    low, high = checked(weights, low, high)
    with np.errstate(all="ignore"):
        found = [ceiling(weights), far(weights, float(low[-1]), float(high[-1]), len(low) - 1)]
        for symbols in (False, True):
            found += propagated(weights, low, high, symbols)
    return reduce(and_, found)
