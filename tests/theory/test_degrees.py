"""P1, P2 at random, touching and rootless polynomials."""

import math

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import assume, given, settings, target
from hypothesis import strategies as st

from theory.errors import TheoryError
from theory.interval import Interval
from theory.layernorm import readout_ceiling
from theory.polynomials import P1, P2, cauchy_radius, distance, failure_radius

COEFFICIENTS = st.lists(st.floats(-5, 5, width=16), min_size=2, max_size=6)


@settings(max_examples=200, deadline=None)
@given(COEFFICIENTS, st.floats(-6, 0, width=16), st.floats(0, 6, width=16), st.floats(1e-6, 10))
def test_outside_beyond_the_radius_and_below_cauchy(coefficients, low, high, beyond):
    assume(any(coefficients[1:]))
    ceiling = Interval(low, high)
    radius = failure_radius(coefficients, ceiling)
    target(float(radius / cauchy_radius(coefficients, ceiling)))
    assert not radius > cauchy_radius(coefficients, ceiling)
    for x in (radius + arb(beyond), -radius - arb(beyond)):
        value = sum((arb(c) * x**i for i, c in enumerate(coefficients)), arb(0))
        assert distance(value, arb(low), arb(high)) > 0


def test_touching_root_counts():
    # p = (x - 3)² - 1 touches -1 at x = 3 and is >= -1: the ceiling [-1, -1] is met at 3 only
    assert failure_radius((8.0, -6.0, 1.0), Interval(-1.0, -1.0)).contains(arb(3))


def test_no_root_no_radius():
    assert failure_radius((5.0, 0.0, 1.0), Interval(-1.0, 1.0)) == 0


def test_constant_is_refused():
    with pytest.raises(TheoryError, match="constant"):
        failure_radius((1.0, 0.0), Interval(-1.0, 1.0))


def test_radius_agrees_with_mpmath():
    coefficients = (0.3, -1.2, 0.0, 2.5)
    with mpmath.workdps(40):
        roots = [
            abs(r.real)
            for level in (-2.0, 3.0)
            for r in mpmath.polyroots([2.5, 0, -1.2, mpmath.mpf(0.3) - level])
            if abs(r.imag) < 1e-30
        ]
    ours = failure_radius(coefficients, Interval(-2.0, 3.0))
    assert abs(float(ours) - float(max(roots))) < 1e-14


def test_distance_is_the_pointwise_distance():
    rng = np.random.default_rng(0)
    for value in rng.normal(size=50) * 4:
        exact = float(distance(arb(value), arb(-1), arb(2)))
        assert exact == pytest.approx(abs(value - min(max(value, -1), 2)), abs=1e-15)


def test_infinite_ends_of_a_ceiling():
    line, square = (0.0, 1.0), (0.0, 0.0, 1.0)
    for ceiling in (
        Interval(-math.inf, 1.0),
        Interval(-1.0, math.inf),
        Interval(-math.inf, math.inf),
    ):
        assert not failure_radius(line, ceiling).is_finite()
    assert failure_radius(square, Interval(-math.inf, 4.0)).contains(arb(2))
    assert not failure_radius(square, Interval(-1.0, math.inf)).is_finite()
    assert failure_radius((0.0, 0.0, -1.0), Interval(-9.0, math.inf)).contains(arb(3))


def test_coefficients_that_are_no_numbers_are_refused():
    for bad in ((0.0, math.nan), (math.inf, 1.0)):
        for radius in (failure_radius, cauchy_radius):
            with pytest.raises(TheoryError, match="finite"):
                radius(bad, Interval(-1.0, 1.0))
    with pytest.raises(TheoryError, match="constant"):
        cauchy_radius((0.0,), Interval(-1.0, 1.0))


def test_extreme_coefficients():
    huge = failure_radius((1e300, -1e-300, 0.0, 5e-324), Interval(-1e-300, 1e308))
    assert huge.is_finite() and huge > 0


def test_numbers_of_monomials_under_a_ceiling(random_weights):
    """c x^k = B± at |x| = (|B|/c)^(1/k), for even k only if B >= 0; |y - p| >= p - B+ above."""
    weights = random_weights()
    ceiling = readout_ceiling(weights)
    found = P1.evaluate(weights)
    names = {"x": (1, 1), "2x": (2, 1), "x²": (1, 2), "x³": (1, 3)}
    assert set(found) == {f"failure radius of p = {name}" for name in names}
    for name, (c, k) in names.items():
        level = max(ceiling.high, 0.0) if k == 2 else ceiling.magnitude
        exact = (level / c) ** (1 / k)
        assert found[f"failure radius of p = {name}"].midpoint == pytest.approx(exact, rel=1e-12)
    errors = P2.evaluate(weights)
    for value in (3, 10, 100):
        gap = max(value - ceiling.high, ceiling.low - value, 0.0)
        assert errors[f"error at p(x) = {value}, at least"].midpoint == pytest.approx(gap)
