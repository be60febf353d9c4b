"""W1 on random models: exact homogeneity, the error it carries over, the moving ceiling."""

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.equivariant import W1, equivariant, nearest
from theory.errors import TheoryError
from theory.network import forward


def predictor(weights):
    """The model as a function of (xs, ys, query)."""

    def predict(xs, ys, query):
        tokens = np.append(np.stack([xs, ys], 1).ravel(), query)
        return float(forward(weights, tokens[None])[0, -1])

    return predict


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(-60, 60),
    st.integers(-60, 60),
    st.sampled_from(["layernorm", "none"]),
)
def test_bit_for_bit_at_powers_of_two(random_weights, seed, s, q, norm):
    weights = random_weights(seed=seed, norm=norm, d=4)
    rng = np.random.default_rng(seed)
    xs, ys, query = rng.normal(size=4), rng.normal(size=4), float(rng.normal())
    plain = equivariant(predictor(weights), list(xs), list(ys), query)
    scaled = equivariant(predictor(weights), list(xs * 2.0**s), list(ys * 2.0**q), query * 2.0**s)
    assert scaled == plain * 2.0**q


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 10**6), st.floats(-8, 8), st.sampled_from(["layernorm", "dyt", "none", "free"])
)
def test_the_wrapped_answer_stays_in_the_moving_ceiling(random_weights, seed, power, norm):
    kinds = ("layernorm", "none") if norm == "free" else (norm, norm)
    weights = random_weights(seed=seed, norm=kinds[0], final_norm=kinds[1], d=4)
    (ceiling,) = W1.evaluate(weights).values()
    rng = np.random.default_rng(seed)
    xs, ys = rng.normal(size=4) * 10.0**power, rng.normal(size=4) * 10.0**-power
    answer = equivariant(predictor(weights), list(xs), list(ys), float(rng.normal()))
    share = answer / np.abs(ys).max()
    target(abs(share - ceiling.midpoint) / ceiling.radius)
    assert share in ceiling.widened(1e-9 * ceiling.magnitude)


def test_error_on_normalised_prompts_carries_over():
    rng = np.random.default_rng(0)
    for degree in range(4):
        for _ in range(50):
            s, q = 10.0 ** rng.uniform(-6, 6, size=2)
            coefficients = rng.normal(size=degree + 1)
            xs, noise = rng.uniform(-1, 1, size=6), rng.uniform(-0.1, 0.1)
            query = float(rng.uniform(-1, 1)) * s

            def fit(a, b, at, noise=float(noise), degree=degree):
                return float(np.polynomial.Polynomial.fit(a, b, degree)(at)) + noise

            ys = np.polynomial.Polynomial(coefficients)(xs) * q
            exact = float(np.polynomial.Polynomial(coefficients)(query / s)) * q
            answer = equivariant(fit, list(xs * s), list(ys), query)
            assert abs(answer - exact) <= 0.1 * np.abs(ys).max() * (1 + 1e-6)


def test_nearest_neighbour_is_a_fixed_point():
    rng = np.random.default_rng(1)
    xs, ys = list(rng.normal(size=5)), list(rng.normal(size=5))
    for query in rng.normal(size=20):
        expected = nearest(xs, ys, query)
        assert equivariant(nearest, xs, ys, query) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        (([0.0], [1.0], 0.0), "inputs are 0"),
        (([1.0], [0.0], 1.0), "values are 0"),
        (([1.0], [np.inf], 1.0), "infinite"),
        (([1.0, 2.0], [1.0, np.nan], 1.0), "numbers only"),
        (([], [], 1.0), "one example"),
    ],
)
def test_no_scale_no_answer(prompt, reason):
    with pytest.raises(TheoryError, match=reason):
        equivariant(nearest, *prompt)


def test_unbounded_models_say_so(random_weights):
    (range_,) = W1.evaluate(random_weights(norm="none", score="linear")).values()
    assert range_.low == -np.inf and range_.high == np.inf
