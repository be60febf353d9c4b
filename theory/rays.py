"""L4: what a residual far out on a ray looks like after LayerNorm, and what is read out of it.

m = P(t v + r) = M v^ + q with M = |t||Pv|, v^ = sign(t) Pv/|Pv|, |q| <= r0 (RMSNorm: P -> I).
"""

import sympy as sp
from flint import arb

from theory.errors import TheoryError
from theory.interval import Interval
from theory.layernorm import (
    LAGRANGE,
    needs_sphere,
    readout_centre,
    readout_direction,
    readout_radius,
)
from theory.linear import Vector, centre, dot, norm, root, vector
from theory.steps import identity, nonnegative, sum_of_squares
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Weights


def turning_sine(length: arb, rho: arb) -> arb:
    """sin theta = rho / M; TheoryError unless rho < M certainly: nearer in, every direction."""
    if not rho < length:
        raise TheoryError(f"the rest ({rho}) is not shorter than the ray ({length}): no direction")
    return rho / length


def chord(sine: arb) -> arb:
    """2 sin(theta/2) = sin theta sqrt(2/(1 + cos theta)) for theta in [0, pi/2]."""
    return sine * (2 / (1 + root(1 - sine**2))).sqrt()


def ray_distance(d: int, length: arb, r0: arb, eps: arb) -> arb:
    """(a): |z - sqrt(d) v^| <= 2 sqrt(d) sin(theta/2), sin theta = sqrt(r0² + d eps)/M."""
    return arb(d).sqrt() * chord(turning_sine(length, (r0**2 + d * eps).sqrt()))


def ray_distance_small_eps(d: int, length: arb, r0: arb, eps: arb) -> arb:
    """(b): sqrt(d) hypot(2 sin(theta0/2), 1 - kappa0), sin theta0 = r0/M: second order in eps."""
    near, turned = length - r0, chord(turning_sine(length, r0))
    lost = 1 - near / (near**2 + d * eps).sqrt()
    return (d * (turned**2 + lost**2)).sqrt()


def ray_cap(radius: arb, along: arb, sine: arb) -> tuple[arb, arb]:
    """(c): ends of R [cos(min(pi, al + theta)), cos(max(0, al - theta))], along = R cos(al)."""
    cos = root(1 - sine**2)
    turned = root(radius**2 - along**2) * sine
    # al >= theta and al <= pi - theta, certainly; otherwise the cap may hold a pole
    high = along * cos + turned if along < radius * cos else radius
    low = along * cos - turned if along > -radius * cos else -radius
    return low, high


def query_ray(weights: Weights) -> Vector:
    """P w_in (RMSNorm: w_in), as the final norm sees it."""
    w_in = vector(weights.read_in)
    return centre(w_in) if weights.final_norm.kind == "layernorm" else w_in


def needs_query_ray(weights: Weights) -> str | None:
    """None, or why the query has no direction in what the final norm sees."""
    if (reason := needs_sphere(weights)) is not None:
        return reason
    if not norm(query_ray(weights)) > 0:
        return "|P w_in| = 0: the final norm does not see the query's value at all"
    return None


def read_along_ray(weights: Weights) -> arb:
    """R cos(al), al the angle of a and P w_in: y_inf(+) - c."""
    ray = query_ray(weights)
    return arb(weights.width).sqrt() * dot(readout_direction(weights), ray) / norm(ray)


def evaluate(weights: Weights) -> dict[str, Interval]:
    """(a) and (c) on the query's ray at sin theta = 1/10 and 1/100."""
    c, radius, along = readout_centre(weights), readout_radius(weights), read_along_ray(weights)
    found = {"y_inf(+) - c": Interval.enclose(along)}
    for part in (10, 100):
        sine = arb(1) / part
        far = arb(weights.width).sqrt() * chord(sine)
        found[f"|z - sqrt(d) v^| at sin theta = 1/{part}"] = Interval.enclose(arb(0), far)
        for sign, name in ((1, "+"), (-1, "-")):
            low, high = ray_cap(radius, sign * along, sine)
            found[f"y at sin theta = 1/{part}, x_q {name}"] = Interval.enclose(c + low, c + high)
    return found


def turning_gap(factor: sp.Expr) -> bool:
    """f² rho²|m~|² - M²|p'|² >= 0 for m~ = M e + p, p = α e + p', rho² = |p|²: sin <= rho/M.

    p' = β across and the appended coordinate h = sqrt(d eps); at f = 1 it is
    (α(M + α) + β² + h²)².
    """
    big, alpha, beta, h = sp.symbols("M α β h", real=True)
    rest = beta**2 + h**2
    gap = factor**2 * (alpha**2 + rest) * ((big + alpha) ** 2 + rest) - big**2 * rest
    return sum_of_squares(gap, [(sp.Integer(1), alpha * (big + alpha) + rest)])


