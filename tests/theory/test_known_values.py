"""Small functions at values worked out by hand, and what a position after the query may change."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat

from theory.blindness import plain_spread, price
from theory.blindness import spread as capped_spread
from theory.blocks import residual_bound
from theory.collapse import odds_error, pole, pole_distance
from theory.errors import TheoryError
from theory.exact_learners import chebyshev, interpolate, safe_radius
from theory.fixed_slope import offset_band
from theory.functional import functional_band
from theory.growth import Derivation, derive
from theory.hull import expectile, mean_and_spread, shrunken_hull, sinh_hull
from theory.interval import Interval
from theory.layernorm import readout_radius
from theory.linear import add, centre, dot, hadamard, matrix, norm, root, times, vector
from theory.lipschitz import norm_lipschitz, speed_limit
from theory.plateau import far_radius, plateau, plateau_band
from theory.polynomials import (
    cauchy_radius,
    distance,
    failure_radius,
    integer_polynomial,
    largest_root,
    stays_inside,
)
from theory.rays import chord, ray_cap, ray_distance
from theory.saturation import saturation_bound
from theory.slope import global_slope, slope_band
from theory.weights import Norm

INF = float("inf")


def near(ball, value, rel=1e-12):
    assert float(ball) == pytest.approx(value, rel=rel, abs=1e-15)


def test_cauchys_radius_counts_every_coefficient_but_the_first():
    """1 + max(|c_0 - B-|, |c_0 - B+|, |c_1|, .., |c_(k-1)|)/|c_k|."""
    band = Interval(-1.0, 2.0)
    for coefficients, value in (
        ((0.0, 5.0, 0.0, 1.0), 6),
        ((0.0, 0.0, -7.0, 2.0), 4.5),
        ((0.0, 0.0, 0.0, -0.5), 5),
        ((3.0, 0.0, 0.0, 1.0), 5),
        ((-3.0, 0.0, 1.0, 0.0, 0.0), 6),
        ((0.0, 1.0), 3),
    ):
        near(cauchy_radius(coefficients, band), value)
        assert failure_radius(coefficients, band) <= cauchy_radius(coefficients, band)


def test_roots_levels_and_the_side_on_which_a_polynomial_leaves():
    assert integer_polynomial((0.5, 0.25), 0.0) == integer_polynomial((1.5, 0.25), 1.0)
    assert [int(c) for c in integer_polynomial((0.5, 0.0, 0.25), 1.0).coeffs()] == [-2, 0, 1]
    near(largest_root((0.0, 0.0, 1.0), 9.0), 3)
    near(largest_root((0.0, 1.0), -4.0), 4)
    assert largest_root((1.0, 0.0, 1.0), 0.0) == 0
    up, down = Interval(-1.0, INF), Interval(-INF, 1.0)
    for coefficients, above, below in (
        ((0, 1), True, True),
        ((0, -1), True, True),
        ((0, 0, 1), True, False),
        ((0, 0, -1), False, True),
        ((9, 5, -1, 0), False, True),
        ((0, 0, 0, -2), True, True),
        ((0, -9, 0, 0, 3), True, False),
    ):
        assert (stays_inside(coefficients, up), stays_inside(coefficients, down)) == (above, below)
        assert not stays_inside(coefficients, Interval(-1.0, 1.0))
    near(distance(arb(3), arb(-1), arb(2)), 1)
    near(distance(arb(-4), arb(-1), arb(2)), 3)
    assert distance(arb(1), arb(-1), arb(2)) == 0


def test_expectiles_means_and_hulls():
    """r = 3 on (6, 2, 1): k = 1 gives (18 + 3)/5, k = 2 (24 + 1)/7, all alike 3."""
    values = [arb(2), arb(6), arb(1)]
    near(expectile(values, arb(3)), 21 / 5)
    near(expectile([arb(5), arb(6), arb(1)], arb(3)), 34 / 7)
    near(expectile([arb(2)], arb(3)), 2)
    near(expectile(values, arb(1)), 3)
    hull = shrunken_hull(values, arb(3))
    # the smallest: 3 on 1 and 2 against 1 on 6, (3 + 6 + 6)/7
    assert (hull.low, hull.high) == pytest.approx((15 / 7, 21 / 5))
    mean, spread = mean_and_spread(values)
    near(mean, 3)
    near(spread, (14 / 3) ** 0.5)
    wide = sinh_hull(values, arb(2) * arb(3).log())
    reach = (14 / 3) ** 0.5 * 4 / 3
    assert (wide.low, wide.high) == pytest.approx((3 - reach, 3 + reach))


def test_vectors_and_roots_of_balls_around_zero():
    u, v = vector(np.array([1.0, 2.0, 6.0])), vector(np.array([2.0, -1.0, 0.5]))
    near(dot(u, v), 3)
    assert [float(x) for x in centre(u)] == [-2, -1, 3]
    assert [float(x) for x in add(u, v, v)] == [5, 0, 7]
    assert [float(x) for x in hadamard(u, v)] == [2, -2, 3]
    near(norm(u), 41**0.5)
    assert [float(x) for x in times(matrix(np.array([[1, 0, 2], [0, 3, 0]])), u)] == [13, 6]
    assert times(arb_mat(0, 3), u) == []
    straddling = root(arb(-1).union(arb(4)))
    assert straddling.contains(arb(0)) and straddling.contains(arb(2))
    assert float(straddling.upper()) < 2.001 and root(arb(9)) == 3 and root(arb(0)) == 0
    with pytest.raises(ValueError, match="shorter"):
        dot(u, v[:2])


def test_interpolation_and_chebyshev():
    xs = [Fraction(0), Fraction(1), Fraction(3)]
    assert interpolate(xs, [2 * x * x - x + 5 for x in xs], Fraction(7)) == 96
    assert interpolate([Fraction(2)], [Fraction(9)], Fraction(-5)) == 9
    with pytest.raises(TheoryError, match="2 distinct"):
        interpolate([*xs[:2], xs[1]], xs, Fraction(7))
    for degree, value in ((0, 1), (1, 3), (2, 17), (3, 99)):
        near(chebyshev(degree, arb(3)), value)
    for degree, value in ((1, 17), (2, 3), (4, 2**0.5)):
        near(safe_radius(degree, Interval(-17.0, 20.0)), value)
        near(safe_radius(degree, Interval(-20.0, 17.0)), value)
    assert safe_radius(3, Interval(-0.5, 9.0)) == 0 == safe_radius(3, Interval(1.0, 9.0))
    near(safe_radius(3, Interval(-1.0, 9.0)), 1)


def test_chords_caps_and_distances_on_a_sphere():
    # 2 sin(θ/2) at sin θ = 1, 3/5
    near(chord(arb(1)), 2**0.5)
    near(chord(arb(3) / 5), (2 / 5) ** 0.5)
    low, high = (float(x) for x in ray_cap(arb(5), arb(3), arb(3) / 5))
    assert (low, high) == pytest.approx((0.0, 4.8))
    # the pole of a is inside the cap: the ceiling itself
    low, high = (float(x) for x in ray_cap(arb(5), arb(9) / 2, arb(3) / 5))
    assert high == pytest.approx(5) and low == pytest.approx(3.6 - 0.6 * 4.75**0.5)
    low, high = (float(x) for x in ray_cap(arb(5), arb(-9) / 2, arb(3) / 5))
    assert low == pytest.approx(-5) and high == pytest.approx(-3.6 + 0.6 * 4.75**0.5)
    # d = 4, |Pw||x| = 5, rest 3, eps = 0: sin θ = 3/5
    near(ray_distance(4, arb(5), arb(3), arb(0)), 2 * (2 / 5) ** 0.5)
    near(ray_distance(4, arb(10), arb(3), arb(27) / 4), 2 * (2 / 5) ** 0.5)
    with pytest.raises(TheoryError, match="no direction"):
        ray_distance(4, arb(2), arb(3), arb(0))


def test_lipschitz_constants_of_each_norm():
    gamma, zero = np.array([3.0, -1.0, 0.0, 2.0]), np.zeros(4)
    matrix_ = np.diag(gamma) @ (np.eye(4) - 0.25)
    layer = Norm("layernorm", gamma, zero, eps=0.25)
    near(norm_lipschitz(layer), 2 * np.linalg.norm(matrix_, 2), 1e-6)
    near(norm_lipschitz(layer, 4.0), np.linalg.norm(matrix_, 2) / 4.25**0.5, 1e-6)
    near(norm_lipschitz(Norm("rmsnorm", gamma, zero, eps=0.25)), 6, 1e-6)
    near(norm_lipschitz(Norm("dyt", gamma, zero, alpha=-0.5)), 1.5, 1e-6)
    assert norm_lipschitz(Norm("none", gamma, zero)) == 1
    near(speed_limit(arb(5), arb(3), arb(2), 4, arb(3)), 1)


def test_poles_and_how_far_a_token_is_from_them(random_weights):
    for kind in ("layernorm", "rmsnorm", "dyt"):
        weights = random_weights(norm=kind, final_norm="layernorm", d=4, layers=1)
        layer, w = weights.blocks[0].norm, weights.read_in
        found = pole(weights, layer).mid
        if kind == "dyt":
            negative = replace(layer, alpha=-0.5)
            assert (found == np.sign(w)).all()
            assert pole(weights, negative).mid.tolist() == (-np.sign(w)).tolist()
            room = np.maximum(1e3 * np.abs(w) - float(residual_bound(weights)), -np.inf)
            exact = np.linalg.norm(2 * np.exp(-2 * 0.5 * room))
        else:
            w = w - w.mean() if kind == "layernorm" else w
            assert found == pytest.approx(2 * w / np.linalg.norm(w))
            rest, eps = float(residual_bound(weights)), 1e-5
            sine = np.sqrt((rest**2 + 4 * eps) / (1e6 * w @ w + 4 * eps))
            exact = 2 * 2 * np.sin(np.arcsin(sine) / 2)
        near(pole_distance(weights, layer, 1e3), exact, 1e-2 if kind != "dyt" else 1e-9)
        near(pole_distance(weights, layer, -1e3), float(pole_distance(weights, layer, 1e3)))
    weights = random_weights(d=4, layers=1)
    assert float(odds_error(weights, 0, 0, 1e6)) == pytest.approx(
        float(odds_error(weights, 0, 0, 1e3)) / 1e3, rel=0.01
    )


def test_the_cap_on_slopes_anywhere_with_one_attention(random_weights):
    """|a||P w_in|(1 + Σ|A_h|(1 + d|B_h| + del_h/4)/sqrt(eps))/sqrt(eps), the query silent: B = 0.

    Without a query matrix del_h = 2 sqrt(d)|P Γ W_K' b_Q|/sqrt(dh).
    """
    weights = random_weights(d=4, layers=1, mlp=False, eps=0.25)
    block = replace(weights.blocks[0], query=0 * weights.blocks[0].query)
    weights = replace(weights, blocks=(block,))
    centring = np.eye(4) - 0.25
    a = centring @ (weights.final_norm.gamma * weights.read_out)
    size = np.linalg.norm(a) * np.linalg.norm(centring @ weights.read_in) / 0.5
    steep = 0.0
    for h in range(2):
        write = centring @ block.output[h] @ block.value[h] * block.norm.gamma @ centring
        kappa = centring @ (block.norm.gamma * (block.key[h].T @ block.query_bias[h])) / 2**0.5
        steep += np.linalg.norm(write, 2) * (1 + 2 * 2 * np.linalg.norm(kappa) / 4)
    near(global_slope(weights), size * (1 + steep / 0.5), 1e-6)


BANDS = {
    "plateau": lambda w, x, p: plateau_band(w, x, p),
    "functional": lambda w, x, p: functional_band(w, x, p),
    "slope": lambda w, x, p: slope_band(w, x, p),
    "saturation": lambda w, x, p: saturation_bound(w, x, 1e3, p),
    "X~": lambda w, x, p: far_radius(w, p),
    "price": lambda w, x, p: residual_bound(w, p),
    "offset": lambda w, x, p: offset_band(
        replace(w, final_norm=replace(w.final_norm, kind="none")), x, p
    ),
}


@pytest.mark.parametrize("name", BANDS)
def test_nothing_after_the_query_is_seen(random_weights, name):
    """A causal mask: other position vectors behind the query leave a band as it is."""
    weights = random_weights(d=4, layers=1, context=5, scale=0.4)
    later = weights.positions.copy()
    later[3:] = 30 * np.arange(4)
    moved = replace(weights, positions=later)
    found = BANDS[name](weights, 500.0, 2)
    again = BANDS[name](moved, 500.0, 2)
    if name in ("plateau", "X~", "price"):
        # N1 centres the first attention's half discs over all positions: a little is left
        ends = [(v.low, v.high) if isinstance(v, Interval) else float(v) for v in (again, found)]
        size = found.width if isinstance(found, Interval) else float(found)
        assert ends[0] == pytest.approx(ends[1], abs=0.1 * size)
    else:
        assert again == found
    # any position at all is no better than the worst, here the last
    every = BANDS[name](moved, 500.0, None)
    if isinstance(found, Interval):
        assert every.width > 1.5 * found.width
    elif name != "saturation":
        assert every > 1.5 * found


def test_spreads_and_prices(random_weights):
    weights = random_weights(d=4, layers=1, context=3, scale=0.5)
    radius, far = float(readout_radius(weights)), float(far_radius(weights))
    near(price(weights), radius * far)
    for x in (50.0, -50.0):
        near(plain_spread(weights, x), 2 * radius * far / 50)
    near(plain_spread(weights, far / 3), 2 * radius)
    for sign in (1, -1):
        bands = [plateau_band(weights, sign * 50.0, t) for t in range(3)]
        near(capped_spread(weights, sign * 50.0), max(b.width for b in bands))
        near(capped_spread(weights, sign * 50.0, 1), bands[1].width)
    with pytest.raises(TheoryError):
        plateau(random_weights(final_norm="none"), 1)


def test_every_line_of_a_derivation_says_what_and_why(random_weights):
    options = [
        {"norm": "none", "score": "linear"},
        {"norm": "none"},
        {"norm": "dyt", "post_norm": True},
        {"mlp": False},
    ]
    for option in options:
        for variable in ("the whole prompt", "the query alone"):
            proof, seen = derive(random_weights(**option), variable), []

            def visit(node: Derivation, seen=seen):
                seen.append(node)
                for premise in node.premises:
                    visit(premise)

            visit(proof)
            assert all(n.what.strip() and n.rule.strip() for n in seen)
            # leaves are the variable, the fixed context or maps that are 0
            assert {n.what for n in seen if not n.premises} <= {"token"}
            for node in seen:
                if node.rule.startswith("sum"):
                    assert node.degree == max(p.degree for p in node.premises)
                elif node.rule.startswith("Σ"):
                    assert node.degree == sum(p.degree for p in node.premises)
                    assert len(node.premises) == 3
                elif node.premises and "bounded" not in node.rule:
                    assert [p.degree for p in node.premises] == [node.degree]
