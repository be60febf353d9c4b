from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.anatomy import circuits, ray
from theory.balls import Balls
from theory.bands import functional_band
from theory.discs import enclose
from theory.functional import first_order
from theory.network import attend, forward, normed
from theory.streams import Stream
from theory.walls import Cut, Room, farthest, nearest, reachable, walls
from theory.weights import Norm, NormKind


def room_of(stream, w, kind: NormKind):
    """The room of a set of streams behind the ray w."""
    e = w / np.linalg.norm(w)
    norm = Norm(kind, np.ones(len(w)), np.zeros(len(w)))
    return Room(stream, norm, Balls.exact(w), nearest(stream, e))


def quiet(random_weights, **options):
    """Attention alone, that adds less than the offsets of every position hold against it."""
    weights = random_weights(mlp=False, **options)
    blocks = tuple(replace(b, output=0.2 * b.output) for b in weights.blocks)
    positions = 0.2 * weights.positions
    return replace(weights, blocks=blocks, positions=positions)


def inputs(weights, tokens, index):
    """z of every token before the attention that is block ``index``, gain and shift left out."""
    h = tokens[..., None] * weights.read_in + weights.read_in_bias
    h = h + weights.positions[: tokens.shape[1]]
    for block in weights.blocks[:index]:
        h = h + attend(block, normed(block.norm, h))
    norm = weights.blocks[index].norm
    return normed(replace(norm, gamma=np.ones(weights.width), beta=np.zeros(weights.width)), h)


def prompts(rng, count, length):
    """Tokens of all sizes and signs, one size a prompt or each its own."""
    size = 10.0 ** rng.uniform(-4, 6, size=(count, 1 + length))
    size[::2] = size[::2, :1]
    return rng.normal(size=(count, length)) * size[:, 1:]


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm"])
@pytest.mark.parametrize("seed", range(4))
def test_no_token_is_beyond_a_wall(random_weights, kind, seed):
    weights = quiet(random_weights, norm=kind, layers=3, seed=seed)
    rng, found = np.random.default_rng(seed), 0
    tokens = prompts(rng, 3000, 9)
    for index in (1, 2):
        room = Room.before(weights, index)
        if room is None:
            assert walls(weights, index) is None
            continue
        z = inputs(weights, tokens, index)
        for direction in rng.normal(size=(6, 8)):
            p = room.wall(direction)
            if p is not None:
                found += 1
                assert (z @ p.mid).max() <= 1e-9 * np.linalg.norm(p.mid)
                assert np.linalg.norm(direction - p.mid) < np.linalg.norm(direction)
        for h, wall in enumerate(walls(weights, index) or ()):
            frame = np.linalg.qr(circuits(weights)[index].values[h].mid.T)[0]
            rows = rng.normal(size=(40, frame.shape[1]))
            low, high = Cut(np.eye(len(rows.T)), wall).support(Balls.exact(rows))
            seen = (z @ frame / 8**0.5).reshape(-1, len(rows.T)) @ rows.T
            assert (low - 1e-9 <= seen).all() and (seen <= high + 1e-9).all()
            assert (np.linalg.norm(wall.mid, axis=1) <= 1 + 1e-12).all()
    assert found >= 6


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm"])
def test_the_cone_of_one_stream_is_a_half_plane(kind):
    """R = {r}: what is left of u is its part along r across w, if that is ahead."""
    rng = np.random.default_rng(0)
    w, r = rng.normal(size=(2, 6))
    if kind == "layernorm":
        w, r = w - w.mean(), r - r.mean()
    e = w / np.linalg.norm(w)
    r = r - e * (e @ r)
    room = room_of(Stream.at(Balls.exact(r)), w, kind)
    for u in rng.normal(size=(20, 6)):
        u = u - u.mean() if kind == "layernorm" else u
        across = u - e * (e @ u)
        p = room.wall(across)
        assert p is not None
        along = max(across @ r, 0.0) / np.linalg.norm(r)
        assert np.linalg.norm(across - p.mid) == pytest.approx(along, abs=2e-3)
        assert p.mid @ r <= 1e-12 and abs(p.mid @ w) <= 1e-12
        if kind == "layernorm":
            assert abs(p.mid.sum()) <= 1e-12


def test_the_cone_around_a_ball_has_its_tangent_angle():
    """R = c + rho b: the farthest direction from c is at the angle asin(rho/|c|)."""
    c, rho = np.array([0.0, 5.0, 0.0, 0.0]), 3.0
    ball = Stream.at(Balls.exact(c)).joined(Balls.exact(rho * np.eye(4)), 4)
    room = room_of(ball, np.array([1.0, 0.0, 0.0, 0.0]), "rmsnorm")
    assert room.inside == pytest.approx([0, 2, 0, 0], abs=1e-3)
    p = room.wall(np.array([0.0, 0.0, 1.0, 0.0]))
    backward = room.wall(np.array([0.0, -1.0, 0.0, 0.0]))
    assert p is not None and backward is not None
    assert np.linalg.norm([0, 0, 1, 0] - p.mid) == pytest.approx(rho / 5, abs=2e-3)
    assert np.linalg.norm([0, -1, 0, 0] - backward.mid) == pytest.approx(0, abs=2e-2)
    assert room.wall(np.array([0.0, 1.0, 0.0, 0.0])) is None


