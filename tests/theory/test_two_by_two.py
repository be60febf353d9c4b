"""G5: exponent and coefficient of every cell against the network, closed forms against cells."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.cells import growth
from theory.network import forward
from theory.two_by_two import G5, predicted_growth

TABLE = [
    ("layernorm", "layernorm", "softmax", 0),
    ("layernorm", "none", "softmax", 1),
    ("none", "layernorm", "softmax", 0),
    ("none", "none", "softmax", 1),
    ("layernorm", "layernorm", "linear", 0),
    ("layernorm", "none", "linear", 1),
    ("none", "layernorm", "linear", 0),
    ("none", "none", "linear", 9),
]


@pytest.mark.parametrize(("norm", "final", "score", "exponent"), TABLE)
@pytest.mark.parametrize("seed", range(3))
def test_the_table(random_weights, norm, final, score, exponent, seed):
    weights = random_weights(norm=norm, final_norm=final, score=score, layers=2, seed=seed, d=6)
    found = predicted_growth(weights)
    assert found.exponent == exponent
    # measured as E2 does: the slope of log|y| against log t, and the size at the far end
    tokens = np.array([0.75, 0.375, -0.5, -0.25, 0.625])
    low, high = (forward(weights, t * tokens[None])[0, -1] for t in (2.0**30, 2.0**40))
    assert np.log2(abs(high / low)) / 10 == pytest.approx(exponent, abs=0.01)
    assert high / 2.0 ** (40 * exponent) == pytest.approx(found.coefficient.midpoint, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["layernorm", "rmsnorm", "dyt"]),
    st.sampled_from(["layernorm", "rmsnorm", "dyt", "none"]),
    st.sampled_from(["softmax", "linear", "ssa", "sigmoid"]),
)
def test_closed_forms_agree_with_the_cells(random_weights, seed, norm, final, score):
    weights = random_weights(norm=norm, final_norm=final, score=score, layers=1, seed=seed, d=4)
    tokens = np.random.default_rng(seed).uniform(-1, 1, size=5)
    closed, cell = predicted_growth(weights, tokens), growth(weights, tokens)
    assert closed.exponent == cell.exponent
    assert closed.coefficient.low <= cell.coefficient.high
    assert cell.coefficient.low <= closed.coefficient.high
    assert closed.coefficient.width <= 1e-12 * (1 + closed.coefficient.magnitude)


def test_no_cell_follows_a_line(random_weights):
    """lim y/(t a x_q) is not 1 in any cell, for any of the slopes (G4; SSA is another matter)."""
    for (norm, final, score, _), a in product(TABLE, (-0.5, 0.25, 2.0)):
        weights = random_weights(norm=norm, final_norm=final, score=score, seed=7, d=4)
        tokens = np.array([0.75, 0.75 * a, -0.5, -0.5 * a, 0.625])
        found = predicted_growth(weights, tokens)
        assert found.exponent != 1 or 0.625 * a not in found.coefficient


def test_numbers(random_weights):
    numbers = G5.evaluate(random_weights(norm="none"))
    assert numbers["exponent of y(tz)"].midpoint == 1 <= numbers["degree (G1)"].high
    hard = random_weights(norm="layernorm", score="hardmax", post_norm=True, d=6, seed=1, layers=4)
    assert "degree (G1)" in G5.evaluate(hard)
    assert "positions" in (G5.applies(random_weights(context=2)) or "")
