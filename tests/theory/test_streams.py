import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.balls import Balls
from theory.discs import enclose
from theory.streams import Stream


def build(rng, d=5):
    """A stream with ball, box and half-disc noise, and members of it."""
    columns = [rng.normal(size=(d, k)) for k in (3, d, 1)]
    discs = rng.normal(size=(d, 4))
    stream = Stream.at(Balls.exact(rng.normal(size=d)))
    for part, size in zip((*columns, rng.normal(size=(d, 6))), (3, d, 1, 1), strict=True):
        stream = stream.joined(Balls.exact(part), size)
    return stream.with_shape(enclose(Balls.exact(discs))).loosened(0.1)


def member(stream, rng, direction=None):
    """A deviation of the set: random, or the one that reaches farthest along a direction."""
    d = len(stream.centre)
    seen = np.zeros(d) if direction is None else direction
    total = np.zeros(d)
    groups = np.split(stream.columns, stream.starts[1:], axis=1)
    for group in groups[len(stream.shapes) :]:
        b = group.T @ seen if direction is not None else rng.normal(size=group.shape[1])
        total += group @ (b / max(np.linalg.norm(b), 1e-300))
    for group, disc in zip(groups, stream.shapes, strict=False):
        if direction is None:
            angle, j = rng.uniform(0, np.pi), rng.integers(1, disc.points.shape[1])
        else:
            hits = disc.points.T @ (group.T @ seen)
            j = 1 + int(hits[1:].argmax())
            angle = np.arctan2(max(hits[j], 0), hits[0])
        place = disc.points[:, 0] * np.cos(angle) + disc.points[:, j] * np.sin(angle)
        total += group @ (place - disc.origin)
    push = rng.normal(size=d) if direction is None else seen
    return total + stream.slack * push / np.linalg.norm(push)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_support_holds_every_member_and_is_reached(seed):
    rng = np.random.default_rng(seed)
    stream, row = build(rng), rng.normal(size=5)
    low, high = stream.support(Balls.exact(row[None]))
    for _ in range(20):
        assert low[0] <= row @ member(stream, rng) <= high[0]
    reached = row @ member(stream, rng, row)
    target(reached / high[0])
    assert reached <= high[0]
    assert reached == pytest.approx(high[0], rel=1e-9)
    assert row @ member(stream, rng, -row) == pytest.approx(low[0], rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(-6, 6))
def test_norm_and_merging_lose_no_member(seed, exponent):
    rng = np.random.default_rng(seed)
    stream = build(rng).mapped(10.0**exponent * rng.normal(size=(5, 5)), keep=False)
    small = stream.merged(9)
    assert small.columns.shape[1] < stream.columns.shape[1]
    bound, looser = stream.norm(), small.norm()
    for _ in range(20):
        direction = rng.normal(size=5)
        for v in (member(stream, rng), member(stream, rng, direction)):
            assert np.linalg.norm(v) <= bound
            assert np.linalg.norm(v) <= looser * (1 + 1e-12)
            assert direction @ v <= small.support(Balls.exact(direction[None]))[1][0]
    # the triangle inequality, group by group, is what the weights have to beat
    sizes = [np.linalg.norm(g, 2) for g in np.split(stream.columns, stream.starts[1:], axis=1)]
    assert bound <= sum(sizes) + stream.slack


def test_the_largest_groups_are_kept_as_they_are():
    rng = np.random.default_rng(9)
    large, disc = 50 * rng.normal(size=(4, 6)), enclose(Balls.exact(rng.normal(size=(4, 3))))
    tiny = Balls.exact(rng.normal(size=(4, 40)))
    stream = Stream.nothing(4).joined(tiny, 1).joined(Balls.exact(large), 3).with_shape(disc)
    small = stream.merged(10)
    assert small.starts.tolist() == [0, 3, 6, 9] and len(small.shapes) == 1
    assert (small.columns[:, :3] == disc.columns).all() and (small.columns[:, 3:9] == large).all()
    row = Balls.exact(rng.normal(size=(1, 4)))
    # 40 segments as one ellipsoid: at most sqrt(40) times as far along a direction
    rest = Stream.nothing(4).joined(tiny, 1)
    beyond = small.support(row)[1] - stream.support(row)[1]
    assert 0 <= beyond[0] <= (np.sqrt(40) - 1) * rest.support(row)[1][0]
    assert stream.merged(46) is stream and stream.merged(45) is not stream
    # fewer columns than the ellipsoid has leave no room for anything else
    assert stream.merged(4).starts.tolist() == [0, 3]


@pytest.mark.parametrize("scale", [1e153, 1e200, 1e307, np.inf])
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_sets_too_large_to_square_are_not_merged_and_as_long_as_they_are(scale):
    columns = np.random.default_rng(0).normal(size=(4, 40))
    stream = Stream(np.zeros(4), scale * columns, np.arange(40))
    assert stream.merged(9) is stream
    longest = Stream(np.zeros(4), columns, np.arange(40)).norm()
    assert stream.norm() == (pytest.approx(scale * longest) if scale < 1e300 else np.inf)


def test_maps_act_on_the_deviation_alone():
    rng = np.random.default_rng(3)
    stream, matrix, row = build(rng), rng.normal(size=(5, 5)), rng.normal(size=5)
    moved = stream.mapped(matrix, keep=True)
    assert (moved.centre == stream.centre).all()
    slackless = Stream(stream.centre, stream.columns, stream.starts, stream.shapes)
    whole = slackless.mapped(matrix, keep=True).support(Balls.exact(row[None]))[1]
    there = slackless.support(Balls.exact((row + row @ matrix)[None]))[1]
    assert whole == pytest.approx(there, rel=1e-12)
    assert moved.slack >= stream.slack * np.linalg.norm(np.eye(5) + matrix, 2)


def test_a_single_stream_has_only_its_radius():
    stream = Stream.at(Balls(np.ones(3), np.full(3, 0.5)))
    assert stream.norm() == pytest.approx(0.5 * np.sqrt(3))
    assert stream.merged(1) is stream


@pytest.mark.parametrize("angle", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("ratio", [1.0, 7.0, 1e3])
def test_the_length_of_a_sum_of_two_segments(angle, ratio):
    """|b_1 u + b_2 v|, |b_i| <= 1, is longest at b_1 b_2 = ±1: sqrt(|u|² + |v|² + 2|u.v|)."""
    u, v = np.array([1.0, 0.0]), ratio * np.array([np.cos(angle), np.sin(angle)])
    stream = Stream.at(Balls.exact(np.zeros(2))).joined(Balls.exact(np.stack([u, v], 1)), 1)
    longest = np.sqrt(1 + ratio**2 + 2 * ratio * abs(np.cos(angle)))
    assert longest <= stream.norm() <= longest * 1.05


def test_a_length_is_never_more_than_the_sum_of_lengths():
    for u, v in (([1.0, 0.0], [0.0, 1.0]), ([1.0, 0.0], [0.0, 7.0])):
        columns = Balls.exact(np.array([u, v]).T)
        stream = Stream.at(Balls.exact(np.zeros(2))).joined(columns, 1)
        assert np.hypot(max(u), max(v)) <= stream.norm() <= (max(u) + max(v)) * (1 + 1e-12)
