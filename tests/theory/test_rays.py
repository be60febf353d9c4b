"""L4 at random, extreme and tangent points."""

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.errors import TheoryError
from theory.layernorm import readout_centre, readout_radius, standardise
from theory.linear import centre, dot, norm, vector
from theory.rays import (
    L4,
    chord,
    query_ray,
    ray_cap,
    ray_distance,
    ray_distance_small_eps,
    read_along_ray,
)

EPS = st.sampled_from([0.0, 1e-12, 1e-5, 1.0, 10.0])


def scene(seed, d, reach, eps, length):
    """a, v^, M, r0, z for a residual M v^ + q, |q| <= r0, in the hyperplane; exact in arb."""
    rng = np.random.default_rng(seed)
    a, v, q = (centre(vector(rng.normal(size=d))) for _ in range(3))
    axis = [x / norm(v) for x in v]
    if rng.integers(2):
        # on the tangent from the origin, where the bounds are nearly reached
        across = [x - dot(q, axis) * y for x, y in zip(q, axis, strict=True)]
        if norm(across) > 0:
            q = [x - reach * norm(across) * y for x, y in zip(across, axis, strict=True)]
    big, r0 = arb(length), arb(length) * arb(reach)
    q = [r0 * x / norm(q) for x in q]
    z = standardise([big * x + y for x, y in zip(axis, q, strict=True)], arb(eps))
    return a, axis, big, r0, z


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 7), st.floats(1e-3, 0.999), EPS, st.floats(-6, 8))
def test_no_residual_leaves_the_three_bounds(seed, d, reach, eps, exponent):
    a, axis, big, r0, z = scene(seed, d, reach, eps, 10.0**exponent)
    root = arb(d).sqrt()
    moved = norm([x - root * y for x, y in zip(z, axis, strict=True)])
    second = ray_distance_small_eps(d, big, r0, arb(eps))
    assert not moved > second
    rho = (r0**2 + d * arb(eps)).sqrt()
    if not rho < big:
        with pytest.raises(TheoryError, match="no direction"):
            ray_distance(d, big, r0, arb(eps))
        return
    first = ray_distance(d, big, r0, arb(eps))
    assert not moved > first
    target(float(moved / first))
    radius = root * norm(a)
    low, high = ray_cap(radius, root * dot(a, axis), rho / big)
    y = dot(a, z)
    assert not y > high and not y < low
    target(float((y - root * dot(a, axis)) / (high - root * dot(a, axis) + arb(1e-9))), label="cap")


def test_the_cap_is_filled_when_eps_is_zero():
    e, o = np.array([1, -1, 0]) / 2**0.5, np.array([1, 1, -2]) / 6**0.5
    for angle in (0.1, 1.0, 2.0, 3.0):
        a, sine = np.cos(angle) * e + np.sin(angle) * o, 0.4
        turn = np.arcsin(sine) * np.linspace(-1, 1, 4001)
        y = 3**0.5 * (np.cos(turn)[:, None] * e + np.sin(turn)[:, None] * o) @ a
        low, high = map(float, ray_cap(arb(3).sqrt(), arb(3).sqrt() * np.cos(angle), arb(sine)))
        assert low <= y.min() + 1e-12 and y.max() <= high + 1e-12
        assert y.max() - y.min() >= 0.999 * (high - low)


def test_scale_identity_holds_for_every_eps():
    h = vector(np.array([0.3, -1.25, 7.0, 2.0]))
    for eps in (0, 1e-5, 3.0):
        for scale, shift in ((arb(7), arb(-2)), (arb(1) / 8, arb(10**6))):
            left = standardise([scale * x + shift for x in h], arb(eps))
            right = standardise(h, arb(eps) / scale**2)
            assert all(x.overlaps(y) for x, y in zip(left, right, strict=True))


def test_chord_agrees_with_mpmath():
    with mpmath.workdps(40):
        for sine in (0.0, 1e-9, 0.25, 0.999, 1.0):
            exact = 2 * mpmath.sin(mpmath.asin(mpmath.mpf(sine)) / 2)
            assert abs(mpmath.mpf(chord(arb(sine)).str(30, radius=False)) - exact) < 1e-25


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm"])
def test_cap_of_a_model_holds_its_readouts(random_weights, kind):
    weights, rng = random_weights(norm=kind, seed=3, eps=0.0), np.random.default_rng(1)
    values = L4.evaluate(weights)
    final, ray = weights.final_norm, np.array([float(x) for x in query_ray(weights)])
    for sign, name in ((1, "+"), (-1, "-")):
        q = rng.normal(size=(5000, weights.width))
        q = q - q.mean(1, keepdims=True) if kind == "layernorm" else q
        q *= 0.1 * np.linalg.norm(ray) / np.linalg.norm(q, axis=1, keepdims=True)
        m = sign * ray + q
        y = (m / np.sqrt((m**2).mean(1, keepdims=True)) * final.gamma) @ weights.read_out
        y = y + float(readout_centre(weights))
        band = values[f"y at sin theta = 1/10, x_q {name}"]
        assert band.low <= y.min() and y.max() <= band.high
        assert y.max() - y.min() >= 0.5 * band.width
    assert abs(float(read_along_ray(weights))) <= float(readout_radius(weights))


def test_refusals_and_a_readout_that_is_constant(random_weights):
    assert "P w_in" in str(L4.applies(random_weights(d=1, heads=1)))
    assert "dyt" in str(L4.applies(random_weights(final_norm="dyt")))
    weights = random_weights()
    weights.read_in[:] = 0.37
    assert "P w_in" in str(L4.applies(weights))
    flat = random_weights(seed=1)
    flat.read_out[:] = 1 / flat.final_norm.gamma
    band = L4.evaluate(flat)["y at sin theta = 1/10, x_q +"]
    assert band.width < 1e-12 * band.magnitude
