"""How certain a softmax over a normalised readout can be: every probability and the entropy.

    l_i = c_i + a_i.z,  |z| <= r  (a_i = P(gamma*w_i), r = sqrt(d), LayerNorm),  p = softmax(l)

Statement. For every input, every token i and any weights q_j > 0 on the other tokens, mass
m = Σ q_j:

    ln((1 - p_i)/p_i) >= s_i := Σ q_j (c_j - ln q_j)/m + ln m - c_i - r |a_i - Σ q_j a_j/m|,

so p_i <= 1/(1 + e^s_i); and with s = min_i s_i, P = 1/(1 + e^s), k = floor(1/P), the entropy is
at least phi(P) = -k P ln P - (1 - kP) ln(1 - kP): h(P) = -P ln P - (1-P) ln(1-P) for P >= 1/2.

Proof. (1 - p_i)/p_i = Σ_(j≠i) exp(l_j - l_i), and Gibbs' inequality with q/m gives
ln Σ e^(l_j) >= Σ q_j (l_j - ln q_j)/m + ln m. That is affine in z; its minimum over the ball is
the last term (L1's lemma; a box and |.|_1 for DyT). A distribution with no entry above P is
majorised by (P, .., P, 1 - kP), and entropy is Schur-concave.

Sharpness. ln p_i is concave in z and the right side convex in q: by minimax the best q makes s_i
the exact minimum over z. ``climb`` looks for that q and z (Frank-Wolfe on the ball; its gap is the
gap between the two sides). Whatever q it finds, the bound is certified from it alone.
"""

from dataclasses import dataclass

import numpy as np
from flint import arb
from jaxtyping import Float, Int

from theory.anatomy import scaled_rows
from theory.balls import Array, Balls, concatenate
from theory.errors import TheoryError
from theory.heads import Head, spans
from theory.interval import down, up
from theory.weights import Norm

SUPPORT = 256
BATCH = 32
ROUNDS = 3
STEPS = 40
STEP_SIZES = 0.5 ** np.arange(8, dtype=np.float32)
CLOSE = 0.01


@dataclass(frozen=True, eq=False)
class Certainty:
    """What no input can exceed.

    ``log_odds`` (V,) certified lower bounds of ln((1-p_i)/p_i); ``entropy`` and ``log_entropy``
    certified lower bounds of the entropy (nats) and of its logarithm, which does not underflow;
    ``token`` the i with the smallest bound; ``attained`` the smallest ln((1-p)/p) that a residual
    was found for (rounded, not certified) and ``witness`` (d,) that normalised residual z.
    """

    log_odds: Array
    entropy: float
    log_entropy: float
    token: int
    attained: float
    witness: Float[np.ndarray, " d"]

    @property
    def largest_probability(self) -> float:
        """Certified upper bound of every probability (1.0 where a double cannot say less)."""
        return min(up(1 / (1 + arb(float(self.log_odds[self.token])).exp())), 1.0)


def entropy_floor(log_odds: float) -> arb:
    """phi(1/(1 + e^s)): the least entropy of a distribution with no probability above that.

    Any k with kP <= 1 gives a lower bound (a rest above P is merely not split), so k may be
    rounded down.
    """
    odds = arb(log_odds).exp()
    if log_odds <= 0:
        return odds.log1p() - arb(log_odds) * odds / (1 + odds)
    log_largest, largest = -odds.log1p(), 1 / (1 + odds)
    count = int(1 + down(odds))
    if not 1 - count * largest > 0:
        count -= 1
    rest = 1 - count * largest
    return -count * largest * log_largest - rest * rest.log()


def geometry(head: Head, tokens: slice | Int[np.ndarray, " k"]) -> tuple[Balls, Balls]:
    """(a_i, c_i) of some tokens."""
    if head.rows is None:
        raise TheoryError("a softmax needs logits: this head has no readout matrix")
    rows = head.rows[tokens].astype(float)
    bias = np.zeros(len(rows)) if head.bias is None else head.bias[tokens].astype(float)
    middle = (Balls.exact(rows) @ head.norm.beta[:, None])[:, 0] + bias
    return scaled_rows(head.norm, rows), middle