def test_a_set_around_the_ray_has_no_walls(random_weights):
    ball = Stream.at(Balls.exact(np.array([0.0, 1.0, 1.0]))).joined(Balls.exact(2 * np.eye(3)), 3)
    room = room_of(ball, np.array([1.0, 0.0, 0.0]), "rmsnorm")
    assert np.linalg.norm(room.inside) < 0.1
    assert not room.highest(room.across(-room.inside)) < 0
    loud = random_weights(layers=3, scale=3.0, seed=1)
    assert [walls(loud, index) for index in (2, 4)] == [None, None]
    still = replace(loud, read_in=np.zeros(8))
    assert Room.before(still, 2) is None
    squashed = quiet(random_weights, norm="dyt", final_norm="layernorm", layers=2)
    assert walls(squashed, 1) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1.0, 0.6]))
def test_the_shadow_of_a_cut_ball_ends_where_its_points_do(seed, kept):
    """F = the first four of five coordinates, p with the share ``kept`` of its length in them."""
    rng = np.random.default_rng(seed)
    pi = rng.normal(size=4)
    pi *= kept / np.linalg.norm(pi)
    p = np.append(pi, np.sqrt(1 - kept**2))
    cut = Cut(np.eye(4), Balls.exact(pi[None]))
    z = rng.normal(size=(4000, 5)) * np.append(np.ones(4), rng.choice([0.1, 1.0]))
    z /= np.linalg.norm(z, axis=1)[:, None]
    rows = rng.normal(size=(20, 4)) * 10.0 ** rng.uniform(-6, 6, size=(20, 1))
    low, high = cut.support(Balls.exact(rows))
    seen = rows @ z[z @ p <= 0, :4].T
    assert (low <= seen.min(1)).all() and (seen.max(1) <= high).all()
    assert (low <= 0).all() and (0 <= high).all()
    along, size = np.maximum(rows @ pi, 0), np.linalg.norm(rows, axis=1)
    exact = np.sqrt(np.maximum(size**2 - along**2, 0))
    assert (high >= exact - 1e-12 * size).all() and (high <= exact + 1e-7 * size).all()
    # and it is reached: u less its part along p
    best = np.append(rows, np.zeros((20, 1)), 1) - along[:, None] * p
    best /= np.maximum(np.linalg.norm(best, axis=1), 1e-300)[:, None]
    assert ((best[:, :4] * rows).sum(1) >= high - 1e-6 * size).all()


def test_a_cut_of_no_row_and_of_many_walls():
    cut = Cut(np.eye(2), Balls.exact(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])))
    low, high = cut.support(
        Balls.exact(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, -3.0], [1.0, 2.0]]))
    )
    assert high == pytest.approx([0, 0, 3, 1], abs=1e-6)
    assert low == pytest.approx([0, -2, 0, -np.sqrt(5)], abs=1e-6)
    assert cut.origin.tolist() == [0, 0]


def test_the_farthest_member_is_where_the_support_is():
    rng = np.random.default_rng(5)
    stream = Stream.at(Balls.exact(rng.normal(size=5))).loosened(0.3)
    stream = stream.joined(Balls.exact(rng.normal(size=(5, 6))), 3)
    stream = stream.with_shape(enclose(Balls.exact(rng.normal(size=(5, 4)))))
    for row in rng.normal(size=(20, 5)):
        top = row @ stream.centre + stream.support(Balls.exact(row[None]))[1][0]
        assert row @ farthest(stream, row) == pytest.approx(top, rel=1e-9)


def test_what_tokens_can_be_is_all_positions_and_the_blocks_before(random_weights):
    weights = quiet(random_weights, layers=3, seed=2)
    rng = np.random.default_rng(0)
    tokens = prompts(rng, 500, 9)
    h = tokens[..., None] * weights.read_in + weights.read_in_bias + weights.positions
    for index, block in enumerate(weights.blocks):
        stream, rows = reachable(weights, index), rng.normal(size=(20, 8))
        rest = h - tokens[..., None] * weights.read_in
        rest = (rest - rest.mean(-1, keepdims=True)).reshape(-1, 8) - stream.centre
        low, high = stream.support(Balls.exact(rows))
        noise = 1e-9 * (1 + np.abs(tokens).max())
        assert (rest @ rows.T <= high + noise).all() and (rest @ rows.T >= low - noise).all()
        h = h + attend(block, normed(block.norm, h))


@pytest.mark.parametrize("seed", range(3))
def test_walls_narrow_the_band_and_lose_no_prediction(random_weights, seed, monkeypatch):
    weights = quiet(random_weights, layers=3, seed=seed)
    band, limit = functional_band(weights, 500.0, 8), first_order(weights, 1, 8)
    tokens = prompts(np.random.default_rng(seed), 20000, 9)
    tokens[:, -1] = 500.0
    y = forward(weights, tokens)[:, -1]
    assert max(band.excess(float(v)) for v in (y.min(), y.max())) <= 1e-9
    plain = replace(weights, read_out_bias=weights.read_out_bias)
    monkeypatch.setattr("theory.passages.walls", lambda *_: None)
    assert functional_band(plain, 500.0, 8).width >= band.width
    assert first_order(plain, 1, 8).width > limit.width
    assert np.linalg.norm(ray(plain).mid) > 0