def projection_gap(factor: sp.Expr) -> bool:
    """factor (|x|² + t²) - |x|² = t²: leaving out the appended coordinate brings nothing apart."""
    x, t = sp.symbols("x0:3", real=True), sp.Symbol("t", real=True)
    size = sum((v**2 for v in x), sp.Integer(0))
    return sum_of_squares(factor * (size + t**2) - size, [(sp.Integer(1), t)])


PHI, KAPPA = sp.symbols("phi kappa", positive=True)


def shrink_gap(factor: sp.Expr) -> bool:
    """f t/2 - (1 - 1/sqrt(1 + t)) >= 0: with sqrt(1 + t) = 1 + g it is g²(g + 3)/(2(1 + g))."""
    s = 1 + sp.Symbol("g", nonnegative=True)
    return nonnegative(factor * (s**2 - 1) / 2 - 1 + 1 / s)


def resolved() -> bool:
    """a.u = (a.v^)(u.v^) + a'.u', a' = a - (a.v^)v^: so |cos(a,u) - cos cos| <= sin sin.

    With |v|² a' in place of a' both sides are polynomials: times |v|^4.
    """
    a, u, v = (sp.symbols(f"{name}0:3", real=True) for name in "auv")

    def inner(p, q):
        return sum((x * y for x, y in zip(p, q, strict=True)), sp.Integer(0))

    size = inner(v, v)
    across = [[size * x - inner(p, v) * y for x, y in zip(p, v, strict=True)] for p in (a, u)]
    along = size * inner(a, v) * inner(u, v)
    return identity(size**2 * inner(a, u), along + inner(across[0], across[1]))


def cap_ends() -> bool:
    """cos(al - th) = cos al cos th + sin al sin th, the end of the cap."""
    al, th = sp.symbols("al th", real=True)
    return identity(
        sp.expand_trig(sp.cos(al - th)), sp.cos(al) * sp.cos(th) + sp.sin(al) * sp.sin(th)
    )


def cap_length(factor: sp.Expr) -> bool:
    """cos(al - th) - cos(al + th) = factor 2 sin al sin th."""
    al, th = sp.symbols("al th", real=True)
    gap = sp.cos(al - th) - sp.cos(al + th)
    return identity(sp.expand_trig(gap), factor * 2 * sp.sin(al) * sp.sin(th))


def scale_identity() -> bool:
    """LN_eps(A h + B 1) = LN_(eps/A²)(h), A > 0: same sign, same square."""
    scale, shift, eps = sp.symbols("A B eps", positive=True)
    for d in (2, 3, 4):
        h = sp.symbols(f"h0:{d}", real=True)
        mean = sp.Add(*h) / d
        m = [x - mean for x in h]
        moved = [scale * x + shift for x in h]
        moved = [x - sp.Add(*moved) / d for x in moved]
        s = sum(x**2 for x in m) / d
        left, right = (scale**2 * s + eps), (s + eps / scale**2)
        if not all(identity(p, scale * q) for p, q in zip(moved, m, strict=True)):
            return False
        if not identity(scale**2 * right, left):
            return False
    return True


def tangent(sine: arb, side: int = 1) -> tuple[Vector, Vector]:
    """(v^, z/sqrt(d)) in the plane of v^ and o: the residual on the tangent from 0 to the ball.

    m = M cos(theta) (cos(theta) v^ ± sin(theta) o); q = m - M v^ has |q| = M sin(theta), q.m = 0.
    """
    cos, big = root(1 - sine**2), arb(10)
    m = [big * cos * cos, side * big * cos * sine]
    return [arb(1), arb(0)], [x / norm(m) for x in m]


def tangent_distance(second: bool) -> Attainment:
    """eps = 0: |z - sqrt(d) v^| on the tangent, beside (a) or (b); d = 3, sin theta = 1/4."""
    sine, d = arb(1) / 4, 3
    axis, z = tangent(sine)
    reached = arb(d).sqrt() * norm([p - q for p, q in zip(z, axis, strict=True)])
    form = ray_distance_small_eps if second else ray_distance
    return Attainment(reached, form(d, arb(10), 10 * sine, arb(0)))


