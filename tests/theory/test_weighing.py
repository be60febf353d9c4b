"""Weights of uncertain scores and the sets they average, against brute force."""

import numpy as np
import pytest
from flint import arb

from theory.balls import Balls
from theory.envelope import alone, box
from theory.envelope import times as product_of
from theory.heads import Head, ceilings, spans
from theory.weighing import (
    highest_average,
    levels,
    shares,
    softmax_weights,
    weigh,
    weights_of,
    winners,
)
from theory.weights import Attention, Norm
from theory.zonotopes import Zonotope

CAUSAL = np.tril(np.ones((3, 4), dtype=bool), 1)


def drawn(rng, shape=(2, 3, 4), reach=1.0):
    """Ends of scores; some of them exact."""
    low = rng.normal(size=shape) * 2
    return low, low + reach * rng.exponential(size=shape) * rng.choice([0, 1], size=shape)


def softmax(s, visible):
    e = np.where(visible, np.exp(s - s.max(-1, keepdims=True)), 0.0)
    return e / e.sum(-1, keepdims=True)


def attention(score, ssa=(1.0, 1.0), heads=2):
    norm = Norm("none", np.ones(1), np.zeros(1))
    one, bias = np.ones((heads, 1, 1)), np.zeros((heads, 1))
    return Attention(norm, one, bias, one, bias, one, bias, one, np.zeros(1), score, ssa)


def test_a_softmax_weight_is_largest_with_its_own_score_up_and_all_others_down():
    rng = np.random.default_rng(0)
    low, high = drawn(rng)
    found = shares(low, high, CAUSAL)
    for j in range(4):
        own = np.arange(4) == j
        for k, (mine, others) in enumerate(((low, high), (high, low))):
            exact = softmax(np.where(own, mine, others), CAUSAL)[..., j]
            assert found[k][..., j] == pytest.approx(exact, rel=1e-12, abs=1e-300)
    assert (found[0] <= found[1]).all() and (found[1][:, ~CAUSAL] == 0).all()
    one = np.ones((1, 2), dtype=bool)
    # scores that may be anything give weights that may be anything
    for far in (1e308, np.inf):
        with np.errstate(over="ignore"):
            open_ = shares(np.array([[[-far, 0.0]]]), np.array([[[far, 0.0]]]), one)
        assert [v[0, 0].tolist() for v in open_] == [[0, 0], [1, 1]]


def test_hardmax_weights_known_and_open():
    low, high = np.array([[[0.0, 2.0, 1.0]]]), np.array([[[1.0, 3.0, 1.5]]])
    sure = np.ones((1, 3), dtype=bool)
    assert [v[0, 0].tolist() for v in winners(low, high, sure)] == [[0, 1, 0], [0, 1, 0]]
    # the last two overlap; the first is out
    wide = high + np.array([0.0, 0.0, 0.5])
    assert [v[0, 0].tolist() for v in winners(low, wide, sure)] == [[0, 0, 0], [0, 1, 1]]
    hidden = np.array([[True, False, True]])
    assert [v[0, 0].tolist() for v in winners(low, high, hidden)] == [[0, 0, 0], [1, 0, 1]]
    tie = np.array([[[2.0, 2.0]]])
    assert [v[0, 0].tolist() for v in winners(tie, tie, sure[:, :2])] == [[0, 0], [1, 1]]


@pytest.mark.parametrize("ssa", [(1.0, 1.0), (0.5, 3.0), (2.0, 0.5)])
def test_levels_of_ssa_are_logarithms_of_its_weights(ssa):
    b, n = ssa
    low, high = drawn(np.random.default_rng(1))
    for found, s in zip(levels(attention("ssa", ssa), low, high), (low, high), strict=True):
        assert found == pytest.approx(n * np.sign(s) * np.log1p(b * np.abs(s)))


def test_the_highest_average_spends_what_is_free_on_the_largest_values():
    rng = np.random.default_rng(2)
    for _ in range(30):
        w = rng.dirichlet(np.ones(4), size=(2, 3))
        low, high = w * rng.uniform(0, 1, size=w.shape), w + (1 - w) * rng.uniform(size=w.shape)
        values = rng.normal(size=(2, 4, 5)) * 3
        found = highest_average(low, high, values)
        for h in range(2):
            for q in range(3):
                for e in range(5):
                    left, exact = 1 - low[h, q].sum(), low[h, q] @ values[h, :, e]
                    for j in np.argsort(-values[h, :, e]):
                        more = min(left, high[h, q, j] - low[h, q, j])
                        exact, left = exact + more * values[h, j, e], left - more
                    assert exact - 1e-12 <= found[h, q, e] <= exact + 1e-9
    # no freedom at all: the average itself
    w, values = rng.dirichlet(np.ones(4), size=(2, 3)), rng.normal(size=(2, 4, 5))
    assert highest_average(w, w, values) == pytest.approx(w @ values, abs=1e-12)


