"""E(p(x) - B)_+² of a random polynomial p, enclosed: the integral behind P3.

p(x) = Σ_(i≤k) c_i x^i, the c_i independent and symmetric, x symmetric, so x > 0 is enough.
Units: B in values, a and g in coefficients, s in inputs.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from itertools import product
from math import factorial

from flint import acb, arb, ctx, fmpq, fmpz, fmpz_poly

from theory.errors import TheoryError
from theory.interval import Interval

# Bits of the answer that must be certain relative to E p²; more working bits are used if needed.
ACCURACY = 60


def even_moment(i: int, scale: arb, law: str) -> arb:
    """E x^(2i) for x uniform on (-scale, scale) or normal with standard deviation scale."""
    if law == "uniform":
        return scale ** (2 * i) / (2 * i + 1)
    return scale ** (2 * i) * factorial(2 * i) / (2**i * factorial(i))


def second_moment(
    degree: int,
    coefficient_scale: float,
    x_scale: float,
    coefficients: str = "uniform",
    x: str = "uniform",
) -> Interval:
    """E p(x)² = Var c Σ_(i≤k) E x^(2i): the error of the model that always says 0."""
    return Interval.enclose(
        square_mean(degree, arb(coefficient_scale), arb(x_scale), coefficients, x)
    )


def square_mean(degree: int, a: arb, s: arb, coefficients: str, x: str) -> arb:
    """E p(x)² as a ball."""
    for law in (coefficients, x):
        if law not in ("uniform", "normal"):
            raise TheoryError(f"law {law!r} is unknown here: uniform or normal")
    if degree < 0 or not (a > 0 and s > 0 and a.is_finite() and s.is_finite()):
        raise TheoryError(f"degree {degree}, scales {a}, {s}: need degree ≥ 0 and scales > 0")
    powers = sum((even_moment(i, s, x) for i in range(degree + 1)), arb(0))
    return even_moment(1, a, coefficients) * powers


@cache
def excess(degree: int, bound: float, a: float, s: float, coefficients: str, x: str) -> arb:
    """Psi(B) = E(p(x) - B)_+², B = bound any double (inf: 0), to about ACCURACY bits of E p²."""
    size = square_mean(degree, arb(a), arb(s), coefficients, x)
    if abs(bound) == float("inf"):
        return arb(0) if bound > 0 else arb.pos_inf()
    if coefficients == "normal":
        return normal_excess(degree, arb(bound), arb(a), arb(s), x)
    if x != "uniform":
        raise TheoryError("uniform coefficients with normal x: no exact integral is implemented")
    level = Fraction(bound) / Fraction(a)
    kept = ctx.prec
    try:
        while True:
            value = uniform_excess(degree, level, arb(s)) * arb(a) ** 2
            if value.rad() < (size + arb(bound) ** 2) / 2**ACCURACY:
                return value
            ctx.prec *= 2
    finally:
        ctx.prec = kept


def signed_powers(degree: int, level: Fraction) -> list[tuple[fmpz_poly, fmpz_poly]]:
    """(q, prod(sig) q^(k+3)) for every sign vector: q = D (Σ sig_i x^i - B), D B an integer."""
    found = []
    for signs in product((1, -1), repeat=degree + 1):
        parity = 1 if signs.count(-1) % 2 == 0 else -1
        q = fmpz_poly([level.denominator * sign for sign in signs])
        q = q - fmpz(level.numerator)
        found.append((q, parity * q ** (degree + 3)))
    return found


def real_roots(polynomial: fmpz_poly) -> list[arb]:
    """Enclosures of the real roots; flint gives a real root an imaginary part of exactly 0."""
    if polynomial.degree() < 1:
        return []
    found = polynomial.complex_roots()
    return [root.real for root, _multiplicity in found if root.imag == 0]  # type: ignore[misc]


def breakpoints(polynomials: list[fmpz_poly], s: arb) -> list[tuple[arb, arb]]:
    """Disjoint intervals in (0, s), in order, that hold every real root there of every q.

    Roots that cannot be told apart share one interval.
    """
    roots = [root for q in polynomials for root in real_roots(q)]
    balls = [(x.lower(), x.upper()) for x in roots if x.upper() > 0 and x.lower() < s]
    balls.sort(key=lambda ends: fmpq(*mantissa(ends[0])))
    merged: list[tuple[arb, arb]] = []
    for low, high in balls:
        if merged and not low > merged[-1][1]:
            low = merged[-1][0]
            high = max_of(high, merged.pop()[1])
        merged.append((low, high))
    return [(max_of(low, arb(0)), -max_of(-high, -s)) for low, high in merged]


def mantissa(x: arb) -> tuple[fmpz, fmpz]:
    """An exact ball as numerator and denominator."""
    m, e = x.man_exp()
    return (m * fmpz(2) ** e, fmpz(1)) if e >= 0 else (m, fmpz(2) ** (-e))


def max_of(x: arb, y: arb) -> arb:
    """The larger of two exact balls."""
    return x if x > y else y


def uniform_excess(degree: int, level: Fraction, s: arb) -> arb:
    """Psi(B) for c_i ~ U(-1, 1), x ~ U(-s, s), B = level, s an exact ball.

    Given x > 0 it is 2/((k+3)! Π 2x^i) Σ_sig prod(sig) (Σ sig_i x^i - B)_+^(k+3): between two roots
    of the inner polynomials a Laurent polynomial with rational coefficients, integrated exactly.
    """
    powers = signed_powers(degree, level)
    gaps = breakpoints([q for q, _ in powers], s)
    lows = [arb(0), *(high for _, high in gaps)]
    highs = [*(low for low, _ in gaps), s]
    total = arb(0)
    for low, high in zip(lows, highs, strict=True):
        if high > low:
            total += piece(powers, degree, low, high)
    constant = 2 / arb(factorial(degree + 3) * 2 ** (degree + 1))
    total *= constant / arb(level.denominator) ** (degree + 3)
    # across an enclosure of breakpoints: 0 <= Psi(B | x) <= E p² + B² there
    ceiling = square_mean(degree, arb(1), s, "uniform", "uniform") * (2 * degree + 1)
    ceiling += arb(fmpq(level.numerator, level.denominator)) ** 2
    unknown = sum((high - low for low, high in gaps), arb(0)) * ceiling
    return (total + arb(0).union(unknown)) / s


def piece(powers: list[tuple[fmpz_poly, fmpz_poly]], degree: int, low: arb, high: arb) -> arb:
    """∫ Σ_(q > 0) prod(sig) q^(k+3) / x^(k(k+1)/2) over [low, high], free of roots inside."""
    inside = fmpq(*mantissa(((low + high) / 2).mid()))
    numerator = sum((power for q, power in powers if q(inside) > 0), fmpz_poly([]))
    shift = degree * (degree + 1) // 2
    return antiderivative(numerator, shift, high) - antiderivative(numerator, shift, low)


def antiderivative(numerator: fmpz_poly, shift: int, x: arb) -> arb:
    """Σ c_j x^(j-shift+1)/(j-shift+1), the term j = shift - 1 being c_j ln x; at 0 its limit."""
    total = arb(0)
    for j, coefficient in enumerate(numerator.coeffs()):
        power = j - shift + 1
        if coefficient == 0 or (x == 0 and power > 0):
            continue
        total += coefficient * (x.log() if power == 0 else x**power / power)
    return total


def normal_excess(degree: int, bound: arb, g: arb, s: arb, x: str) -> arb:
    """Psi(B) for c_i ~ N(0, g²): the mean over x of (v+B²) Phi(-B/√v) - B √v phi(B/√v)."""

    def given(t: acb, analytic: bool) -> acb:
        v = g**2 * sum((t ** (2 * i) for i in range(degree + 1)), acb(0))
        deviation = v.sqrt(analytic=analytic)
        z = bound / deviation
        density = (-(z**2) / 2).exp() / (2 * arb.pi()).sqrt()
        return (v + bound**2) * (z / arb(2).sqrt()).erfc() / 2 - bound * deviation * density

    if x == "uniform":
        return integral(given, s) / s
    # the tail beyond 12 deviations holds at most E[v + B²; |x| > 12 s], by incomplete gammas
    tail = sum((tail_moment(i, s) for i in range(degree + 1)), arb(0)) * g**2
    tail += bound**2 * tail_moment(0, s)
    weighted = integral(lambda t, a: given(t, a) * (-((t / s) ** 2) / 2).exp(), CUT * s)
    return weighted * 2 / (s * (2 * arb.pi()).sqrt()) + arb(0).union(tail.upper())


CUT = 12


def tail_moment(i: int, s: arb) -> arb:
    """E[x^(2i); |x| > CUT s] for x ~ N(0, s²): (2s²)^i Gamma(i + 1/2, CUT²/2) / sqrt(pi)."""
    half = arb(CUT**2) / 2
    return (2 * s**2) ** i * half.gamma_upper(arb(i) + arb(1) / 2) / arb.pi().sqrt()


def integral(integrand: Callable[[acb, bool], acb], end: arb) -> arb:
    """∫ from 0 to end, enclosed."""
    return acb.integral(integrand, acb(0), acb(end), rel_tol=arb(2) ** -(ACCURACY + 8)).real