@dataclass(frozen=True, eq=False)
class Table:
    """Sums over all tokens, enclosed, and single-precision copies that guide the search."""

    sum_a: Balls
    sum_c: Balls
    a: Float[np.ndarray, "V d"]
    c: Float[np.ndarray, " V"]

    @classmethod
    def of(cls, head: Head) -> "Table":
        """One pass over the rows."""
        a = np.empty((head.outputs, head.width), dtype=np.float32)
        c = np.empty(head.outputs, dtype=np.float32)
        sums: list[tuple[Balls, Balls]] = []
        for first, rows in head.slices():
            part = slice(first, first + len(rows))
            vectors, middles = geometry(head, part)
            with np.errstate(over="ignore"):
                a[part], c[part] = vectors.mid, middles.mid
            sums.append((vectors.sum(0), middles.sum()))
        return cls(stacked([s for s, _ in sums]), stacked([s for _, s in sums]), a, c)


def stacked(parts: list[Balls]) -> Balls:
    """Their sum."""
    return concatenate([Balls(p.mid[None], p.rad[None]) for p in parts], 0).sum(0)


def first_bounds(head: Head, table: Table) -> Array:
    """s_i with the same weight for every other token: one pass, every token."""
    others = head.outputs - 1
    spread = down(arb(others).log())
    bounds = np.empty(head.outputs)
    for first, rows in head.slices():
        part = slice(first, first + len(rows))
        vectors, middles = geometry(head, part)
        # a_i - (Σa - a_i)/(V-1) = (V a_i - Σa)/(V-1), and the same for c
        apart = (vectors * float(head.outputs) - table.sum_a) / float(others)
        lead = (middles * float(head.outputs) - table.sum_c) / float(others)
        bounds[part] = (Balls.exact(spread) - lead - spans(head.norm, apart)).lower()
    return bounds


def enclosing(x: arb) -> Balls:
    """An arb ball as one double ball."""
    return Balls.between(np.array(down(x)), np.array(up(x)))


def bound(
    head: Head, table: Table, token: int, support: np.ndarray, q: Array, rest: float
) -> float:
    """s_i for weights q on ``support`` and ``rest`` on each token that is neither there nor i."""
    vectors, middles = geometry(head, np.append(support, token))
    own, outside = len(support), head.outputs - 1 - len(support)
    weights = [arb(float(x)) for x in q]
    mass = sum(weights, arb(rest) * outside)
    gibbs = sum((x * (middles[j].arb() - x.log()) for j, x in enumerate(weights)), arb(0))
    mean = (Balls.exact(q)[None] @ vectors[:own])[0]
    if outside and rest > 0:
        left = (table.sum_c - middles.sum()).arb()
        gibbs += arb(rest) * (left - outside * arb(rest).log())
        mean = mean + (table.sum_a - vectors.sum(0)) * rest
    reach = spans(head.norm, (vectors[own] - mean / enclosing(mass))[None])[0]
    return down(gibbs / mass + mass.log() - middles[own].arb() - reach.arb())


def farthest(norm: Norm, directions: np.ndarray) -> np.ndarray:
    """The z the norm can output that lies farthest in each direction (the guide's arithmetic)."""
    if norm.kind == "dyt":
        return np.sign(directions)
    lengths = np.linalg.norm(directions, axis=-1, keepdims=True)
    return directions / np.maximum(lengths, 1e-30) * np.float32(norm.gamma.size) ** 0.5


def log_sum(logits: np.ndarray) -> np.ndarray:
    """ln Σ e^l along the last axis."""
    top = logits.max(-1)
    return top + np.log(np.exp(logits - top[:, None]).sum(-1))