def members(zonotope, rng):
    """A point of the set: symbols and rests at random, often at their ends."""
    e = rng.choice([-1, 1, 0.3], size=len(zonotope.lin)) * rng.choice([1, rng.uniform()])
    rest = zonotope.rad * rng.choice([-1, 1, 0.1], size=zonotope.rad.shape)
    return e, np.tensordot(e, zonotope.lin, 1) + zonotope.mid + rest


def cloud(rng, shape, symbols, size):
    mid, lin = rng.normal(size=shape), rng.normal(size=(symbols, *shape)) * size
    rad = np.abs(rng.normal(size=shape)) * size / 4
    half = np.abs(lin).sum(0) + rad
    return Zonotope(mid, lin, rad, Balls(mid, half * (1 + 1e-12)))


@pytest.mark.parametrize("size", [0.01, 0.3, 2.0])
def test_softmax_of_a_cloud_of_scores_holds_its_members_and_keeps_their_symbols(size):
    rng = np.random.default_rng(3)
    scores = cloud(rng, (2, 3, 4), 3, size)
    found = softmax_weights(scores, CAUSAL)
    assert (found.mid[:, ~CAUSAL] == 0).all() and (found.rad[:, ~CAUSAL] == 0).all()
    assert (found.lin[:, :, ~CAUSAL] == 0).all() and (found.box.rad[:, ~CAUSAL] == 0).all()
    worst = 0.0
    for _ in range(300):
        e, s = members(scores, rng)
        w = softmax(s, CAUSAL)
        off = np.abs(w - found.mid - np.tensordot(e, found.lin, 1))
        assert (off <= found.rad + 1e-12).all()
        assert (np.abs(w - found.box.mid) <= found.box.rad + 1e-12).all()
        worst = max(worst, (off[:, CAUSAL] / (found.rad[:, CAUSAL] + 1e-300)).max())
    if size == 0.01:
        # second order in the size beside the rests, which are a quarter of it
        assert worst > 0.3 and found.rad.max() < 0.01
    # what all scores have in common changes nothing
    shifted = Zonotope(scores.mid, scores.lin + 5.0, scores.rad, scores.box)
    assert softmax_weights(shifted, CAUSAL).lin == pytest.approx(found.lin, abs=1e-12)


# weights of hardmax and SSA have no symbols of their own: the fresh ones that `promoted` gives them
# take the numbers of the values' symbols, and the enclosure is too narrow


@pytest.mark.parametrize(
    "score",
    [
        "softmax",
        "linear",
        "sigmoid",
        "hardmax",
        "ssa",
    ],
)
def test_averages_of_clouds_hold_their_members(score):
    rng = np.random.default_rng(4)
    block, visible = attention(score), np.tril(np.ones((4, 4), dtype=bool))[1:]
    scores, values = cloud(rng, (2, 3, 4), 2, 0.05), cloud(rng, (2, 4, 3), 2, 0.05)
    weights = weights_of(block, scores, visible)
    assert (weights.mid[:, ~visible] == 0).all() and (weights.box.rad[:, ~visible] == 0).all()
    found = weigh(block, scores, values, 8)
    rng = np.random.default_rng(5)
    seen = []
    for _ in range(300):
        e = rng.choice([-1, 1, 0.3], size=2)
        s, v = (
            np.tensordot(e, z.lin, 1) + z.mid + z.rad * rng.choice([-1, 1], size=z.rad.shape)
            for z in (scores, values)
        )
        if score == "linear":
            w = s * visible
        elif score == "sigmoid":
            w = visible / (1 + np.exp(-s))
        elif score == "hardmax":
            masked = np.where(visible, s, -np.inf)
            w = (masked == masked.max(-1, keepdims=True)).astype(float)
        else:
            level = np.sign(s) * np.log1p(np.abs(s)) if score == "ssa" else s
            w = softmax(level, visible)
        y = w @ v
        low, high = found.box.lower(), found.box.upper()
        assert (low - 1e-12 <= y).all() and (y <= high + 1e-12).all()
        # the symbols that both share, the fresh ones anywhere
        fresh = np.abs(found.lin[2:]).sum(0) + found.rad
        assert (np.abs(y - found.mid - np.tensordot(e, found.lin[:2], 1)) <= fresh + 1e-12).all()
        seen.append(y)
    if score != "hardmax":
        assert (np.ptp(seen, axis=0) > 0.25 * 2 * found.box.rad).all()


