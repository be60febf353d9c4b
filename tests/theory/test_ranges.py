"""Ranges of one function over an interval: samples lie inside and reach nearly all of it."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from theory.activations import horner
from theory.balls import Balls
from theory.boxes import enclose_box, inverse_root
from theory.cells import activate as at_constant
from theory.enclosure import activation
from theory.errors import TheoryError
from theory.network import activate, forward, normed
from theory.ranges import (
    activation_range,
    chosen,
    entrywise,
    line_range,
    logistic,
    longest,
    normal_range,
    powers,
    share,
    squashing,
)
from theory.scales import short
from theory.weights import Norm
from theory.zonotopes import Zonotope, divided, known, meet

INF = np.inf


@pytest.mark.parametrize("derivative", [0, 1])
def test_horners_rule_holds_the_exact_polynomial_and_every_coefficient_counts(derivative):
    rng = np.random.default_rng(0)
    coefficients, t = rng.normal(size=(40, 7)), rng.uniform(-1.5, 1.5, size=40)
    found = horner(Balls.exact(coefficients), Balls.exact(t), derivative)
    for i in range(40):
        exact = sum(
            Fraction(c) * (k * Fraction(t[i]) ** (k - 1) if derivative else Fraction(t[i]) ** k)
            for k, c in enumerate(coefficients[i])
            if k >= derivative
        )
        assert abs(exact - Fraction(found.mid[i])) <= Fraction(found.rad[i])
    assert found.rad.max() < 1e-12
    # radii: Σ rad c_k |t|^k, and rad t times the slope of Σ |c_k||t|^k
    wide = horner(Balls(coefficients, np.full((40, 7), 1e-3)), Balls.exact(t), derivative)
    orders = np.arange(7)
    size = np.abs(t)[:, None]
    weight = orders * size ** np.maximum(orders - 1, 0) if derivative else size**orders
    assert wide.rad == pytest.approx(1e-3 * weight.sum(1), rel=1e-6)
    moved = horner(Balls.exact(np.abs(coefficients)), Balls(np.abs(t), np.full(40, 1e-9)), 0)
    slope = (np.abs(coefficients) * orders * size ** np.maximum(orders - 1, 0)).sum(1)
    assert moved.rad == pytest.approx(1e-9 * slope, rel=1e-3)


def along_the_line(*arguments) -> Balls:
    found = line_range(*arguments)
    assert found is not None
    return found


@np.errstate(all="ignore")
@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm"])
@pytest.mark.parametrize("eps", [0.0, 1e-5, 1.0])
def test_a_norm_along_the_line_of_tokens(random_weights, kind, eps):
    rng = np.random.default_rng(1)
    plain = Norm(kind, np.ones(4), np.zeros(4), eps=eps)
    for seed in range(5):
        weights = random_weights(norm=kind, d=4, layers=0, context=5, seed=seed, eps=eps)
        low = rng.normal(size=5) * 3
        high = low + np.array([0.0, 0.01, 1.0, 10.0, 300.0]) * rng.uniform(0.5, 1, size=5)
        found = along_the_line(weights, plain, low, high)
        z = low + (high - low) * np.linspace(0, 1, 8001)[:, None]
        h = z[..., None] * weights.read_in + weights.read_in_bias + weights.positions
        reached = normed(plain, h)
        slack = 1e-9
        assert (reached.max(0) <= found.upper() + slack).all()
        assert (found.lower() - slack <= reached.min(0)).all()
        assert (found.upper() - reached.max(0) < 2e-3).all()
        assert (reached.min(0) - found.lower() < 2e-3).all()
        # to infinity: between the value at one end and that of the bare direction
        far = along_the_line(weights, plain, low, np.full(5, INF))
        ray = normed(replace(plain, eps=0.0), weights.read_in[None])[0]
        steps = 10.0 ** np.linspace(-3, 7, 400)[:, None, None]
        beyond = normed(plain, steps * weights.read_in + h[0])
        assert (far.lower() <= np.minimum(ray, beyond.min(0)) + 1e-6).all()
        assert (far.upper() >= np.maximum(ray, beyond.max(0)) - 1e-6).all()
        whole = along_the_line(weights, plain, np.full(5, -INF), np.full(5, INF))
        assert (whole.upper() >= np.abs(ray) - 1e-9).all()
        assert (whole.lower() <= -np.abs(ray) + 1e-9).all()
    dyt = Norm("dyt", np.ones(4), np.zeros(4))
    assert line_range(random_weights(d=4), dyt, np.zeros(3), np.ones(3)) is None


@np.errstate(all="ignore")
@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm"])
def test_a_normalised_coordinate_over_a_box(kind):
    """z_i rises with m_i; the others are best at their smallest or largest squares."""
    rng = np.random.default_rng(2)
    norm = Norm(kind, np.ones(4), np.zeros(4), eps=0.1)
    assert longest(norm) == pytest.approx((3 if kind == "layernorm" else 4) ** 0.5)
    assert longest(norm) ** 2 >= (3 if kind == "layernorm" else 4)
    for _ in range(30):
        low = rng.normal(size=4)
        high = low + rng.exponential(size=4)
        found = normal_range(norm, Balls.between(low, high))
        nearest = np.where(low * high <= 0, 0.0, np.minimum(np.abs(low), np.abs(high)))
        farthest = np.maximum(np.abs(low), np.abs(high))
        for i in range(4):
            others = np.arange(4) != i
            ends = []
            for side, m in ((1, high[i]), (-1, low[i])):
                rest = (nearest if side * m >= 0 else farthest)[others]
                ends.append(2 * m / np.sqrt(m**2 + rest @ rest + 0.4))
            top, bottom = min(ends[0], longest(norm)), max(ends[1], -longest(norm))
            assert found.upper()[i] == pytest.approx(top, abs=1e-9) and found.upper()[i] >= top
            assert found.lower()[i] == pytest.approx(bottom, abs=1e-9)
    open_ = normal_range(norm, Balls(np.zeros(4), np.array([INF, 1, 1, 1])))
    assert np.abs(open_.upper()).max() <= longest(norm) * (1 + 1e-9)
    part = share(np.array([3.0, 0.0, -4.0]), np.array([16.0, 0.0, 9.0]))
    assert part.mid == pytest.approx([0.6, 0, -0.8]) and part.rad[1] == 0


@pytest.mark.parametrize("kind", ["relu", "gelu", "gelu_tanh", "silu"])
def test_an_activation_over_an_interval(kind):
    rng = np.random.default_rng(3)
    low = np.concatenate([rng.normal(size=30) * 3, [-1.0, -3.0, 0.0, -9.0]])
    high = low + np.concatenate([rng.exponential(size=30) * 2, [1.0, 0.0, 0.0, 20.0]])
    found = activation_range(kind, low, high)
    u = low + (high - low) * np.linspace(0, 1, 2001)[:, None]
    y = activate(kind, u)
    assert (y.max(0) <= found.upper() + 1e-12).all() and (found.lower() <= y.min(0) + 1e-12).all()
    assert (found.upper() - y.max(0)).max() < 1e-6 and (y.min(0) - found.lower()).max() < 1e-4
    least = {"relu": 0.0, "gelu": -0.17, "gelu_tanh": -0.1701, "silu": -0.2785}[kind]
    left = activation_range(kind, np.array([-50.0]), np.array([-20.0]))
    assert abs(left.lower()[0]) < 1e-6 and abs(left.upper()[0]) < 1e-6
    open_ = activation_range(kind, np.array([-1e4]), np.array([2.0]))
    assert open_.lower()[0] == pytest.approx(least, abs=1e-3)
    assert open_.upper()[0] == pytest.approx(float(activate(kind, np.array(2.0))), abs=1e-6)
    assert short(kind, arb(6)) < 1e-1 and short(kind, arb(40)) < 1e-12
    assert float(short(kind, arb(1))) == pytest.approx(-least, abs=2e-4)


@pytest.mark.parametrize("kind", ["relu", "gelu", "gelu_tanh", "silu"])
def test_activations_of_exact_numbers_are_the_networks(kind):
    for u in (-3.0, -0.5, 0.0, 0.7, 2.0, 4.0):
        expected = float(activate(kind, np.array(u)))
        for function in (activation(kind), lambda v: at_constant(kind, v)):
            assert float(function(arb(u))) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_losses_of_activations_far_out():
    for size in (2.0, 5.0):
        density = np.exp(-(size**2) / 2) / np.sqrt(2 * np.pi)
        assert float(short("gelu", arb(size))) == pytest.approx(density)
        assert float(short("silu", arb(size))) == pytest.approx(
            min(size * np.exp(-size), 0.27846454276)
        )
        rate = np.sqrt(8 / np.pi)
        assert float(short("gelu_tanh", arb(size))) == pytest.approx(size * np.exp(-rate * size))
    assert short("relu", arb(0)) == 0


@pytest.mark.parametrize("kind", ["tanh", "logistic"])
def test_squashings_lie_between_parallel_lines(kind):
    rng = np.random.default_rng(4)
    function = np.tanh if kind == "tanh" else lambda u: 1 / (1 + np.exp(-u))
    low = np.concatenate([rng.normal(size=60) * 2, [-1.0, 5.0]])
    high = low + np.concatenate([rng.exponential(size=60), [2.0, 0.0]])
    tilt, rest, box = squashing(kind, low, high)
    u = low + (high - low) * np.linspace(0, 1, 2001)[:, None]
    off = function(u) - tilt * u
    slack = 1e-13
    assert (off.max(0) <= rest.upper() + slack).all() and (rest.lower() - slack <= off.min(0)).all()
    assert (rest.upper() - off.max(0)).max() < 1e-12 and (off.min(0) - rest.lower()).max() < 1e-12
    assert box.upper() == pytest.approx(function(high)) and box.lower() == pytest.approx(
        function(low)
    )
    slopes = [1 - f * f if kind == "tanh" else f * (1 - f) for f in (function(low), function(high))]
    assert tilt == pytest.approx(np.minimum(*slopes))
    tilt, rest, box = squashing(kind, np.array([-INF, -INF, 0.0]), np.array([INF, 0.0, INF]))
    bottom, middle = (-1, 0) if kind == "tanh" else (0, 0.5)
    assert tilt.tolist() == [0, 0, 0]
    for ball in (rest, box):
        assert ball.lower() == pytest.approx([bottom, bottom, middle], abs=1e-12)
        assert ball.upper() == pytest.approx([1, middle, 1], abs=1e-12)
    assert float(logistic(0.0)) == 0.5 and logistic(INF) == 1 and logistic(-INF) == 0


def test_exponentials_and_other_functions_entry_by_entry():
    x = np.array([[0.0, -1.0], [-700.0, -INF]])
    found = powers(x)
    assert found.shape == (2, 2) and found.mid[1, 1] == 0
    assert found.mid == pytest.approx(np.exp(x), rel=1e-14) and (found.rad >= 0).all()
    for v, m, r in zip(x.ravel()[:3], found.mid.ravel(), found.rad.ravel(), strict=False):
        assert abs(arb(float(v)).exp() - arb(float(m))) <= arb(float(r)) <= 2.0**-50
    cubes = entrywise(lambda v: arb(v) ** 3, np.array([2.0, -3.0]))
    assert cubes.mid.tolist() == [8, -27]
    which = np.array([True, False])
    both = chosen(which, Balls(np.ones(2), np.zeros(2)), Balls(np.zeros(2), np.ones(2)))
    assert both.mid.tolist() == [1, 0] and both.rad.tolist() == [0, 1]


def test_the_inverse_root_lies_under_its_chord_and_over_a_tangent():
    rng = np.random.default_rng(5)
    low = rng.exponential(size=50) + 0.05
    high = low + rng.exponential(size=50) * rng.choice([0, 1e-3, 3.0], size=50)
    box = Balls.between(low, high)
    half = (high - low) / 2
    square = Zonotope((low + high) / 2, np.diag(half)[:, :], np.zeros(50), box)
    found = inverse_root(square)
    e = np.linspace(-1, 1, 401)[:, None]
    y = ((low + high) / 2 + e * half) ** -0.5
    off = y - found.mid - e * np.einsum("kk->k", found.lin)
    assert (np.abs(off) <= found.rad + 1e-12).all()
    assert (y.max(0) <= found.box.upper() + 1e-12).all()
    assert (found.box.lower() <= y.min(0) + 1e-12).all()
    # the distance of chord and tangent is what is paid, half of it on each side
    gap = off.max(0) - off.min(0)
    assert (2 * found.rad <= 1.01 * gap + 1e-9).all()


def test_parts_of_balls_and_quotients_of_unknown_sign():
    ball = Balls(np.array([0.0, 0.0, 1.0]), np.array([2.0, INF, 0.5]))
    part = meet(ball, np.array([-1.0, 0.0, np.nan]), np.array([5.0, 1.0, np.nan]))
    assert part.lower() == pytest.approx([-1, 0, 0.5]) and part.upper() == pytest.approx(
        [2, 1, 1.5]
    )
    # no news: the ball as it was, bit by bit
    rng = np.random.default_rng(7)
    x = Balls(rng.normal(size=200), rng.exponential(size=200))
    same = meet(x, np.full(200, -INF), np.full(200, INF))
    assert (same.mid == x.mid).all() and (same.rad == x.rad).all()
    lost = known(Balls(np.array([np.nan, 1.0]), np.array([0.0, np.inf])))
    assert lost.mid.tolist() == [0, 0] and lost.rad.tolist() == [INF, INF]
    x = Balls.exact(np.array([6.0, 6.0, 6.0]))
    found = divided(x, Balls(np.array([2.0, 1.0, -2.0]), np.array([0.0, 1.0, 0.5])))
    assert found.mid.tolist() == [3, 0, 0] and found.rad[1:].tolist() == [INF, INF]


@pytest.mark.parametrize("score", ["softmax", "linear", "sigmoid"])
def test_no_prompt_of_a_wide_box_leaves_it_without_a_final_norm(random_weights, score):
    rng = np.random.default_rng(6)
    for seed in range(4):
        weights = random_weights(
            norm="layernorm", final_norm="none", d=4, layers=1, context=4, score=score, seed=seed
        )
        low = rng.normal(size=4)
        high = low + rng.exponential(size=4) * 10.0 ** rng.uniform(-2, 0.5)
        found = enclose_box(weights, low, high)
        tokens = low + (high - low) * rng.uniform(size=(3000, 4))
        tokens[:500] = np.where(rng.integers(2, size=(500, 4)), low, high)
        y = forward(weights, tokens)[:, -1]
        assert found.low <= y.min() + 1e-9 and y.max() <= found.high + 1e-9
    with pytest.raises(TheoryError, match="two rows"):
        enclose_box(weights, low[None], high[None])