def climb(table: Table, norm: Norm, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(q, z), (k, V) and (k, d): the weights with the best dual value and the last residual.

    Frank-Wolfe on the convex S(z) = ln Σ_(j≠i) e^(l_j) - l_i, single precision, all tokens at
    once; the step is the best of a grid, which costs no further product.
    """
    own, each = table.a[tokens], np.arange(len(tokens))

    def logits_at(z: np.ndarray) -> np.ndarray:
        logits = z @ table.a.T + table.c
        logits[each, tokens] = -1e30
        return logits

    z = farthest(norm, own - table.a.mean(0))
    logits, best = logits_at(z), np.full(len(tokens), -np.inf, dtype=np.float32)
    best_q = np.zeros_like(logits)
    for _ in range(STEPS):
        value = log_sum(logits) - (z * own).sum(1)
        q = np.exp(logits - log_sum(logits)[:, None])
        gap = own - q @ table.a
        towards = farthest(norm, gap)
        below = ((towards - z) * gap).sum(1)
        better = value - below > best
        best[better], best_q[better] = (value - below)[better], q[better]
        if (below <= CLOSE).all():
            break
        new = logits_at(towards)
        along = ((towards - z) * own).sum(1)
        values = [log_sum(logits + t * (new - logits)) - t * along for t in STEP_SIZES]
        t = STEP_SIZES[np.argmin(values, 0)][:, None]
        z, logits = z + t * (towards - z), logits + t * (new - logits)
    return best_q, z


def sharpened(head: Head, table: Table, tokens: np.ndarray) -> tuple[Array, np.ndarray]:
    """Certified s_i of these tokens from the weights that ``climb`` finds, and its residuals."""
    # a guide that leaves single precision finds nothing, which costs sharpness only
    with np.errstate(all="ignore"):
        weights, z = climb(table, head.norm, tokens)
    bounds = np.full(len(tokens), -np.inf)
    keep = min(SUPPORT, head.outputs - 1)
    for k in np.flatnonzero(np.isfinite(weights).all(1)):
        token = tokens[k]
        order = np.argpartition(-weights[k], keep - 1)[:keep]
        order = order[(order != token) & (weights[k, order] > 0)]
        q = weights[k, order].astype(float)
        left = head.outputs - 1 - len(order)
        rest = max(1 - float(q.sum()), 0.0) / left if left else 0.0
        bounds[k] = bound(head, table, int(token), order, q, rest)
    return bounds, z


def attained_log_odds(head: Head, token: int, z: Float[np.ndarray, " d"]) -> float:
    """S(z) = ln((1 - p_i)/p_i) at a residual, in double precision."""
    logits = np.empty(head.outputs)
    for first, rows in head.slices():
        part = slice(first, first + len(rows))
        vectors, middles = geometry(head, part)
        logits[part] = vectors.mid @ z + middles.mid
    own, logits[token] = logits[token], -np.inf
    return float(log_sum(logits[None])[0] - own)


def certainty(head: Head, rounds: int = ROUNDS) -> Certainty:
    """Bounds of every token's probability and of the entropy, over all inputs whatever.

    Every token starts with equal weights on the others; then, ``rounds`` times, the BATCH tokens
    with the smallest bounds get weights of their own, until the smallest is one of those.
    """
    if head.outputs < 2:
        raise TheoryError("a softmax over one output is always certain")
    table = Table.of(head)
    bounds = first_bounds(head, table)
    done = np.zeros(head.outputs, dtype=bool)
    residuals: dict[int, Array] = {}
    for _ in range(rounds):
        waiting = np.flatnonzero(~done)
        worst = waiting[np.argsort(bounds[waiting], kind="stable")[:BATCH]]
        if not len(worst) or bounds[worst[0]] > bounds[done].min(initial=np.inf):
            break
        sharper, z = sharpened(head, table, worst)
        bounds[worst], done[worst] = np.maximum(bounds[worst], sharper), True
        residuals |= dict(zip(worst.tolist(), z.astype(float), strict=True))
    token = int(bounds.argmin())
    surest = token if token in residuals else min(residuals, key=lambda i: bounds[i])
    # single precision may leave the norm's image by a rounding: back inside
    witness = np.nan_to_num(residuals[surest]) * (1 - 2.0**-20)
    lowest = entropy_floor(float(bounds[token]))
    attained = attained_log_odds(head, surest, witness)
    # an entropy is never negative
    entropy = max(down(lowest), 0.0)
    return Certainty(bounds, entropy, down(lowest.log()), token, attained, witness)