@pytest.mark.parametrize(
    ("score", "reach"),
    [("hardmax", 1.5), ("ssa", 1.1)],
)
def test_open_weights_and_values_that_move_together(score, reach):
    """Scores anywhere in [-1, 1], values 1 + e/2 and -1 + e/2: SSA's weights are 0.8 at most."""
    mid, blank = np.zeros((1, 1, 2)), np.zeros((0, 1, 1, 2))
    one = np.ones((1, 1, 2))
    values = np.array([[[1.0], [-1.0]]])
    # both signs of the symbol must do
    for sign in (1, -1):
        lin = np.full((1, 1, 2, 1), sign * 0.5)
        clouds = (
            Zonotope(mid, blank, one, Balls(mid, one)),
            Zonotope(values, lin, 0 * values, Balls(values, np.abs(lin[0]))),
        )
        found = weigh(attention(score, heads=1), *clouds, 8).box
        assert found.lower().item() <= -reach and reach <= found.upper().item()
        assert found.rad.item() == pytest.approx(reach)


def test_boxing_a_long_set_keeps_how_far_it_reaches_along_every_axis(monkeypatch):
    rng = np.random.default_rng(6)
    centre, spread, hulls = rng.normal(size=3), rng.normal(size=(6, 3)), rng.normal(size=(2, 4, 3))
    parts = [alone(3, 4, centre, spread, hulls), alone(3, 4, 2 * centre, 0.5 * spread, hulls[:1])]
    whole = parts[0].plus(parts[1])
    high = 3 * centre + 1.5 * np.abs(spread).sum(0) + hulls.max(1).sum(0) + hulls[0].max(0)
    low = 3 * centre - 1.5 * np.abs(spread).sum(0) + hulls.min(1).sum(0) + hulls[0].min(0)
    rows = np.eye(3)
    # |u.x| alone is bounded, so each hull by its own farther end
    reach = np.abs(3 * centre) + 1.5 * np.abs(spread).sum(0)
    reach += np.abs(hulls).max(1).sum(0) + np.abs(hulls[0]).max(0)
    assert whole.reach(rows) == pytest.approx(reach)
    monkeypatch.setattr("theory.envelope.MOST", 5)
    boxed = parts[0].plus(parts[1])
    assert boxed.hulls.shape[0] == 0
    half = np.abs(boxed.spread.mid).sum(0)
    assert boxed.centre.mid + half == pytest.approx(high)
    assert boxed.centre.mid - half == pytest.approx(low)
    assert (boxed.centre.mid + half >= high - 1e-12).all()
    shifted = whole.moved(Balls.exact(np.ones(3)))
    assert shifted.centre.mid == pytest.approx(whole.centre.mid + 1)
    turned = whole.mapped(Balls.exact(np.array([[1.0, -2.0, 0.5]])))
    assert turned.reach(np.ones((1, 1))) == pytest.approx(whole.reach(np.array([[1.0, -2.0, 0.5]])))
    assert turned.reach(np.ones((1, 1)), 100.0) > 90
    flat = product_of(Balls.exact(hulls), Balls.exact(rows[:, :2]))
    assert (flat.mid == hulls[..., :2]).all()
    assert box(np.array([1.0, 2.0])).mid.tolist() == [[1, 0], [0, 2]]


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm", "dyt"])
def test_ceilings_of_rows_and_coordinates_in_closed_form(kind):
    rng = np.random.default_rng(7)
    norm = Norm(kind, rng.normal(size=4), rng.normal(size=4), alpha=0.5)
    rows, bias = rng.normal(size=(5, 4)), rng.normal(size=5)
    for w, b, head in ((rows, bias, Head(norm, rows, bias)), (np.eye(4), 0, Head(norm))):
        scaled = w * norm.gamma
        if kind == "layernorm":
            scaled = scaled - scaled.mean(-1, keepdims=True)
        reach = np.abs(scaled).sum(-1) if kind == "dyt" else 2 * np.linalg.norm(scaled, axis=-1)
        low, high = ceilings(head)
        middle = w @ norm.beta + b
        assert low == pytest.approx(middle - reach) and high == pytest.approx(middle + reach)
    still = Norm("dyt", norm.gamma, norm.beta, alpha=0.0)
    assert (spans(still, Balls.exact(rows)).mid == 0).all()
    wide = spans(norm, Balls(rows, np.full((5, 4), 0.1)))
    plain = np.abs(rows).sum(-1) if kind == "dyt" else 2 * np.linalg.norm(rows, axis=-1)
    assert (wide.upper() >= plain + 0.4 - 1e-12).all() and wide.mid == pytest.approx(plain)
    assert arb(float(wide.rad[0])) > 0.39
