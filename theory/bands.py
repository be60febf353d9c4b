"""The set of all streams of a query, block after block, and the band of its predictions (N9).

Attention averages are the only thing a context decides; each keeps its symbol to the end.
"""

import numpy as np

from theory.anatomy import insist, needs_ray, ray
from theory.balls import Balls
from theory.blocks import start
from theory.errors import TheoryError
from theory.hidden import Meeting, pass_mlp
from theory.interval import Interval
from theory.layernorm import readout_ceiling
from theory.passages import Query, View, pass_attention, view
from theory.plateau import readout_balls
from theory.streams import Stream
from theory.weights import MLP, Weights

# columns of noise that are kept before the smallest groups are merged, up to which width all of
# them, and per unit of width at least
COLUMNS, FULL, PER_WIDTH = 768, 128, 1.5


def merged(weights: Weights, stream: Stream) -> Stream:
    """The stream with as many columns as pay: all of a small model's, a few a unit of a wide one's.

    A pass costs width² times columns: so much for a model of width FULL, no more for a wider one.
    Merging is what that loses tightness to, near X* and not far from it.
    """
    paid = COLUMNS * min(1.0, (FULL / weights.width) ** 2)
    return stream.merged(int(max(paid, PER_WIDTH * weights.width)))


def passages(weights: Weights, query: Query, position: int | None) -> tuple[list[Meeting], Stream]:
    """The sets of streams at every MLP, and the one that enters the final norm."""
    (stream, last), met = start(weights, position), list[Meeting]()
    for index, block in enumerate(weights.blocks):
        if isinstance(block, MLP):
            meeting, stream = pass_mlp(weights, index, query, stream)
            met.append(meeting)
            stream = merged(weights, stream)
        else:
            stream = pass_attention(weights, index, stream, last)
    return met, stream


def gnomonic(seen: View, middle: Balls, a: Balls) -> float:
    """μ >= 0 with a.m <= μ n.m for every m of the set, hence a.m/|m~| <= μ.

    Both sides are linear in m, so one support certifies a μ. What that support leaves falls with μ
    and is convex: a chord of it meets 0 at or beyond the least μ, close to it after a few.
    """

    def gap(mu: float) -> float:
        row = a - seen.axis * mu
        return float((row.dot(middle) + seen.stream.support(row[None])[1][0]).upper())

    first = gap(0.0)
    if first <= 0:
        return 0.0
    # n.m lies between size (1 - back) and size (1 + ahead)
    low = first / (float(seen.size.upper()) * (1 + seen.ahead))
    high, grow = first / (float(seen.size.lower()) * (1 - seen.back)), 2.0**-20
    above, below = gap(low), gap(high)
    if above <= 0:
        return low
    while below > 0:
        high, grow = high * (1 + grow), 2 * grow
        below = gap(high)
    for _ in range(4):
        trial = high - (high - low) * below / (below - above) * (1 - 2.0**-20)
        left = gap(trial)
        if not left <= 0 or not trial < high:
            break
        high, below = trial, left
    return high


def along_range(weights: Weights, seen: View) -> Balls:
    """[least, 1] that holds n.m/|m~|: the cosine, less what the appended coordinate takes."""
    front = float(np.nextafter(1 - seen.back, 0))
    cosine = Balls.exact(front) / Balls.exact(np.array([front, seen.side])).norm()
    height = (Balls.exact(weights.final_norm.eps) * float(weights.width)).sqrt() / seen.size
    least = (cosine - height * height / front).lower()
    return Balls.between(least, np.ones_like(least))


def read_out(weights: Weights, query: Query, stream: Stream) -> Interval:
    """What the final norm and the readout make of the streams; the whole line if nothing is known.

    y = c + sqrt(d) a.m/|m~|, a = a' + (a.n) n.
    """
    seen = view(weights, weights.final_norm, query, stream)
    if not seen.closed:
        return Interval(-np.inf, np.inf)
    middle = ray(weights) * query.x + Balls.exact(stream.centre) * query.middle
    direction, c = readout_balls(weights)
    along = direction.dot(seen.axis)
    across = direction - seen.axis * along
    up, down = gnomonic(seen, middle, across), gnomonic(seen, middle, -across)
    ends = along_range(weights, seen)
    low, high = c + along * ends - down, c + along * ends + up
    return Interval(float(low.lower()), float(high.upper()))


def uncut_band(
    weights: Weights, x: float, position: int | None = None, share: float = 1.0
) -> Interval:
    """``functional_band`` before it is cut to the ceiling: how far off it is from saying more."""
    insist(needs_ray, weights)
    if x == 0 or not np.isfinite(x):
        raise TheoryError(f"the query {x}: N9 speaks about finite queries other than 0")
    if not 0 <= share <= 1:
        raise TheoryError(f"share = {share}: the queries are x to x/share, 0 <= share <= 1")
    query = Query(x, share)
    return read_out(weights, query, passages(weights, query, position)[1])


def functional_band(
    weights: Weights, x: float, position: int | None = None, share: float = 1.0
) -> Interval:
    """Every prediction at the queries x to x/share, whatever the context, lies inside.

    After exactly ``position`` tokens, or after any number of them (None). share = 1 is the query x
    alone, share = 0 all queries from x to infinity. Never more than the ceiling (L2).
    """
    return uncut_band(weights, x, position, share) & readout_ceiling(weights)
