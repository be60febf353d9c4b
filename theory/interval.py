"""Intervals of floats that enclose exact reals: floats enter exactly and leave rounded outward.

All rigorous arithmetic is python-flint's ``arb`` (a ball: midpoint and radius, every operation
outward). ``Interval`` is how a certified number leaves: two doubles with the exact value between.
"""

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context

from flint import arb, ctx

from theory.errors import TheoryError

# Any precision is sound; 128 bits keep the balls of a 12-layer network far below one double ulp.
ctx.prec = 128


def down(x: arb) -> float:
    """Largest double found that is certainly <= every point of the ball x (±inf allowed)."""
    lower = x.lower()
    if lower.is_nan():
        return -math.inf
    value = float(lower)
    while arb(value) > lower:
        value = math.nextafter(value, -math.inf)
    return value


def up(x: arb) -> float:
    """Smallest double found that is certainly >= every point of the ball x (inf allowed)."""
    # + 0.0: an end at zero is 0, not -0
    return -down(-x) + 0.0


def decimal(value: float, rounding: str) -> str:
    """Seven significant digits, rounded in the direction given."""
    if not math.isfinite(value):
        return str(value)
    return f"{float(Context(prec=7, rounding=rounding).create_decimal(value)):.7g}"


@dataclass(frozen=True)
class Interval:
    """Closed interval [low, high] of doubles; infinite ends say "no bound on this side"."""

    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse NaN and an empty interval: a bound is sound or absent."""
        if math.isnan(self.low) or math.isnan(self.high) or self.low > self.high:
            raise TheoryError(f"[{self.low}, {self.high}] is not an interval")

    @classmethod
    def enclose(cls, *points: arb) -> "Interval":
        """Smallest Interval found that holds every ball given."""
        return cls(min(map(down, points)), max(map(up, points)))

    @property
    def width(self) -> float:
        """high - low, rounded up."""
        if self.low == self.high:
            return 0.0
        return math.nextafter(self.high - self.low, math.inf)

    @property
    def midpoint(self) -> float:
        """(low + high) / 2 to rounding: a place inside, not a bound."""
        return self.low / 2 + self.high / 2

    @property
    def radius(self) -> float:
        """Half the width, rounded up: every point lies within it of ``midpoint`` to rounding."""
        return self.width / 2

    @property
    def magnitude(self) -> float:
        """max |x| over the interval."""
        return max(abs(self.low), abs(self.high))

    def __contains__(self, value: float) -> bool:
        """Whether the double lies in the interval (NaN never does)."""
        return self.low <= value <= self.high

    def __and__(self, other: "Interval") -> "Interval":
        """What lies in both: two bounds of one number; TheoryError if nothing does."""
        return Interval(max(self.low, other.low), min(self.high, other.high))

    def widened(self, slack: float) -> "Interval":
        """[low - slack, high + slack], rounded outward; slack >= 0 is a derived rounding bound."""
        return Interval.enclose(arb(self.low) - arb(slack), arb(self.high) + arb(slack))

    def shrunk(self, share: float) -> "Interval":
        """The mutant: the same centre, (1 - share) of the width (share = 0 changes nothing)."""
        if share == 0:
            return self
        kept = (1 - share) * self.radius
        return Interval(self.midpoint - kept, self.midpoint + kept)

    def excess(self, value: float) -> float:
        """How far the value lies outside (0 inside; inf for NaN, which no interval holds)."""
        if math.isnan(value):
            return math.inf
        return max(self.low - value, value - self.high, 0.0)

    def __str__(self) -> str:
        """[low, high] to seven digits, rounded outward; one number where the two agree to six."""
        if self.low == self.high or self.high - self.low <= 1e-6 * self.magnitude < math.inf:
            return f"{self.midpoint:.7g}"
        return f"[{decimal(self.low, ROUND_FLOOR)}, {decimal(self.high, ROUND_CEILING)}]"
