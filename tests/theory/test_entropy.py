"""theory.entropy in pieces, each against numpy; tests/verify/test_heads.py has the whole."""

import numpy as np
import pytest

from theory.balls import Balls
from theory.entropy import (
    CLOSE,
    Table,
    attained_log_odds,
    bound,
    certainty,
    climb,
    enclosing,
    entropy_floor,
    farthest,
    first_bounds,
    geometry,
    log_sum,
    sharpened,
    stacked,
)
from theory.heads import SLICE, Head
from theory.interval import Interval
from theory.weights import Norm

RNG = np.random.default_rng(5)
LAYER = Norm("layernorm", RNG.normal(size=3), RNG.normal(size=3), eps=1e-5)


def head_of(outputs, norm=LAYER, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return Head(norm, scale * rng.normal(size=(outputs, 3)), rng.normal(size=outputs))


def forms(head):
    """(a, c) of l = c + a.z, z centred."""
    a = head.rows * head.norm.gamma
    if head.norm.kind == "layernorm":
        a = a - a.mean(-1, keepdims=True)
    return a, head.rows @ head.norm.beta + head.bias


def odds(head, z):
    """ln((1-p_i)/p_i) for every token i (last axis) and residual."""
    a, c = forms(head)
    logits = np.atleast_2d(z) @ a.T + c
    others = np.where(np.eye(len(c), dtype=bool), -np.inf, logits[:, None, :])
    return np.logaddexp.reduce(others, axis=-1) - logits


def sphere(norm, count, seed=0):
    """Residuals on the boundary of what the norm can output."""
    z = np.random.default_rng(seed).normal(size=(count, 3))
    if norm.kind == "dyt":
        return np.sign(z)
    z = z - z.mean(-1, keepdims=True) if norm.kind == "layernorm" else z
    return z / np.linalg.norm(z, axis=-1, keepdims=True) * 3**0.5


def test_geometry_is_the_logits_affine_form():
    head = head_of(7)
    a, c = forms(head)
    vectors, middles = geometry(head, np.array([4, 1]))
    np.testing.assert_allclose(vectors.mid, a[[4, 1]], atol=1e-14)
    np.testing.assert_allclose(middles.mid, c[[4, 1]], atol=1e-14)
    plain = Head(head.norm, head.rows)
    np.testing.assert_allclose(geometry(plain, slice(2, 5))[1].mid, (c - head.bias)[2:5])


def test_a_table_of_several_slices_is_that_of_all_rows():
    head = head_of(2 * SLICE + 3)
    (a, c), table = forms(head), Table.of(head)
    np.testing.assert_allclose(table.a, a, atol=1e-6)
    np.testing.assert_allclose(table.c, c, atol=1e-6)
    assert (np.abs(table.sum_a.mid - a.sum(0)) <= table.sum_a.rad + 1e-9).all()
    assert abs(table.sum_c.mid - c.sum()) <= table.sum_c.rad + 1e-9
    assert table.sum_a.rad.max() < 1e-8 and table.sum_a.shape == (3,) and table.sum_c.shape == ()


def test_numbers_in_several_slices_belong_to_their_tokens():
    head = head_of(2 * SLICE + 3, scale=0.3)
    table, z = Table.of(head), sphere(LAYER, 1)[0]
    a, c = forms(head)
    logits = a @ z + c
    for token in (0, SLICE - 1, SLICE, 2 * SLICE + 2):
        others = np.delete(logits, token)
        expected = np.logaddexp.reduce(others) - logits[token]
        assert attained_log_odds(head, token, z) == pytest.approx(expected, rel=1e-12)
    bounds, each = first_bounds(head, table), head.outputs - 1
    for token in (0, SLICE, 2 * SLICE + 2):
        mean = np.delete(a, token, 0).mean(0)
        exact = np.log(each) + np.delete(c, token).mean() - c[token]
        exact -= 3**0.5 * np.linalg.norm(a[token] - mean)
        assert bounds[token] == pytest.approx(exact, abs=1e-9)
    found = certainty(head, rounds=1)
    assert found.log_odds.shape == (head.outputs,) and found.token == found.log_odds.argmin()
    assert found.log_odds[found.token] <= found.attained
    # equal weights are where every token starts: no bound ends below
    assert (found.log_odds >= bounds).all() and (found.log_odds > bounds).sum() <= 32


def test_a_support_and_a_rest_make_one_set_of_weights():
    """q on two tokens and the same small number on all others, against the formula itself."""
    head, token = head_of(6, seed=2), 3
    a, c = forms(head)
    q = np.array([0.02, 0.5, 0.02, 0.0, 0.3, 0.02])
    others = np.arange(6) != token
    mass = q[others].sum()
    exact = (q[others] * (c[others] - np.log(q[others]))).sum() / mass + np.log(mass) - c[token]
    mean = (q[others, None] * a[others]).sum(0) / mass
    exact -= 3**0.5 * np.linalg.norm(a[token] - mean)
    table = Table.of(head)
    found = bound(head, table, token, np.array([1, 4]), q[[1, 4]], 0.02)
    assert found == pytest.approx(exact, abs=1e-9) and found <= exact + 1e-12
    everyone = np.flatnonzero(others)
    assert bound(head, table, token, everyone, q[everyone], 0.0) == pytest.approx(found)
    # a rest without tokens to give it to changes nothing
    assert bound(head, table, token, everyone, q[everyone], 0.7) == pytest.approx(found)


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm", "dyt"])
def test_the_farthest_output_of_a_norm(kind):
    norm = Norm(kind, np.ones(3), np.zeros(3), alpha=0.5)
    directions = RNG.normal(size=(20, 3)).astype(np.float32)
    if kind == "layernorm":
        directions -= directions.mean(-1, keepdims=True)
    reached = (farthest(norm, directions) * directions).sum(-1)
    assert (reached[:, None] >= directions @ sphere(norm, 500).T - 1e-5).all()
    assert np.isfinite(farthest(norm, np.zeros((1, 3), dtype=np.float32))).all()


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm", "dyt"])
def test_the_climb_ends_where_sampling_ends(kind):
    norm = Norm(kind, np.array([1.0, -0.7, 0.4]), np.array([0.2, 0.0, -0.3]), alpha=0.5)
    head = head_of(9, norm, 1.5, seed=3)
    table, tokens = Table.of(head), np.arange(9)
    q, z = climb(table, norm, tokens)
    assert (q >= 0).all() and q.sum(1) == pytest.approx(np.ones(9), abs=1e-5)
    assert (q[tokens, tokens] == 0).all()
    reached = odds(head, z)[tokens, tokens]
    lowest = odds(head, sphere(norm, 20_000)).min(0)
    assert (reached <= lowest + 2 * CLOSE).all()
    if kind != "dyt":
        assert (np.linalg.norm(z, axis=1) <= 3**0.5 + 1e-4).all()
    bounds, _ = sharpened(head, table, tokens)
    assert (bounds <= lowest + 1e-9).all() and (bounds >= reached - 0.05).all()
    assert (bounds >= first_bounds(head, table) - 0.05).all()
    # a few tokens of their own order: rows belong to the tokens asked for
    some, _ = sharpened(head, table, np.array([7, 2]))
    assert some == pytest.approx(bounds[[7, 2]], abs=0.03)


def test_a_sum_of_exponentials_does_not_overflow():
    logits = np.array([[1000.0, 1000.0], [-1000.0, -1000.0], [0.0, np.log(3)]])
    assert log_sum(logits) == pytest.approx([1000 + np.log(2), -1000 + np.log(2), np.log(4)])


def test_entropy_floor_between_and_at_reciprocals():
    """phi(P) = -k P ln P - (1 - kP) ln(1 - kP), k = floor(1/P); ln n at P = 1/n."""
    for largest in (0.9, 0.6, 0.45, 0.35, 0.3, 0.11):
        k = int(1 / largest)
        rest = 1 - k * largest
        exact = -k * largest * np.log(largest) - rest * np.log(rest)
        found = entropy_floor(float(np.log((1 - largest) / largest)))
        assert float(found) == pytest.approx(exact, rel=1e-12)
    # beside ln 2: above and below the branch's end alike
    for log_odds in (0.0, 1e-9, -1e-9):
        assert float(entropy_floor(log_odds)) == pytest.approx(np.log(2), abs=1e-7)
    assert float(entropy_floor(float(np.log(4)))) == pytest.approx(np.log(5), abs=1e-6)
    # certain to e^-40: entropy (1 + 40) e^-40
    assert float(entropy_floor(-40.0)) == pytest.approx(41 * np.exp(-40), rel=1e-9)
    floors = [float(entropy_floor(x)) for x in np.linspace(-5, 5, 101)]
    assert floors == sorted(floors)


def test_largest_probability_is_that_of_the_token_with_the_least_odds():
    found = certainty(head_of(5, seed=4))
    least = found.log_odds.min()
    assert found.log_odds[found.token] == least
    assert found.largest_probability == pytest.approx(1 / (1 + np.exp(least)), rel=1e-12)
    assert found.largest_probability >= 1 / (1 + np.exp(least)) * (1 - 1e-15)
    assert found.entropy == pytest.approx(float(entropy_floor(float(least))), rel=1e-12)
    assert found.log_entropy == pytest.approx(np.log(found.entropy), rel=1e-9)
    assert np.linalg.norm(found.witness) <= 3**0.5
    sure = certainty(head_of(5, scale=1e4, seed=4))
    assert sure.largest_probability == 1.0 and sure.entropy >= 0


def test_sums_and_enclosures():
    parts = [Balls(np.array([1.0, 2.0]), np.array([0.1, 0.0])), Balls.exact(np.array([3.0, -2.0]))]
    total = stacked(parts)
    assert total.mid.tolist() == [4, 0] and total.rad == pytest.approx([0.1, 0])
    interval = Interval(1.0, 1.5)
    ball = enclosing(Balls.between(np.array(1.0), np.array(1.5)).arb())
    assert ball.lower() <= interval.low and interval.high <= ball.upper()
    assert ball.rad == pytest.approx(0.25)
