"""L1-L3 at random, extreme, constant and tied points, in exact arithmetic."""

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory import Interval, TheoryError
from theory.layernorm import (
    L1,
    L2,
    readout_ceiling,
    readout_centre,
    readout_direction,
    readout_radius,
    standardise,
)
from theory.linear import centre, dot, norm, vector
from theory.norms import directional_reach, normalise
from theory.short_residual import L3, short_residual_reach
from theory.weights import Norm

EPS = st.sampled_from([0.0, 1e-12, 1e-5, 1.0])
ENTRIES = st.one_of(
    st.floats(-1e3, 1e3), st.floats(-1e30, 1e30), st.sampled_from([0.0, 1.0, -1.0, 5e-324, 1e-30])
)
POINTS = st.lists(ENTRIES, min_size=1, max_size=9)


@settings(max_examples=300, deadline=None)
@given(POINTS, EPS, st.integers(0, 10**6))
def test_no_normalised_vector_leaves_its_ranges(entries, eps, seed):
    h, d = vector(np.array(entries)), len(entries)
    z = normalise(Norm("layernorm", np.ones(d), np.zeros(d), eps=eps), h)
    assert not abs(sum(z, arb(0))) > 0
    assert not dot(z, z) > d
    ordered = sorted(z, key=float, reverse=True)
    for k in range(1, d + 1):
        assert not sum(ordered[:k], arb(0)) > arb(k * (d - k)).sqrt()
    assert not sum(map(abs, z), arb(0)) > arb(d**2 - d % 2).sqrt()
    u = vector(np.random.default_rng(seed).normal(size=d))
    reach = arb(d).sqrt() * norm(centre(u))
    assert not dot(u, z) > reach
    if d > 1:
        assert not ordered[0] - ordered[-1] > arb(2 * d).sqrt()
        target(float(dot(u, z) / reach))
    else:
        assert z[0] == 0


@settings(max_examples=200, deadline=None)
@given(
    POINTS,
    EPS,
    st.sampled_from(["layernorm", "rmsnorm", "dyt"]),
    st.floats(-5, 5),
    st.integers(0, 10**6),
)
def test_no_direction_reaches_beyond(entries, eps, kind, alpha, seed):
    rng, d = np.random.default_rng(seed), len(entries)
    gamma = rng.normal(size=d) * rng.integers(0, 2, d)
    normalisation = Norm(kind, gamma, np.zeros(d), eps=eps, alpha=alpha)
    u, h = vector(rng.normal(size=d)), vector(np.array(entries))
    reach = directional_reach(normalisation, u)
    if rng.integers(2):
        # the witness direction, far out
        h = [x * 1e9 * (1 if kind == "layernorm" else g) for x, g in zip(u, gamma, strict=True)]
    y = dot(u, normalise(normalisation, h))
    assert not abs(y) > reach
    if reach > 0 and y.is_finite():
        target(float(abs(y) / reach))


@settings(max_examples=150, deadline=None)
@given(POINTS, st.sampled_from([1e-12, 1e-5, 1.0]), st.integers(0, 10**6))
def test_short_residuals_say_little(entries, eps, seed):
    h, d = vector(np.array(entries)), len(entries)
    a = centre(vector(np.random.default_rng(seed).normal(size=d)))
    radius, rho = arb(d).sqrt() * norm(a), norm(centre(h))
    bound = short_residual_reach(radius, rho, d, arb(eps))
    y = dot(a, standardise(h, arb(eps)))
    assert not abs(y) > bound
    assert not bound > radius
    if bound > 1e-300:
        target(float(abs(y) / bound))


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm", "dyt"])
@pytest.mark.parametrize("d", [1, 2, 8])
def test_ceiling_of_a_model_is_reached_and_kept(random_weights, kind, d):
    weights = random_weights(d=d, heads=1, final_norm=kind, eps=0.0, seed=3)
    ceiling, c = readout_ceiling(weights), float(readout_centre(weights))
    direction = np.array([float(x) for x in readout_direction(weights)])
    rng, final = np.random.default_rng(0), weights.final_norm
    h = np.concatenate([rng.normal(size=(2000, d)), [direction, -direction]]) * 1e3
    if kind == "dyt":
        h[-2:] = np.sign(final.alpha * direction) * [[1e3], [-1e3]]
    m = h - h.mean(1, keepdims=True) if kind == "layernorm" else h
    scale = np.sqrt((m**2).mean(1, keepdims=True))
    z = (
        np.tanh(final.alpha * h)
        if kind == "dyt"
        else np.divide(m, scale, where=scale > 0, out=0 * m)
    )
    y = z * final.gamma @ weights.read_out + c
    # float64 rounding times |h|/|Ph|, up to 1e5 among these
    noise = 1e-9
    assert ceiling.low - noise <= y.min() and y.max() <= ceiling.high + noise
    assert y.max() - y.min() >= ceiling.width * (1 - 1e-9) - 1e-12
    assert L2.evaluate(weights)["ceiling"] == ceiling


def test_constant_gamma_w_says_one_thing(random_weights):
    weights = random_weights()
    weights.read_out[:] = 1.5
    weights.final_norm.gamma[:] = -2.0
    assert readout_radius(weights) == 0
    assert readout_ceiling(weights).width < 1e-15


def test_radius_agrees_with_mpmath(random_weights):
    weights = random_weights(seed=8)
    with mpmath.workdps(50):
        scaled = [
            mpmath.mpf(g) * mpmath.mpf(w)
            for g, w in zip(weights.final_norm.gamma, weights.read_out, strict=True)
        ]
        mean = sum(scaled) / 8
        exact = mpmath.sqrt(8 * sum((x - mean) ** 2 for x in scaled))
        ours = readout_radius(weights)
        assert abs(mpmath.mpf(ours.str(40, radius=False)) - exact) < 1e-34


def test_refusals(random_weights):
    assert "no final norm" in str(L2.applies(random_weights(final_norm="none")))
    assert "rmsnorm" in str(L1.applies(random_weights(final_norm="rmsnorm")))
    assert "dyt" in str(L3.applies(random_weights(final_norm="dyt")))
    with pytest.raises(TheoryError, match="no bound"):
        readout_radius(random_weights(final_norm="none"))


def test_width_one_is_a_point(random_weights):
    weights = random_weights(d=1, heads=1)
    assert L1.evaluate(weights) == {"z (width 1)": Interval(0.0, 0.0)}
    assert all(v.width < 1e-15 for v in L3.evaluate(weights).values())
