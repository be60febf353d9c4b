"""Doubles around balls, and how they are printed."""

import math

import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from theory import Interval, TheoryError
from theory.interval import down, up

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(FLOATS, st.floats(0, 1e300))
def test_ends_enclose_the_ball(middle, radius):
    ball = arb(middle, radius)
    assert arb(down(ball)) <= ball.lower() and arb(up(ball)) >= ball.upper()
    if radius == 0:
        assert down(ball) == up(ball) == middle


def test_infinite_balls_and_zeros():
    assert Interval.enclose(arb.pos_inf()) == Interval(math.inf, math.inf)
    assert Interval.enclose(arb.nan()) == Interval(-math.inf, math.inf)
    assert Interval.enclose(arb("1e400")).low == 1.7976931348623157e308
    assert math.copysign(1, Interval.enclose(arb(0)).high) == 1
    assert Interval(math.inf, math.inf).width == 0


@given(FLOATS, FLOATS)
def test_what_is_printed_encloses(x, y):
    low, high = min(x, y), max(x, y)
    shown = str(Interval(low, high))
    if shown.startswith("["):
        first, last = map(float, shown[1:-1].split(", "))
        assert first <= low and high <= last
    else:
        assert float(shown) == pytest.approx(low, rel=2e-6)


def test_printing_infinite_ends():
    assert str(Interval(-math.inf, math.inf)) == "[-inf, inf]"
    assert str(Interval(math.inf, math.inf)) == "inf"
    assert str(Interval(0.0, 0.0)) == "0"


def test_not_an_interval():
    for low, high in ((1.0, 0.0), (math.nan, 1.0)):
        with pytest.raises(TheoryError, match="not an interval"):
            Interval(low, high)
