"""P3 against sampling, mpmath and its own identities."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.errors import TheoryError
from theory.excess import excess, second_moment, uniform_excess
from theory.floor import (
    error_floor,
    linear_excess,
    plateau_error,
    relative_floor,
    third_moment,
)
from theory.interval import Interval

CEILING = Interval(-2.3, 2.7)


def sampled(degree, law, a, s, x="uniform", n=200_000, seed=0):
    rng = np.random.default_rng(seed)
    c = (
        rng.uniform(-a, a, (n, degree + 1))
        if law == "uniform"
        else a * rng.normal(size=(n, degree + 1))
    )
    points = rng.uniform(-s, s, n) if x == "uniform" else s * rng.normal(size=n)
    return (c * points[:, None] ** np.arange(degree + 1)).sum(1), points


@pytest.mark.parametrize("law", ["uniform", "normal"])
@pytest.mark.parametrize("degree", range(0, 7))
@pytest.mark.parametrize(
    ("low", "high", "s"), [(-2.3, 2.7, 3.0), (0.4, 0.9, 1.5), (-0.1, 0.0, 0.7)]
)
def test_floor_agrees_with_sampling(degree, law, low, high, s):
    p, _ = sampled(degree, law, 1.3, s)
    squares = np.maximum(np.maximum(p - high, low - p), 0) ** 2
    floor = error_floor(Interval(low, high), degree, 1.3, s, law)
    assert abs(squares.mean() - floor.midpoint) <= 5 * squares.std() / math.sqrt(p.size)
    assert floor.width <= 1e-12 * floor.magnitude + 1e-300


@pytest.mark.parametrize("degree", [1, 3])
def test_normal_inputs(degree):
    p, _ = sampled(degree, "normal", 2.0, 1.5, "normal")
    squares = np.maximum(np.maximum(p - 2.7, -2.3 - p), 0) ** 2
    floor = error_floor(CEILING, degree, 2.0, 1.5, "normal", "normal")
    assert abs(squares.mean() - floor.midpoint) <= 6 * squares.std() / math.sqrt(p.size)
    assert floor.width <= 1e-12 * floor.high


def test_degree_one_is_the_closed_form():
    # the two offsets (B/a ± 1)/s: below 0, at 0, in (0, 1), one beyond 1, both
    inside, across = ((0.3, 1.0, 0.5), (-1.7, 0.6, 20.0), (1.0, 1.0, 3.0)), ((2.0, 1.0, 2.0),)
    for bound, a, s in (*inside, *across, (2.5, 2.5, 1.0), (7.0, 1.0, 6.0)):
        exact = excess(1, bound, a, s, "uniform", "uniform")
        assert exact.overlaps(linear_excess(arb(bound), arb(a), arb(s)))


def test_degree_two_agrees_with_mpmath():
    bound, s = 0.75, 2.0

    def given_x(x):
        total = mpmath.mpf(0)
        for signs in ((a, b, c) for a in (1, -1) for b in (1, -1) for c in (1, -1)):
            inner = sum(sign * x**i for i, sign in enumerate(signs)) - bound
            total += math.prod(signs) * max(inner, 0) ** 5
        return total * 2 / (mpmath.factorial(5) * 8 * x**3)

    with mpmath.workdps(30):
        cuts = [mpmath.mpf("1e-3"), 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]
        second = mpmath.quad(given_x, cuts)
        # below 1e-3 the integrand is Psi(B|0) + O(x²)
        second += mpmath.mpf("1e-3") * mpmath.mpf((1 - bound) ** 3) / 6
        ours = excess(2, bound, 1.0, s, "uniform", "uniform")
        assert abs(mpmath.mpf(float(ours)) - second / s) < 1e-6


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 4),
    st.floats(-8, 8),
    st.floats(0.1, 4),
    st.floats(0.1, 50),
    st.sampled_from(["uniform", "normal"]),
)
def test_reflection_and_order(degree, bound, a, s, law):
    up, down = (excess(degree, b, a, s, law, "uniform") for b in (bound, -bound))
    moment = second_moment(degree, a, s, law)
    whole = arb(moment.low).union(arb(moment.high)) + arb(bound) ** 2
    assert (up + down).overlaps(whole)
    assert not up < 0
    assert not excess(degree, bound + 0.5, a, s, law, "uniform") > up
    target(float(up.rad()) / moment.high)
    assert float(up.rad()) <= 2.0**-55 * (moment.high + bound**2)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.floats(-3, 0), st.floats(0, 3), st.floats(0.2, 1e4))
def test_ratio_meets_one_at_the_proved_rate(degree, low, high, s):
    ceiling = Interval(low, high)
    floor, moment = relative_floor(ceiling, degree, 1.0, s), second_moment(degree, 1.0, s)
    lost = 1 - floor.high
    allowed = 2 * ceiling.magnitude / math.sqrt(moment.low)
    target(lost / (allowed + 1e-9))
    assert lost <= allowed * (1 + 2**-40) + 2**-50


def test_ceiling_that_covers_the_class_has_no_floor():
    assert error_floor(Interval(-2.0, 2.0), 1, 1.0, 1.0) == Interval(0.0, 0.0)
    assert error_floor(Interval(-math.inf, math.inf), 3, 1.0, 9.0) == Interval(0.0, 0.0)


def test_common_roots_of_many_signs_are_enclosed():
    # at level 1 and x = 1 half of the inner polynomials vanish together
    floor = error_floor(Interval(-1.0, 1.0), 5, 1.0, 1.5)
    assert floor.width <= 1e-12 * floor.high


def test_plateau_prediction_is_its_own_error():
    p, x = sampled(3, "uniform", 1.0, 2.0)
    squares = (p - np.where(x > 0, 0.4, -0.3)) ** 2
    predicted = plateau_error(Interval(-0.3, -0.3), Interval(0.4, 0.4), 3, 1.0, 2.0)
    assert abs(squares.mean() - predicted.midpoint) <= 4 * squares.std() / math.sqrt(p.size)


def test_unknown_laws_are_refused():
    with pytest.raises(TheoryError, match="cauchy"):
        error_floor(CEILING, 1, 1.0, 1.0, "cauchy")
    with pytest.raises(TheoryError, match="normal x"):
        error_floor(CEILING, 1, 1.0, 1.0, "uniform", "normal")
    with pytest.raises(TheoryError, match="scales"):
        second_moment(1, 0.0, 1.0)
    for bad in (math.inf, math.nan, -1.0):
        with pytest.raises(TheoryError, match="scales"):
            error_floor(CEILING, 1, 1.0, bad)


def test_third_moment_at_every_place():
    """m3(o) = (1/8) ∫_o^1 (u - o)^4/u du, and 1/32, 0 and the reflection outside (0, 1)."""
    # by hand: (1/4 - 2/3 + 3/4 - 1/2 + (25/12 + ln 2)/16)/8
    half = (arb(2).log() / 16 - arb(7) / 192) / 8
    assert third_moment(arb(1) / 2).overlaps(half)
    assert third_moment(arb(-1) / 2).overlaps(half + arb(1) / 8 + arb(1) / 6)
    assert third_moment(arb(0)) == arb(1) / 32 and third_moment(arb(2)) == 0
    for o in (0.01, 0.3, 0.99):
        with mpmath.workdps(30):
            whole = mpmath.quad(lambda u, o=o: (u - mpmath.mpf(o)) ** 4 / u, [o, 1])
        assert abs(float(8 * third_moment(arb(o))) - float(str(whole))) < 1e-14


def test_a_line_that_leaves_at_its_corners_only():
    """c_0 + c_1 x, all of U(-1, 1), above 1: given u = c_1 x > 0 the mean over c_0 is u³/6, and u
    has density -(ln u)/2 on (0, 1), so E(c_0 + c_1 x - 1)_+² = ∫ u³(-ln u)/12 du = 1/192.
    """
    assert abs(error_floor(Interval(-9.0, 1.0), 1, 1.0, 1.0).midpoint - 1 / 192) < 1e-15


@pytest.mark.parametrize("level", [0, -5])
def test_breakpoints_that_cannot_be_told_apart_are_paid_for(monkeypatch, level):
    """c_0 + c_1 x, all of U(-1, 1), |p| <= 2: half of E p² = 4/9 at B = 0, E(p + 5)² = 25 + 4/9 at
    B = -5, whatever gap of x is left out.
    """
    gap = [(arb(1) / 4, arb(3) / 4)]
    monkeypatch.setattr("theory.excess.breakpoints", lambda polynomials, s: gap)
    found = uniform_excess(1, Fraction(level), arb(1))
    assert found.contains(arb(4) / 9 + 25 if level else arb(2) / 9) and found.rad() < 20
