import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.balls import Balls
from theory.discs import enclose, farthest, vertices
from theory.streams import Stream

ORIGIN = Balls.exact(np.zeros(2))


def points(disc, rng, count=200):
    """s D_0 + t D_j on the rim and inside of the half discs, (count, d)."""
    angle, size = rng.uniform(0, np.pi, count), np.sqrt(rng.uniform(0, 1, count))
    size[::2] = 1.0
    j = rng.integers(1, disc.shape[1], count)
    return (size * np.cos(angle))[:, None] * disc[:, 0] + (size * np.sin(angle))[:, None] * disc.T[
        j
    ]


def test_a_half_disc_ends_at_its_chord():
    """s e_1 + t e_2 with s² + t² <= 1, t >= 0, along e_2, -e_2, e_1, 3 e_1 - 4 e_2 at once."""
    stream = Stream.at(ORIGIN).with_shape(enclose(Balls.exact(np.eye(2))))
    rows = np.array([[0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [3.0, -4.0]])
    low, high = stream.support(Balls.exact(rows))
    middle = rows @ stream.centre
    assert low + middle == pytest.approx([0, -1, -1, -5], abs=1e-11)
    assert high + middle == pytest.approx([1, 0, 1, 3], abs=1e-11)


def test_the_ellipsoid_of_one_half_disc_is_smaller_than_its_disc():
    """Centre (0, c), semi-axes a, b: a² + b² is least at c = 1/4, a² = 9/8, b = 3/4."""
    disc = enclose(Balls.exact(np.eye(2)))
    semi = np.linalg.svd(disc.columns, compute_uv=False)
    assert semi == pytest.approx([np.sqrt(9 / 8), 3 / 4], rel=0.015)
    assert 27 / 16 <= (semi**2).sum() <= 27 / 16 * 1.015
    stream = Stream.at(ORIGIN).with_shape(disc)
    assert abs(stream.centre[0]) < 1e-9 and stream.centre[1] == pytest.approx(1 / 4, abs=0.015)


@pytest.mark.parametrize("tokens", [2, 3, 6, 20])
def test_the_ellipsoid_of_a_simplex_is_nearly_the_least(tokens):
    """t e_j without a pole: (tr S^(1/2))² for the covariance S of any weights is a lower bound.

    Weight w on 0 and p = (1 - w)/T on each e_j: S = p - p² 11' has p, T - 1 times, and p w.
    """
    corners = np.concatenate([np.zeros((tokens, 1)), np.eye(tokens)], 1)
    w = np.linspace(0, 1, 1001)
    p = (1 - w) / tokens
    least = (((tokens - 1) * np.sqrt(p) + np.sqrt(p * w)) ** 2).max()
    found = (enclose(Balls.exact(corners)).columns ** 2).sum()
    # the polygon around a half disc is 1.0012 times as far
    assert least * (1 - 1e-5) <= found <= least * 1.0045


@pytest.mark.parametrize("seed", range(4))
def test_turning_scaling_and_reordering_a_set_do_that_to_its_ellipsoid(seed):
    rng = np.random.default_rng(seed)
    matrix, order = rng.normal(size=(5, 9)), rng.permutation(np.arange(1, 9))
    turn, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    shape = enclose(Balls.exact(matrix)).columns
    gram = shape @ shape.T
    for image, expected in (
        (1e3 * turn @ matrix, 1e6 * turn @ gram @ turn.T),
        (matrix[:, [0, *order]], gram),
        (matrix[:, [0, *order, 1]], gram),
    ):
        found = enclose(Balls.exact(image)).columns
        # a token that is there twice begins with twice the weight
        near = 1e-9 if image.shape == matrix.shape else 0.1
        size = np.linalg.norm(expected)
        assert np.linalg.norm(found @ found.T - expected) <= near * size


def test_radii_reach_the_farthest_of_the_first_tokens_and_hardly_beyond():
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(4, 7)) * np.array([1.0, 0.1, 3.0, 0.2, 0.1, 5.0, 0.1])
    disc = enclose(Balls(matrix, np.full((4, 7), 1e-3)))
    middle = disc.columns @ disc.origin
    radii = disc.radii()
    for last in range(1, 7):
        seen = points(matrix[:, : last + 1], rng, 20000) - middle
        reached = np.linalg.norm(seen, axis=1).max()
        assert reached + disc.missed * 0.5 <= radii[last - 1] <= reached * 1.003 + disc.missed


def test_what_a_radius_hides_is_in_the_support():
    """u known to a radius: every u.(s p_0 + t p_j - o) of every member u."""
    rng = np.random.default_rng(6)
    disc = enclose(Balls.exact(rng.normal(size=(4, 6))))
    seen = Balls(rng.normal(size=(30, 4)), np.full((30, 4), 0.2))
    low, high = disc.support(seen)
    places = points(disc.points, rng, 3000) - disc.origin
    for _ in range(20):
        u = seen.mid + seen.rad * rng.choice([-1, 1], size=(30, 4))
        hit = u @ places.T
        assert (low <= hit.min(1)).all() and (hit.max(1) <= high).all()
    exact_low, exact_high = disc.support(Balls.exact(seen.mid))
    off = 0.2 * 2 * (np.abs(disc.points).sum(0).max() + np.abs(disc.origin).sum())
    assert (high - exact_high <= off).all() and (exact_low - low <= off).all()
    assert (high > exact_high).all() and (low < exact_low).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(-200, 200), st.integers(1, 6))
