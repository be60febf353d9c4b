"""S3, S6 at random values, ties, extreme ranges; the expectile by its own equation."""

from itertools import product

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.hull import S3, S6, expectile, first_values, mean_and_spread, shrunken_hull, sinh_hull
from theory.linear import dot, vector
from theory.network import attend, normed
from theory.softmax import softmax

VALUES = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=7)
SPREAD = st.one_of(st.floats(0, 8), st.floats(0, 900))


@settings(max_examples=200, deadline=None)
@given(VALUES, SPREAD, st.integers(0, 10**6), st.floats(-50, 50))
def test_no_scores_leave_the_shrunken_hull(values, spread, seed, shift):
    rng = np.random.default_rng(seed)
    share = rng.choice([0.0, 1.0, rng.uniform()], size=len(values))
    exact = [arb(v) for v in values]
    scores = [arb(shift) + arb(float(s)) * arb(spread) for s in share]
    output = dot(softmax(scores), exact)
    top, bottom = (
        expectile(exact, arb(spread).exp()),
        -expectile([-v for v in exact], arb(spread).exp()),
    )
    assert not output > top and not output < bottom
    mean, deviation = mean_and_spread(exact)
    reach = deviation * (arb(spread) / 2).sinh()
    assert not abs(output - mean) > reach
    assert not top - mean > reach
    if deviation > 1e-6 and spread > 1e-6:
        target(float((output - bottom) / (top - bottom)))
        target(float((top - mean) / reach), label="sinh")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=6), st.floats(0, 30))
def test_it_is_the_best_of_all_corners_and_the_expectile(values, spread):
    exact, ratio = [arb(v) for v in values], arb(spread).exp()
    best = expectile(exact, ratio)
    corners = [
        sum((w * v for w, v in zip(c, exact, strict=True)), arb(0)) / sum(c, arb(0))
        for c in product((arb(1), ratio), repeat=len(values))
    ]
    assert not any(corner > best for corner in corners)
    assert any(corner.overlaps(best) for corner in corners)
    balance = sum((ratio * (v - best).max(arb(0)) - (best - v).max(arb(0)) for v in exact), arb(0))
    assert balance.contains(0)


def test_ends_and_single_values():
    values = vector(np.array([3.0, -1.0, 3.0, 0.5]))
    assert expectile(values, arb(1)).contains(arb(5.5) / 4)
    assert float(expectile(values, arb(700).exp())) == pytest.approx(3.0)
    assert expectile(values[:1], arb(9)) == 3
    assert shrunken_hull([arb(2)] * 5, arb(4).exp()).width < 1e-12
    assert sinh_hull([arb(2)], arb(4)).midpoint == 2


def test_overlapping_balls_are_ordered_soundly():
    rng = np.random.default_rng(0)
    middle = rng.normal(size=6).round(1)
    balls = [arb(float(m), 0.2) for m in middle]
    hull = shrunken_hull(balls, arb(1).exp())
    for _ in range(100):
        members = [arb(float(m + rng.uniform(-0.2, 0.2))) for m in middle]
        inside = shrunken_hull(members, arb(1).exp())
        assert hull.low <= inside.low and inside.high <= hull.high


def test_expectile_agrees_with_mpmath():
    values, tau = [0.25, -3.0, 7.5, 1.0, 1.0], mpmath.mpf(1) / (1 + mpmath.exp(-1.5))

    def balance(mu):
        return sum(tau * max(v - mu, 0) - (1 - tau) * max(mu - v, 0) for v in values)

    with mpmath.workdps(40):
        tau = 1 / (1 + mpmath.exp(mpmath.mpf(-1.5)))
        root = mpmath.findroot(balance, (0, 5), solver="anderson")
        ours = expectile([arb(v) for v in values], arb(1.5).exp())
        assert abs(mpmath.mpf(ours.str(30, radius=False)) - root) < 1e-25


def test_first_values_are_the_networks(random_weights):
    weights = random_weights(seed=5)
    tokens = np.array([0.5, -2.0, 1e3])
    block = weights.blocks[0]
    h = tokens[:, None] * weights.read_in + weights.read_in_bias + weights.positions[:3]
    # a prompt of one token attends to itself alone
    for i in range(3):
        alone = attend(block, normed(block.norm, h[None, i : i + 1]))[0, 0] - block.output_bias
        ours = sum(float(values[i]) for values in first_values(weights, list(tokens)))
        assert ours == pytest.approx(alone @ weights.read_out)


def test_evaluation_and_refusals(random_weights):
    weights = random_weights()
    reached, by_std = S3.evaluate(weights), S6.evaluate(weights)
    for head in range(2):
        hull = reached[f"head {head}, zero prompt: hull"]
        shrunk = reached[f"head {head}, zero prompt: score range 1"]
        wide = by_std[f"head {head}, zero prompt: score range 1, by std"]
        assert hull.low <= shrunk.low < shrunk.high <= hull.high
        assert wide.low <= shrunk.low and shrunk.high <= wide.high
    assert "ssa" in str(S3.applies(random_weights(score="ssa")))
    assert "post-norm" in str(S6.applies(random_weights(post_norm=True)))
    flat = S3.evaluate(random_weights(d=1, heads=1))
    assert all(v.width < 1e-12 for v in flat.values())
