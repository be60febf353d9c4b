"""Balls against fractions: not one rounding is forgotten, and none is paid for ten times over."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from theory.balls import (
    TINY,
    Balls,
    U,
    balls,
    concatenate,
    crossed,
    lengths,
    outward,
    product_norm,
    spectral_norm,
)

COUNT = 300


def doubles(rng, *shape, spread=8):
    return rng.normal(size=shape) * 2.0 ** rng.integers(-spread, spread, size=shape)


def exact(values):
    return np.vectorize(Fraction, otypes=[object])(values)


def holds(ball, value):
    """The fractions lie in mid ± rad, computed without rounding."""
    assert (ball.rad >= 0).all()
    return (abs(exact(ball.mid) - value) <= exact(ball.rad)).all()


def ends(ball):
    """Its two ends, exactly."""
    return [exact(ball.mid) + side * exact(ball.rad) for side in (-1, 1)]


OPERATIONS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_one_operation_on_doubles_costs_one_rounding(name):
    rng, operate = np.random.default_rng(0), OPERATIONS[name]
    x, y = doubles(rng, COUNT), doubles(rng, COUNT)
    found = operate(Balls.exact(x), Balls.exact(y))
    assert holds(found, operate(exact(x), exact(y)))
    assert (found.rad <= 1.01 * U * np.abs(found.mid) + 2 * TINY).all()
    # a plain array on either side is exact too
    for mixed in (operate(x, Balls.exact(y)), operate(Balls.exact(x), y)):
        assert (mixed.mid == found.mid).all() and (mixed.rad == found.rad).all()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_on_balls_holds_what_their_ends_give(name):
    rng, operate = np.random.default_rng(1), OPERATIONS[name]
    x, y = (
        Balls(m, np.abs(m) * rng.choice([0, 1e-16, 1e-9, 0.4], size=COUNT))
        for m in (doubles(rng, COUNT), doubles(rng, COUNT))
    )
    found = operate(x, y)
    values = [operate(a, b) for a in ends(x) for b in ends(y)]
    assert all(holds(found, v) for v in values)
    # sharp: the farthest end is not far inside (division pays for its asymmetry)
    far = np.max([[float(abs(v)) for v in exact(found.mid) - value] for value in values], axis=0)
    slack = (2.5 if name == "/" else 1.0) * far + 3 * U * np.abs(found.mid)
    assert (found.rad <= slack * (1 + 1e-12) + 2 * TINY).all()


def test_negation_and_transposition_keep_radii():
    ball = Balls(np.array([[1.0, -2.0, 0.5]]), np.array([[0.1, 0.2, 0.3]]))
    assert (-ball).mid.tolist() == [[-1, 2, -0.5]] and ((-ball).rad == ball.rad).all()
    assert ball.t.shape == (3, 1) and ball.t.rad[2, 0] == 0.3 and ball.shape == (1, 3)
    assert ball[0, 1].mid == -2 and ball[0, 1].rad == 0.2
    assert balls(ball) is ball and balls(1.5).rad == 0
    both = concatenate([ball, -ball], 0)
    assert both.mid.tolist() == [[1, -2, 0.5], [-1, 2, -0.5]] and both.rad[1].tolist() == [
        0.1,
        0.2,
        0.3,
    ]


def test_ends_of_an_interval_are_in_its_ball():
    rng = np.random.default_rng(2)
    low = doubles(rng, COUNT)
    high = low + np.abs(doubles(rng, COUNT)) * rng.choice([0, 1e-17, 1.0], size=COUNT)
    found = Balls.between(low, high)
    assert holds(found, exact(low)) and holds(found, exact(high))
    rounding = 3 * U * (np.abs(low) + np.abs(high)) + TINY
    assert (found.rad <= (high - low) / 2 * (1 + 1e-14) + rounding).all()
    assert (found.lower() <= low).all() and (high <= found.upper()).all()
    assert (found.magnitude() >= np.maximum(np.abs(low), np.abs(high))).all()
    huge = Balls.between(np.array([1.7e308]), np.array([1.79e308]))
    assert np.isfinite(huge.mid).all()
    hull = found.interval()
    assert hull.low <= low.min() and high.max() <= hull.high
    assert hull.low == pytest.approx(low.min()) and hull.high == pytest.approx(high.max())


@pytest.mark.parametrize("radii", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_sums_and_products_of_matrices(radii):
    rng = np.random.default_rng(3)
    left, right = (
        Balls(m, r * np.abs(m) * rng.choice([1e-17, 1e-9, 0.3], size=m.shape))
        for m, r in zip((doubles(rng, 4, 6), doubles(rng, 6, 3)), radii, strict=True)
    )
    found = left @ right
    corners = [a.dot(b) for a in ends(left) for b in ends(right)]
    assert all(holds(found, v) for v in corners)
    # each term at its own end, both ways: the worst a product can do
    sizes = [exact(np.abs(m.mid)) + exact(m.rad) for m in (left, right)]
    plain = exact(np.abs(left.mid)).dot(exact(np.abs(right.mid)))
    most = (sizes[0].dot(sizes[1]) - plain).astype(float)
    rounding = 20 * U * plain.astype(float)
    assert (found.rad <= most * (1 + 1e-12) + rounding + 100 * TINY).all()
    assert (found.rad >= most * (1 - 1e-12)).all()
    spread = crossed(left, right)
    assert (spread >= most).all()
    total = left.sum()
    assert all(holds(total, v.sum(-1)) for v in ends(left))
    assert all(holds(left.sum(0), v.sum(0)) for v in ends(left))
    assert (total.rad <= left.rad.sum(-1) * 1.001 + 20 * U * np.abs(left.mid).sum(-1)).all()
    inner = left.dot(Balls(right.mid[:, 0], right.rad[:, 0]))
    assert all(holds(inner, a.dot(b[:, 0])) for a in ends(left) for b in ends(right))


def test_roots_and_lengths():
    rng = np.random.default_rng(4)
    x = Balls(np.abs(doubles(rng, COUNT)), np.zeros(COUNT))
    x = Balls(x.mid, x.mid * rng.choice([0, 1e-16, 0.5], size=COUNT))
    root = x.sqrt()
    low, high = (exact(root.mid) + s * exact(root.rad) for s in (-1, 1))
    assert (np.maximum(low, 0) ** 2 <= ends(x)[0]).all() and (high**2 >= ends(x)[1]).all()
    sharp = np.sqrt(x.mid + x.rad) - np.sqrt(x.mid - x.rad)
    assert (root.rad <= sharp / 2 + 10 * U * root.mid).all()
    # a ball that reaches below 0 is cut there
    assert Balls(np.array([1.0]), np.array([3.0])).sqrt().lower()[0] >= -1e-15
    for scale in (1.0, 1e-200, 1e200):
        rows = Balls(scale * doubles(rng, 20, 7), np.zeros((20, 7)))
        rows = Balls(rows.mid, np.abs(rows.mid) * rng.choice([0, 1e-9], size=rows.shape))
        size = rows.norm()
        for i in range(20):
            for sign in (-1, 1):
                members = rows.mid[i] + sign * rows.rad[i]
                value = sum((arb(float(x)) ** 2 for x in members), arb(0))
                assert abs(value.sqrt() - arb(float(size.mid[i]))) <= arb(float(size.rad[i]))
        plain = np.linalg.norm(rows.rad / scale, axis=1) * scale
        assert (size.rad <= plain * (1 + 1e-9) + 40 * U * size.mid + 1e-100).all()
    for axis in (-1, -2):
        values = doubles(rng, 3, 5, 4)
        found = lengths(values, axis)
        exactly = np.sqrt((values**2).sum(axis))
        assert (found >= exactly).all() and (found <= exactly * (1 + 1e-14)).all()


def test_outward_pays_for_every_rounding_and_for_underflow():
    for n in (0, 1, 5, 1000):
        computed = np.array([0.0, 1.0, 1e-300, 1e300])
        grown = exact(computed) * (1 + Fraction(1, 2**53)) ** n
        assert (exact(outward(computed, n)) >= grown).all()
        assert (outward(computed, n) <= computed * (1 + 2.1 * (n + 4) * U) + TINY).all()
    assert float(outward(np.float64(0.0), 3)) == TINY


def test_a_large_product_takes_lengths_and_holds_as_well():
    """From 2^22 multiplications on, or where a factor is rough, the same members are inside."""
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(40, 400)), rng.normal(size=(400, 300))
    found = Balls.exact(a) @ Balls.exact(b)
    for i, j in rng.integers(40, size=(30, 2)):
        value = sum((arb(p) * arb(q) for p, q in zip(a[i], b[:, j], strict=True)), arb(0))
        assert abs(value - arb(float(found.mid[i, j]))) <= arb(float(found.rad[i, j]))
    assert found.rad.max() < 1e-10
    rough = Balls(a, np.full(a.shape, 1e-3))
    wide = rough @ Balls.exact(b)
    shift = 1e-3 * np.sign(b).T[:, None, :]
    reached = np.abs(((a[None] + shift) * b.T[:, None, :]).sum(-1).T - wide.mid)
    assert (reached <= wide.rad * (1 + 1e-12)).all()
    assert (wide.rad <= reached * 1.001).all()
    assert not rough.tight() and Balls.exact(a).tight()
    assert not Balls.exact(np.zeros((2, 2))).tight() and not Balls.exact(a * 2.0**500).tight()


def test_spectral_norms_by_radii():
    """|M + E| <= |M| + |E|_F for |E_ij| <= rad, reached by a constant matrix."""
    flat = Balls(np.ones((3, 4)), np.full((3, 4), 0.5))
    assert 1.5 * 12**0.5 <= spectral_norm(flat) <= 1.5 * 12**0.5 * 1.001
    assert product_norm(flat, flat.t) >= 2.25 * 12 * (1 - 1e-12)
    assert product_norm(flat, flat.t) <= 2.25 * 12 * 1.01
