"""The computed leading power against the network itself, on every norm and score; ties; walls."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.cells import growth
from theory.errors import TheoryError
from theory.network import forward

SCORES = ("softmax", "hardmax", "ssa", "sigmoid", "linear")
NORMS = ("none", "layernorm", "rmsnorm", "dyt")
CASES = list(product(SCORES, NORMS, ("none", "layernorm"), (False, True)))
CASES += [(score, "none", "dyt", False) for score in SCORES]


@pytest.mark.parametrize(("score", "norm", "final", "post"), CASES)
def test_leading_power_is_the_networks(random_weights, score, norm, final, post):
    weights = random_weights(
        norm=norm, final_norm=final, score=score, d=4, seed=len(norm) + len(score), post_norm=post
    )
    tokens = np.random.default_rng(3).uniform(-1, 1, size=7)
    try:
        found = growth(weights, tokens)
    except TheoryError as reason:
        # norms make tokens of one sign alike: hardmax ties that the leading power cannot break
        assert score == "hardmax" and norm != "none" and "no single cell" in str(reason)
        return
    t = 1e11
    y = forward(weights, t * tokens[None])[0, -1] / t**found.exponent
    # lower powers are O(1/t) of it, times layers' constants; SSA's next power is O(t^(-2n))
    assert y == pytest.approx(found.coefficient.midpoint, rel=1e-5, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10**6), st.sampled_from(SCORES[:4]), st.sampled_from(["relu", "gelu", "silu"])
)
def test_deep_networks_without_norms_are_affine_in_t(random_weights, seed, score, act):
    weights = random_weights(norm="none", score=score, d=4, layers=4, seed=seed, scale=0.8)
    blocks = tuple(replace(b, activation=act) if hasattr(b, "up") else b for b in weights.blocks)
    weights = replace(weights, blocks=blocks)
    tokens = np.random.default_rng(seed).uniform(-1, 1, size=5)
    found = growth(weights, tokens)
    assert found.exponent <= 1
    t = 2.0**44
    slope = forward(weights, t * tokens[None])[0, -1] / t
    size = np.abs(tokens).max() * (1 + abs(found.coefficient.midpoint))
    assert slope == pytest.approx(found.coefficient.midpoint, abs=1e-5 * size)


def test_ties_are_seen_as_ties(random_weights):
    """Equal tokens without positions share a softmax exactly, also in the second layer."""
    plain = random_weights(norm="none", d=4, layers=2, seed=2, mlp=False)
    weights = replace(plain, positions=np.zeros_like(plain.positions))
    for tokens in ([0.5, 0.5, -1.0], [0.5, -1.0, 0.5], [0.5, 0.5, 2.0], [0.25], [0.0, 0.0]):
        found = growth(weights, np.array(tokens))
        t = 2.0**30
        y = forward(weights, t * np.array([tokens]))[0, -1] / t**found.exponent
        assert y == pytest.approx(found.coefficient.midpoint, rel=1e-6, abs=1e-6)
    # no query matrix at all: every score is its constant, a genuine softmax average
    silent = tuple(replace(a, query=0 * a.query, query_bias=0 * a.query_bias) for a in plain.blocks)
    found = growth(replace(plain, blocks=silent), np.array([0.5, -1.0, 0.75]))
    y = forward(replace(plain, blocks=silent), 2.0**40 * np.array([[0.5, -1.0, 0.75]]))[0, -1]
    assert y / 2.0**40 == pytest.approx(found.coefficient.midpoint, rel=1e-9)


def test_zero_read_in_leaves_a_constant(random_weights):
    weights = random_weights(norm="none", d=4)
    weights = replace(weights, read_in=np.zeros(4))
    found = growth(weights, np.array([0.5, 1.0, -0.25]))
    assert found.exponent == 0
    y = forward(weights, np.array([[0.5, 1.0, -0.25]]))[0, -1]
    assert y == pytest.approx(found.coefficient.midpoint, rel=1e-12)


def test_width_one(random_weights):
    weights = random_weights(d=1, heads=1)
    found = growth(weights, np.array([0.5, 1.0, -0.25]))
    exact = float(weights.read_out[0] * weights.final_norm.beta[0] + weights.read_out_bias)
    assert (found.exponent, found.coefficient.midpoint) == (0, pytest.approx(exact))


def test_walls_and_long_prompts_are_refused(random_weights):
    plain = random_weights(norm="none", d=4, layers=2, seed=2, mlp=False)
    weights = replace(plain, positions=np.zeros_like(plain.positions))
    # shares of 1/3 are no dyadic numbers: the second layer's ties cannot be told from near ties
    with pytest.raises(TheoryError, match="no single cell"):
        growth(weights, np.array([0.5, 0.5, 0.5]))
    with pytest.raises(TheoryError, match="10 tokens"):
        growth(weights, np.ones(10))