def test_every_member_is_in_the_ellipsoid_and_in_the_support(seed, exponent, tokens):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(4, 1 + tokens)) * 10.0 ** rng.uniform(-3, 1, 1 + tokens)
    if seed % 3 == 0:
        matrix[:, 1:] = matrix[:, 1:2]
    matrix *= 10.0 ** (exponent / 4)
    disc = enclose(Balls.exact(matrix))
    stream = Stream.at(Balls.exact(np.zeros(4))).with_shape(disc)
    rows = Balls.exact(rng.normal(size=(30, 4)))
    seen = (points(matrix, rng) - stream.centre) @ rows.mid.T
    low, high = stream.support(rows)
    around = stream.plain().support(rows)[1]
    # the points are rounded, the bounds are not
    fuzz = 1e-13 * np.abs(matrix).max() * 30
    assert (low - fuzz <= seen).all() and (seen <= high + fuzz).all()
    assert (high <= around * (1 + 1e-9)).all() and (-low <= around * (1 + 1e-9)).all()
    assert (low <= 0).all() and (high >= 0).all()
    assert disc.missed <= 1e-12 * np.abs(matrix).max()


def test_no_place_is_farther_than_the_ellipsoid_and_one_is_as_far():
    rng = np.random.default_rng(7)
    disc = enclose(Balls.exact(rng.normal(size=(6, 9))))
    places = points(disc.points, rng, 4000) - disc.origin
    assert 0.98 < np.linalg.norm(places, axis=1).max() <= farthest(disc.points, disc.origin) <= 1


def test_places_that_rounding_put_outside_are_pulled_in(monkeypatch):
    """The search only proposes: a shape ten times too small is doubled until it holds all."""
    matrix = np.random.default_rng(1).normal(size=(3, 5))
    fair = enclose(Balls.exact(matrix))
    monkeypatch.setattr("theory.discs.smallest", lambda p: (np.eye(len(p)) / 10, np.zeros(len(p))))
    disc = enclose(Balls.exact(matrix))
    assert farthest(disc.points, disc.origin) <= 1 < farthest(2 * disc.points, 2 * disc.origin)
    assert disc.columns @ disc.points == pytest.approx(fair.columns @ fair.points, abs=1e-12)


def test_the_polygon_holds_the_half_disc_and_hardly_more():
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(3, 2))
    corners = vertices(matrix).mid.reshape(-1, 3)
    for row in rng.normal(size=(50, 3)):
        along = matrix.T @ row
        exact = np.hypot(along[0], max(along[1], 0.0))
        assert exact <= (corners @ row).max() <= exact * 1.0013


def test_radii_are_paid_for_and_nothing_is_made_of_zeros():
    matrix = np.random.default_rng(3).normal(size=(3, 4))
    paid = enclose(Balls(matrix, np.full((3, 4), 0.01))).missed
    assert 2 * 0.01 * np.sqrt(3) <= paid <= 2 * 0.01 * np.sqrt(3) * (1 + 1e-9)
    silent = enclose(Balls.exact(np.zeros((3, 4))))
    assert silent.columns.shape == (3, 0) and silent.missed < 1e-100
    stream = Stream.at(Balls.exact(np.zeros(3))).with_shape(silent)
    assert stream.columns.shape == (3, 0) and stream.norm() < 1e-100
    faint = enclose(Balls(np.full((3, 4), 1e-30), np.full((3, 4), 1e300)))
    assert 2e300 * np.sqrt(3) <= faint.missed <= 2e300 * np.sqrt(3) * (1 + 1e-9)
    lost = enclose(Balls.exact(np.full((3, 4), np.inf)))
    assert lost.missed == np.inf


def test_discs_come_first_whatever_is_added_before_or_after():
    rng = np.random.default_rng(4)
    disc = enclose(Balls.exact(rng.normal(size=(3, 5))))
    noise = Balls.exact(rng.normal(size=(3, 4)))
    empty = Stream.at(Balls.exact(np.zeros(3)))
    rows = Balls.exact(rng.normal(size=(20, 3)))
    first, last = empty.with_shape(disc).joined(noise, 2), empty.joined(noise, 2).with_shape(disc)
    both = empty.joined(noise, 2).plus(empty.with_shape(disc))
    for stream in (first, last, both):
        assert stream.starts.tolist() == [0, 3, 5] and len(stream.shapes) == 1
        np.testing.assert_allclose(stream.support(rows), first.support(rows), rtol=1e-12)
    twice = last.plus(last).support(rows)
    np.testing.assert_allclose(twice, 2 * np.array(last.support(rows)), rtol=1e-12)
