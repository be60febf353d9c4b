"""theory.scales where selections have NOT settled: few tokens, close scores, small t."""

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, arb_mat

from theory.free_scale import limit_error
from theory.network import activate, forward
from theory.powers import exact
from theory.scales import Line, Scores, every_scale, feed, gate, select, short
from theory.weights import MLP, Attention, Norm, Weights

NONE = Norm("none", np.ones(1), np.zeros(1))


def column(*values):
    return np.array(values, dtype=float)[:, None]


def line(start, slope, rest=None, tau=None):
    blank = exact(np.zeros_like(start)) if rest is None else rest
    return Line(exact(start), exact(slope), blank, arb(0).union(arb(1)) if tau is None else tau)


def one_head(score, key=1.0, shift=0.0, positions=(0.0, 0.0, 0.0)):
    """d = 1: scores h_q (key h_j + shift), values h_j, on the stream z + position."""
    one, bias = np.ones((1, 1, 1)), np.zeros((1, 1))
    attention = Attention(
        NONE, one, bias, key * one, bias + shift, one, bias, one, np.zeros(1), score
    )
    start = (np.ones(1), np.zeros(1), column(*positions))
    return Weights(*start, (attention,), NONE, np.ones(1), 0.0)


def inside(ball, value):
    return float(ball.lower()) - 1e-12 <= value <= float(ball.upper()) + 1e-12


@pytest.mark.parametrize("score", ["softmax", "hardmax", "sigmoid"])
@pytest.mark.parametrize("start", [0.5, 1.0, 3.0])
def test_losers_and_open_gates_are_in_the_ball(score, start):
    """Scores t² x_q x_j: at t = start the loser's weight is e^-0.1 or so of the winner's."""
    for tokens in ([0.5, 0.4, 0.6], [-0.3, 0.3, 0.2], [0.1, -0.1, -0.3]):
        weights = one_head(score)
        ball = every_scale(weights, np.array(tokens), start)
        for t in start * np.array([1.0, 1.05, 1.5, 4.0, 100.0]):
            assert inside(ball, forward(weights, t * np.array([tokens]))[0, -1] / t)


def test_the_ball_is_the_hull_of_what_one_loser_can_weigh():
    """Two tokens 1 and 0.5, query 1: y/t = 1 + 1 - 0.5 p with p <= e^(-t²/2)/(1 + ..)."""
    weights, t = one_head("softmax"), 2.0
    ball = every_scale(weights, np.array([0.5, 1.0]), t)
    most = np.exp(-(t**2) / 2)
    assert (float(ball.lower()), float(ball.upper())) == pytest.approx((2 - 0.5 * most, 2.0))
    # hardmax has no loser: exactly 2
    sharp = every_scale(one_head("hardmax"), np.array([0.5, 1.0]), t)
    assert sharp.overlaps(arb(2)) and float(sharp.rad()) < 1e-20
    # a sigmoid of scores t²/2 and t²: both nearly 1, h + 0.5 + 1
    gates = every_scale(one_head("sigmoid"), np.array([0.5, 1.0]), t)
    least = 2.5 - 0.5 * np.exp(-(t**2) / 2) - np.exp(-(t**2))
    assert (float(gates.lower()), float(gates.upper())) == pytest.approx((least, 2.5))
    # a negative score's gate lets through at most e^-|s| of the value
    shut = every_scale(one_head("sigmoid", key=-1.0), np.array([0.5, 1.0]), t)
    most = 1 + 0.5 * np.exp(-(t**2) / 2) + np.exp(-(t**2))
    assert (float(shut.lower()), float(shut.upper())) == pytest.approx((1.0, most))


def test_offsets_and_biases_fade_like_one_over_t():
    """Positions and biases are τ times what they are: y/t = x_q + (p + b)/t."""
    weights = replace(
        one_head("hardmax", positions=(7.0, 3.0, 5.0)), blocks=(), read_in_bias=np.ones(1)
    )
    weights = replace(weights, read_out_bias=2.0)
    ball = every_scale(weights, np.array([0.5, -1.0]), 4.0)
    # the query's place is the second: -1 + (3 + 1 + 2) τ, τ in [0, 1/4]
    assert (float(ball.lower()), float(ball.upper())) == pytest.approx((-1.0, 0.5))
    mlp = MLP(NONE, np.ones((1, 1)), np.array([4.0]), np.ones((1, 1)), np.array([8.0]), "relu")
    both = replace(weights, blocks=(mlp,), read_out_bias=0.0)
    for tokens, limit in (([1.0], 2.0), ([-3.0], -3.0)):
        ball = every_scale(both, np.array(tokens), 100.0)
        for t in (100.0, 250.0, 1e6):
            assert inside(ball, forward(both, t * np.array([tokens]))[0, -1] / t)
        assert inside(ball, limit) and float(ball.rad()) < 0.2
    single = replace(both, residual=False)
    for t in (100.0, 1e6):
        found = every_scale(single, np.array([1.0]), 100.0)
        assert inside(found, forward(single, np.array([[t]]))[0, -1] / t)


