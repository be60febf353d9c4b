"""L5, L6: difference quotients and gradients against their bounds."""

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.layernorm import readout_centre, readout_direction, readout_radius, standardise
from theory.linear import centre, dot, norm, vector
from theory.lipschitz import (
    L5,
    L6,
    jacobian_times,
    linear_part,
    norm_lipschitz,
    speed_limit,
)
from theory.norms import normalise
from theory.weights import Norm

KINDS = ["layernorm", "rmsnorm", "dyt"]


def some_norm(kind, rng, d, eps):
    gamma = rng.normal(size=d) * rng.choice([0, 1, 1, 1], size=d)
    return Norm(kind, gamma, rng.normal(size=d), eps=eps, alpha=float(rng.normal()))


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(KINDS),
    st.integers(1, 7),
    st.sampled_from([1e-8, 1e-5, 1.0]),
    st.floats(-6, 4),
    st.floats(-8, 3),
)
def test_no_two_points_move_apart_faster(seed, kind, d, eps, size, step):
    rng = np.random.default_rng(seed)
    normalisation = some_norm(kind, rng, d, eps)
    h = vector(rng.normal(size=d) * 10.0**size)
    k = [x + y for x, y in zip(h, vector(rng.normal(size=d) * 10.0**step), strict=True)]
    moved, apart = (
        norm([x - y for x, y in zip(p, q, strict=True)])
        for p, q in ((normalise(normalisation, h), normalise(normalisation, k)), (h, k))
    )
    bound = norm_lipschitz(normalisation) * apart
    assert not moved > bound
    if bound > 0:
        target(float(moved / bound))


def test_the_constant_is_attained_at_a_constant():
    rng = np.random.default_rng(0)
    for d in (2, 3, 8):
        normalisation = Norm("layernorm", rng.normal(size=d), np.zeros(d), eps=1e-4)
        matrix = np.diag(normalisation.gamma) @ (np.eye(d) - 1 / d)
        top = np.linalg.svd(matrix)[2][0]
        change = norm(normalise(normalisation, vector(top * 1e-9))) / norm(vector(top * 1e-9))
        assert float(change / norm_lipschitz(normalisation)) > 1 - 1e-8
        assert float(linear_part(normalisation)) == pytest.approx(np.linalg.norm(matrix, 2))


def test_width_one_zero_gamma_and_zero_eps():
    one, zero = np.ones(1), np.zeros(3)
    assert norm_lipschitz(Norm("layernorm", one, one, eps=0.0)) == 0
    assert norm_lipschitz(Norm("layernorm", zero, zero, eps=0.0)) == 0
    assert norm_lipschitz(Norm("layernorm", zero + 1, zero, eps=0.0)) == arb.pos_inf()
    away = norm_lipschitz(Norm("layernorm", zero + 1, zero, eps=0.0), 1.0)
    assert away.overlaps(arb(3).sqrt()) or abs(float(away) - 3**0.5) < 1e-10


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(2, 7), st.sampled_from([0.0, 1e-5, 1.0]), st.floats(-5, 5)
)
def test_gradient_is_below_the_speed_limit(seed, d, eps, size):
    rng = np.random.default_rng(seed)
    a, h = centre(vector(rng.normal(size=d))), vector(rng.normal(size=d) * 10.0**size)
    length, radius = norm(centre(h)), arb(d).sqrt() * norm(a)
    if rng.integers(2):
        # close to the ceiling, where the limit is small
        h = [x + 100 * length * y / norm(a) for x, y in zip(h, a, strict=True)]
        length = norm(centre(h))
    gradient = norm(jacobian_times(h, a, arb(eps)))
    bound = speed_limit(radius, abs(dot(a, standardise(h, arb(eps)))), length, d, arb(eps))
    assert not gradient > bound
    if d > 2 or eps > 0:
        target(float(gradient / bound))
    if eps == 0:
        assert gradient.overlaps(bound)


def test_gradient_agrees_with_mpmath():
    a, h, u = ([1.0, -2.0, 1.0], [0.25, 3.0, -1.5], [1.0, 0.5, 0.0])

    def read(t):
        x = [mpmath.mpf(p) + t * q for p, q in zip(h, u, strict=True)]
        mean = sum(x) / 3
        scale = mpmath.sqrt(sum((p - mean) ** 2 for p in x) / 3 + mpmath.mpf(0.125))
        return sum(p * (q - mean) / scale for p, q in zip(a, x, strict=True))

    with mpmath.workdps(40):
        slope = mpmath.diff(read, 0)
        along = jacobian_times(vector(np.array(h)), vector(np.array(u)), arb(0.125))
        ours = dot(vector(np.array(a)), along)
        assert abs(mpmath.mpf(ours.str(30, radius=False)) - slope) < 1e-15


@pytest.mark.parametrize("kind", KINDS)
def test_evaluation_on_a_model(random_weights, kind):
    weights = random_weights(norm=kind)
    values = L5.evaluate(weights)
    assert all(0 <= v.low <= v.high < np.inf for v in values.values())
    if kind == "dyt":
        assert "dyt" in str(L6.applies(weights))
        return
    slopes = [v.high for v in L6.evaluate(weights).values()]
    assert slopes == sorted(slopes, reverse=True)
    assert float(readout_radius(weights)) == pytest.approx(
        weights.width**0.5 * float(norm(readout_direction(weights)))
    )
    assert readout_centre(weights).is_finite()


def test_width_one_has_no_slope(random_weights):
    weights = random_weights(d=1, heads=1)
    assert all(v.high == 0 for v in (L5.evaluate(weights) | L6.evaluate(weights)).values())
