"""P4: exact learners at hostile points, Chebyshev against random bounded polynomials."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.errors import TheoryError
from theory.exact_learners import P4, chebyshev, interpolate, posterior_mean, safe_radius
from theory.interval import Interval

NUMBERS = st.fractions(min_value=-50, max_value=50, max_denominator=40)


@settings(max_examples=150, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=6), st.data())
def test_interpolation_is_exact_at_every_scale(coefficients, data):
    count = len(coefficients)
    xs = data.draw(st.lists(NUMBERS, min_size=count, max_size=count, unique=True))
    scale = Fraction(10) ** data.draw(st.integers(-30, 30))
    query = data.draw(NUMBERS) * 10**9

    def p(x):
        return sum((c * x**i for i, c in enumerate(coefficients)), Fraction(0))

    xs = [scale * x for x in xs]
    assert interpolate(xs, [p(x) for x in xs], query) == p(query)


def test_repeated_points_are_refused():
    with pytest.raises(TheoryError, match="2 examples at 1 distinct"):
        interpolate([Fraction(1)] * 2, [Fraction(1)] * 2, Fraction(0))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=7), st.floats(1, 50))
def test_bounded_polynomials_stay_below_chebyshev(coefficients, x):
    p = np.polynomial.Chebyshev(coefficients)
    top = np.abs(p(np.cos(np.linspace(0, np.pi, 4001)))).max()
    if top < 1e-3:
        return
    # between the sample points |p| can be larger by at most its degree² (π/4000)²/2 of itself
    bound = float(chebyshev(len(coefficients) - 1, arb(x))) * top * (1 + 36 * 4e-7)
    target(float(abs(p(x)) / bound))
    assert abs(p(x)) <= bound


def test_chebyshev_agrees_with_mpmath():
    for degree in range(1, 8):
        for x in (1.0, 1.5, 40.0):
            with mpmath.workdps(40):
                exact = mpmath.chebyt(degree, mpmath.mpf(x))
                assert chebyshev(degree, arb(x)).overlaps(arb(mpmath.nstr(exact, 35), 1e-20))


def test_safe_radius_is_where_chebyshev_meets_the_ceiling():
    for degree in (1, 2, 5):
        radius = safe_radius(degree, Interval(-9.0, 4.0))
        assert chebyshev(degree, radius).overlaps(arb(4))
    assert safe_radius(3, Interval(-9.0, 0.5)) == 0
    assert safe_radius(3, Interval(2.0, 9.0)) == 0


def test_bayes_needs_all_the_points_and_the_support():
    x = [sp.Rational(1, 3), sp.Rational(-2), sp.Rational(5)]
    truth = [sp.Integer(1), sp.Integer(-4), sp.Rational(1, 7)]
    values = [sp.Add(*(c * a**i for i, c in enumerate(truth))) for a in x]
    wide, narrow = ([sp.Integer(v) for v in prior] for prior in ((1, 9, 100), (1, 9, 0)))
    assert posterior_mean(x, values, wide).flat() == truth
    assert posterior_mean(x[:2], values[:2], wide).flat() != truth
    # a prior variance 0 on x² is a support without p: two points give the line through them
    assert posterior_mean(x[:2], values[:2], narrow).flat()[2] == 0


def test_models_without_a_ceiling_get_the_growth_only(random_weights):
    bounded, free = random_weights(), random_weights(norm="none")
    assert len(P4.evaluate(bounded)) == 2 * len(P4.evaluate(free))
    assert P4.evaluate(free)["degree 5, |p| ≤ 1 on [-1, 1]: largest |p(2)|"].high < 362.001