@pytest.mark.parametrize("kind", ["relu", "gelu", "gelu_tanh", "silu"])
def test_a_unit_that_has_not_chosen_its_side(kind):
    """act(t u)/t for u near 0, where neither u nor 0 is the answer yet."""
    mlp = MLP(NONE, np.ones((1, 1)), np.zeros(1), np.ones((1, 1)), np.zeros(1), kind)
    for u in (-2.0, -0.4, -0.01, 0.0, 0.02, 0.5, 3.0):
        for start in (0.5, 2.0, 50.0):
            tau = arb(0).union(1 / arb(start))
            through = line(column(u), column(0.0), tau=tau)
            found = feed(mlp, through, arb(start)).hull[0, 0]
            for t in start * np.array([1.0, 1.3, 10.0, 1e4]):
                assert inside(found, float(activate(kind, np.array(t * u))) / t)
            assert float(found.rad()) <= float(short(kind, arb(0)).upper()) / start + 1e-12
            if abs(u) * start > 40:
                assert float(found.rad()) < 1e-9
    # an open sign costs the positive part of the ball
    open_ = line(column(0.0), column(0.0), exact(column(0.0)) + arb_mat([[arb(0, 2)]]))
    found = feed(mlp, open_, arb(1e6)).hull[0, 0]
    assert inside(found, 0.0) and inside(found, 2.0) and float(found.lower()) > -1e-5
    assert float(found.upper()) == pytest.approx(2.0, abs=1e-5)


def test_scores_are_quadratics_in_tau():
    """(q0 + τ q1 + rq).(k0 + τ k1 + rk) scale, entry by entry, and the differences of a row."""
    rng = np.random.default_rng(0)
    parts = [rng.integers(-4, 5, size=(3, 2)).astype(float) for _ in range(4)]
    tau = arb(0).union(arb(1) / 4)
    q, k = line(parts[0], parts[1], tau=tau), line(parts[2], parts[3], tau=tau)
    scores = Scores.of(q, k, arb(1) / 2)
    for i in range(3):
        for j in range(i + 1):
            for share in (0.0, 0.1, 0.25):
                ask, told = parts[0] + share * parts[1], parts[2] + share * parts[3]
                exactly = ask[i] @ told[j] / 2
                assert inside(scores.difference(i, j), exactly)
                assert inside(scores.difference(i, j, 0), exactly - ask[i] @ told[0] / 2)
            assert float(scores.difference(i, j, j).rad()) < 1e-20
        assert scores.best(i) in range(i + 1)
        leaders = [(parts[0][i] @ parts[2][j], j) for j in range(i + 1)]
        assert parts[0][i] @ parts[2][scores.best(i)] == max(leaders)[0]
    # what either factor does not know is in the difference
    wide = Line(k.start, k.slope, arb_mat([[arb(0, 1)] * 2] * 3), tau)
    loose = Scores.of(q, wide, arb(1) / 2)
    for i in range(3):
        for sign in (1, -1):
            moved = parts[0][i] @ (parts[2][0] + sign * np.sign(parts[0][i])) / 2
            assert inside(loose.difference(i, 0), moved)
    other = Scores.of(Line(q.start, q.slope, wide.rest, tau), k, arb(1) / 2)
    for i in range(3):
        moved = (parts[0][i] + np.sign(parts[2][0])) @ parts[2][0] / 2
        assert inside(other.difference(i, 0), moved)


def test_selections_and_gates_one_by_one():
    """Scores 0, 1, 2 for three keys at t0 = 1, values 10, 20, 40."""
    tau, values = arb(0), [[arb(v)] for v in (10, 20, 40)]
    q, k = line(column(1.0, 1.0, 1.0), column(0, 0, 0), tau=tau), column(0.0, 1.0, 2.0)
    scores = Scores.of(q, line(k, 0 * k, tau=tau), arb(1))
    weights, (rest,) = select(scores, 2, values, arb(1), False)
    assert weights == [0, 0, 1]
    most = 30 * np.exp(-2) + 20 * np.exp(-1)
    assert (float(rest.lower()), float(rest.upper())) == pytest.approx((-most, 0.0), abs=1e-6)
    assert select(scores, 2, values, arb(1), True)[1][0] == 0
    # the second row does not see the third key
    weights, (rest,) = select(scores, 1, values, arb(2), False)
    assert weights == [0, 1, 0] and float(rest.lower()) == pytest.approx(-10 * np.exp(-4))
    weights, (rest,) = gate(scores, 2, values, arb(1))
    assert weights == [0, 1, 1]
    # score 0: its gate is open, all of 10 or nothing; the others lack e^-1 and e^-2
    least = -20 * np.exp(-1) - 40 * np.exp(-2)
    assert (float(rest.lower()), float(rest.upper())) == pytest.approx((least, 10.0), abs=1e-6)
    low = Scores.of(q, line(-k, 0 * k, tau=tau), arb(1))
    weights, (rest,) = gate(low, 2, values, arb(1))
    assert weights == [0, 0, 0] and float(rest.upper()) == pytest.approx(10 - least)
    # ties at every t: a hardmax shares, so either may have any weight
    tied = Scores.of(q, line(0 * k, 0 * k, tau=tau), arb(1))
    for hard in (False, True):
        _, (rest,) = select(tied, 2, values, arb(1), hard)
        assert float(rest.lower()) <= -30 or float(rest.upper()) >= 30


def test_the_limit_error_is_how_far_the_network_ends_from_the_answer(random_weights):
    """|y(t z)/t - 5/16| at t = 2^40; 5/16 where y grows slower, inf where it grows faster."""
    tokens, t = np.array([[0.75, 0.375, -0.5, -0.25, 0.625]]), 2.0**40
    for score in ("softmax", "hardmax", "sigmoid"):
        weights = random_weights(norm="none", score=score, d=4, layers=2, context=5, seed=3)
        found = limit_error(weights)
        exact = abs(forward(weights, t * tokens)[0, -1] / t - 0.3125)
        assert (found.low, found.high) == pytest.approx((exact, exact), rel=1e-6)
    still = replace(weights, read_in=np.zeros(4))
    assert limit_error(still).midpoint == pytest.approx(0.3125)
    cubic = limit_error(random_weights(norm="none", score="linear", layers=1, context=5))
    assert cubic.low == cubic.high == np.inf
