"""S5 at random scores of every kind, against plain numpy networks and mpmath."""

from itertools import pairwise

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.dispersion import score_ranges
from theory.linear import dot, vector
from theory.network import attend, mixing, normed
from theory.scores import S5, largest_score, ssa_ratio, ssa_score, ssa_weights, weight_ratio
from theory.softmax import largest_weight, smallest_weight
from theory.weights import Attention, Norm

SCORES = st.lists(st.floats(-60, 60), min_size=1, max_size=8)
PARAMETERS = st.tuples(st.floats(0, 8), st.floats(0, 5))


@settings(max_examples=200, deadline=None)
@given(SCORES, PARAMETERS, st.booleans())
def test_ssa_weights_stay_in_the_range_of_their_ratio(scores, parameters, centred):
    if centred:
        middle = (max(scores) + min(scores)) / 2
        scores = [s - middle for s in scores]
    exact, (b, n) = vector(np.array(scores)), map(arb, parameters)
    ordered = sorted(exact, key=float)
    ratio = ssa_ratio(ordered[-1] - ordered[0], b, n)
    weights = sorted(ssa_weights(exact, b, n), key=float)
    assert not weights[-1] > largest_weight(len(scores), ratio)
    assert not weights[0] < smallest_weight(len(scores), ratio)
    target(float(weights[-1] / largest_weight(len(scores), ratio)))
    if parameters[0] * parameters[1] <= 1:
        assert not ratio > (ordered[-1] - ordered[0]).exp()


def test_ssa_score_is_increasing_and_agrees_with_mpmath():
    points = np.array([-7.5, -0.25, 0.0, 0.125, 40.0])
    values = [ssa_score(s, arb(2.5), arb(1.5)) for s in vector(points)]
    assert all(x < y for x, y in pairwise(values))
    with mpmath.workdps(40):
        for s, ours in zip(points, values, strict=True):
            power = mpmath.mpf(1.5) * int(np.sign(s))
            exact = (1 + mpmath.mpf(2.5) * abs(mpmath.mpf(float(s)))) ** power
            assert abs(mpmath.mpf(ours.str(30, radius=False)) - exact) < 1e-25 * exact
    both = ssa_score(arb(0, 1), arb(1), arb(1))
    assert both.contains(arb(2)) and both.contains(arb(1) / 2)


def test_published_ssa_meets_softmax_where_the_notes_say():
    b, n = arb(1).exp(), (arb(2) / 5).exp()
    assert ssa_ratio(arb("7.031"), b, n) > arb("7.031").exp()
    assert ssa_ratio(arb("7.033"), b, n) < arb("7.033").exp()


@settings(max_examples=100, deadline=None)
@given(SCORES, st.integers(0, 10**6))
def test_sigmoid_outputs_stay_between_the_one_sided_sums(scores, seed):
    values = vector(np.random.default_rng(seed).normal(size=len(scores)))
    output = dot([1 / (1 + (-s).exp()) for s in vector(np.array(scores))], values)
    top = sum((v.max(arb(0)) for v in values), arb(0))
    bottom = sum((v.min(arb(0)) for v in values), arb(0))
    assert not output > top and not output < bottom


@pytest.mark.parametrize("kind", ["softmax", "hardmax", "ssa", "sigmoid", "linear"])
@pytest.mark.parametrize("norm", ["layernorm", "dyt"])
def test_sums_of_weights_in_a_network(random_weights, kind, norm):
    weights = random_weights(score=kind, norm=norm, layers=1, mlp=False, seed=2, scale=0.7)
    rng, block = np.random.default_rng(0), weights.attentions[0]
    size = (300, len(weights.positions))
    tokens = rng.normal(size=size) * 10.0 ** rng.uniform(-3, 5, size=size)
    u = normed(block.norm, tokens[..., None] * weights.read_in + weights.positions)
    q, k = (
        np.einsum("btd,hed->bhte", u, w) + bias[:, None]
        for w, bias in ((block.query, block.query_bias), (block.key, block.key_bias))
    )
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    mixed = mixing(block, scores)
    values, n = S5.evaluate(weights), len(weights.positions)
    for head in range(2):
        name = f"layer 0 head {head}"
        assert np.abs(scores[:, head]).max() <= float(largest_score(block, head)) * (1 + 1e-12)
        if kind in ("sigmoid", "linear"):
            low, bound = vars(values[f"{name}: sum of |weights|, n = {n}"]).values()
            assert low == 0
            assert np.abs(mixed[:, head]).sum(-1).max() <= bound * (1 + 1e-12)
            continue
        assert mixed[:, head].sum(-1) == pytest.approx(1.0)
        largest = mixed[:, head, -1].max()
        assert largest <= values[f"{name}: a weight, n = {n}"].high
        spread = score_ranges(weights)[0, head].high
        seen = scores[:, head, -1].max(-1) - scores[:, head, -1].min(-1)
        assert seen.max() <= spread * (1 + 1e-9)
        assert weight_ratio(block, arb(spread)) >= 1


def test_hull_fails_for_sigmoid_and_linear_and_holds_otherwise(random_weights):
    for kind in ("softmax", "hardmax", "ssa", "sigmoid", "linear"):
        weights = random_weights(score=kind, layers=1, mlp=False)
        block = weights.attentions[0]
        block.value[:] = 0
        u = np.random.default_rng(0).normal(size=(20, 5, weights.width))
        outputs = attend(block, u) - attend(block, u[:1, :1])
        # values are one constant: inside the hull the output never changes
        assert (np.abs(outputs).max() < 1e-12) == (kind not in ("sigmoid", "linear"))


def test_refusals(random_weights):
    assert "post-norm" in str(S5.applies(random_weights(post_norm=True)))
    assert "no attention" in str(S5.applies(random_weights(layers=0)))


def test_the_largest_score_of_constant_queries_and_keys():
    """W_Q = W_K = 0, b_Q = 3 b_K: every score is 3|b_K|²/sqrt(dh), and the bound is not below."""
    for seed in range(8):
        bias = np.random.default_rng(seed).normal(size=(1, 5))
        none, norm = np.zeros((1, 5, 4)), Norm("layernorm", np.ones(4), np.zeros(4))
        block = Attention(
            norm, none, 3 * bias, none, bias, none, 0 * bias, np.zeros((1, 4, 5)), np.zeros(4)
        )
        found, three = largest_score(block, 0), vector(3 * bias[0])
        exact = dot(three, vector(bias[0])) / arb(5).sqrt()
        assert not found < exact and float(found / exact - 1) < 1e-13