def tangent_span(power: int = 1) -> Attainment:
    """eps = 0: y on the two tangents differs by 2 R sin(al)^power sin(theta) iff power = 1."""
    sine, a = arb(1) / 4, [arb(3) / 5, arb(4) / 5]
    ends = [dot(a, tangent(sine, side)[1]) for side in (1, -1)]
    return Attainment(ends[0] - ends[1], 2 * a[1] ** power * sine)


def half_the_chord_is_refuted() -> bool:
    """|z - sqrt(d) v^| <= sqrt(d) sin(theta/2) fails on the tangent."""
    reached = tangent_distance(second=False)
    return bool(reached.attained > reached.bound / 2)


def ray_formula() -> sp.Basic:
    """|z - √d v^| ≤ 2√d sin(θ/2), sin θ = sqrt(r0² + dε)/M."""
    z, axis, d, r0, eps, big = sp.symbols("z v^ d r0 ε M", positive=True)
    theta = sp.asin(sp.sqrt(r0**2 + d * eps) / big)
    return sp.Le(sp.Abs(z - sp.sqrt(d) * axis), 2 * sp.sqrt(d) * sp.sin(theta / 2))


L4 = Theorem(
    "L4",
    "ray limit",
    "m = P(tv + r) = M v^ + q, |q| ≤ r0. (a) if rho~² = r0² + d eps < M², sin theta = rho~/M: "
    "|z - sqrt(d) v^| ≤ 2 sqrt(d) sin(theta/2). (b) if r0 < M, sin theta0 = r0/M: it is ≤ sqrt(d) "
    "hypot(2 sin(theta0/2), 1 - kappa0), kappa0 = (M-r0)/sqrt((M-r0)² + d eps), 1 - kappa0 ≤ "
    "d eps/(2(M-r0)²). (c) y in c + R [cos(min(pi, al+theta)), cos(max(0, al-theta))], al the angle"
    " of a and v^; no smaller interval for eps = 0, d ≥ 3; 2R sin(al) sin(theta) long when theta ≤ "
    "min(al, pi-al). Scale: LN_eps(A h + B 1) = LN_(eps/A²)(h) for A > 0, every eps",
    assumptions=("final LayerNorm (RMSNorm: P -> I)", "|Pv| > 0", "(c): a ≠ 0, or R = 0 and y = c"),
    needs=("L1", "L2"),
    source="this work",
    tight=True,
    formula=ray_formula,
    steps=(
        Step("sin angle(m~, v^) ≤ |m~ - M v^|/M, m~ = (m, sqrt(d eps))", turning_gap, True),
        Step(
            "two unit vectors at an angle phi are 2 sin(phi/2) apart",
            lambda f: identity(2 - 2 * sp.cos(PHI), f * 4 * sp.sin(PHI / 2) ** 2),
            True,
        ),
        Step("z = sqrt(d) first block of m~/|m~|: dropping is a contraction", projection_gap, True),
        Step(
            "(b) |kappa u - v|² = (1-kappa)² + 4 kappa sin²(phi/2) for unit u, v",
            lambda f: identity(
                (KAPPA * sp.cos(PHI) - 1) ** 2 + KAPPA**2 * sp.sin(PHI) ** 2,
                (1 - KAPPA) ** 2 + f * 4 * KAPPA * sp.sin(PHI / 2) ** 2,
            ),
            True,
        ),
        Step("(b) 1 - 1/sqrt(1+t) ≤ t/2", shrink_gap, True),
        Step("(c) a.u = (a.v^)(u.v^) + a'.u'", lambda f: resolved()),
        LAGRANGE,
        Step("(c) the farthest directions of the cap are at al ± theta", lambda f: cap_ends()),
        Step("(c) cos(al-theta) - cos(al+theta) = 2 sin al sin theta", cap_length, True),
        Step("P(A h + B 1) = A P h, A² s + eps = A²(s + eps/A²)", lambda f: scale_identity()),
    ),
    evaluate=evaluate,
    applies=needs_query_ray,
    witnesses=(
        Witness("(a): the tangent from 0 to the ball, eps = 0", lambda: tangent_distance(False)),
        Witness("(b): the same tangent", lambda: tangent_distance(True)),
        Witness("(c): both tangents span 2R sin(al) sin(theta)", tangent_span),
    ),
    mutants=(
        Mutant("2 sin(theta/2) -> sin(theta/2)", half_the_chord_is_refuted),
        Mutant("sin(al) -> sin(al)²", lambda: tangent_span(2).refutes()),
    ),
)
