import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.linear import vector
from theory.softmax import S2, largest_mass, largest_weight, smallest_weight, softmax

SCORES = st.lists(st.floats(-40, 40), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(SCORES, st.integers(1, 12))
def test_no_scores_leave_the_weight_range(scores, k):
    n, k = len(scores), min(k, len(scores))
    weights = sorted(softmax(vector(np.array(scores))), key=float)
    ratio = (arb(max(scores)) - arb(min(scores))).exp()
    target(float(weights[-1] / largest_weight(n, ratio)))
    assert not weights[-1] > largest_weight(n, ratio)
    assert not weights[0] < smallest_weight(n, ratio)
    assert not sum(weights[n - k :], arb(0)) > largest_mass(n, k, ratio)


def test_one_token_has_all_the_weight():
    assert softmax([arb(-700)])[0] == 1
    assert smallest_weight(1, arb(9)) == largest_weight(1, arb(9)) == 1


def test_softmax_agrees_with_mpmath():
    scores = np.array([-300.25, 0.5, 0.5, 12.125])
    with mpmath.workdps(50):
        powers = [mpmath.exp(s) for s in scores]
        exact = [p / sum(powers) for p in powers]
        for ball, value in zip(softmax(vector(scores)), exact, strict=True):
            # the ball holds the exact value, hence meets a decimal of it to 45 digits
            assert ball.overlaps(arb(mpmath.nstr(value, 45)) * arb(1, 1e-44))
            assert ball.rel_accuracy_bits() > 100


def test_outputs_stay_in_the_certified_ball(random_weights):
    rng = np.random.default_rng(1)
    for kind in ("layernorm", "rmsnorm", "dyt"):
        weights = random_weights(norm=kind, seed=3)
        radii = list(S2.evaluate(weights).values())
        attention = weights.attentions[0]
        h = rng.normal(size=(500, weights.width)) * 10.0 ** rng.integers(-3, 6, size=(500, 1))
        m = h - h.mean(1, keepdims=True) if kind == "layernorm" else h
        z = m / np.sqrt((m**2).mean(1, keepdims=True) + 1e-5)
        z = np.tanh(0.5 * h) if kind == "dyt" else z
        values = z * attention.norm.gamma @ attention.value[0].T
        assert np.linalg.norm(values, axis=1).max() <= radii[0].high
        assert np.linalg.norm(values, axis=1).max() >= 0.7 * radii[0].high or kind == "dyt"


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"score": "sigmoid"}, "sum"), ({"post_norm": True}, "raw"), ({"norm": "none"}, "no norm")],
)
def test_models_outside_the_assumptions_are_told_why(random_weights, options, reason):
    assert reason in S2.applies(random_weights(**options))
