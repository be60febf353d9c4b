from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.activations import value
from theory.balls import Balls
from theory.hidden import pass_mlp, straightened
from theory.network import activate, normed
from theory.passages import (
    Query,
    corners,
    linearised,
    normalised,
    squashed,
    view,
)
from theory.streams import Stream
from theory.weights import MLP, Norm, Weights


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 0.95), st.floats(0, 2), st.floats(1e-6, 3), st.integers(0, 10**6))
def test_no_point_of_the_rectangle_leaves_the_linear_map(back, ahead, side, seed):
    rng = np.random.default_rng(seed)
    c, alpha, beta, noise = linearised(back, ahead, side)
    p = 1 - back + (back + ahead) * rng.uniform(size=4000)
    q = side * rng.uniform(size=4000)
    edge, rim = corners(back, ahead, side)
    p, q = np.concatenate([p, edge]), np.concatenate([q, rim])
    size = np.hypot(p, q)
    off = np.hypot(p / size - c - alpha * (p - 1), q / size - beta * q).max()
    target(off / noise)
    # a unit vector's computed length may exceed 1 by an ulp or two
    assert off <= noise * (1 + 2.0**-50) and noise <= 1
    if back < 0.5:
        # what the grid adds to the worst corner, in the scale of the nearest point's curvature
        assert noise <= 1.02 * off + 3e-4 * (side**2 + side) / (1 - back) ** 3


def test_small_angles_cost_their_square():
    noises = [linearised(s / 3, s / 3, s)[3] for s in (1e-1, 1e-2, 1e-3)]
    assert noises[0] / noises[1] == pytest.approx(100, rel=0.2)
    assert noises[1] / noises[2] == pytest.approx(100, rel=0.05)
    assert linearised(1.0, 0.1, 0.1) == linearised(0.5, 0.1, np.inf) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("kind", ("gelu", "gelu_tanh", "silu", "relu"))
def test_chords_hold_the_activation(kind):
    rng = np.random.default_rng(0)
    low = rng.normal(size=120) * 6
    high = low + np.concatenate([[0.0], 10.0 ** rng.uniform(-12, 1.3, size=119)])
    tilt, rest = straightened(kind, low, high)
    u = low + (high - low) * np.linspace(0, 1, 401)[:, None]
    inside = value(kind, Balls.exact(u)).mid - tilt * u
    assert (np.abs(inside - rest.mid) <= rest.rad + 1e-14 * (1 + np.abs(u))).all()
    assert np.allclose(value(kind, Balls.exact(u)).mid, activate(kind, u), rtol=0, atol=1e-11)
    if kind != "relu":
        # act'' <= 1.13 and a chord's rest is one-sided at worst: half of C w²/8
        assert (rest.rad <= 1.13 * (high - low) ** 2 / 8 + 1e-7).all()


@pytest.mark.parametrize("kind", ("gelu", "gelu_tanh", "silu"))
def test_rests_of_wide_intervals_are_hardly_wider_than_what_is_reached(kind):
    low = np.repeat(np.linspace(-6, 5, 23), 3)
    high = low + np.tile([0.6, 2.0, 9.0], 23)
    tilt, rest = straightened(kind, low, high)
    u = low + (high - low) * np.linspace(0, 1, 4001)[:, None]
    inside = value(kind, Balls.exact(u)).mid - tilt * u
    for beyond in ((rest.mid + rest.rad) - inside.max(0), inside.min(0) - (rest.mid - rest.rad)):
        # 2^-14 is how near the range is looked for, 1e-6 what sampling misses
        assert (beyond <= 2.0**-14 + 1e-6).all()


def members(stream, rng, count):
    """Streams of the set whose noise is balls of one group each."""
    total = np.repeat(stream.centre[None], count, 0)
    for group in np.split(stream.columns, stream.starts[1:], axis=1):
        b = rng.normal(size=(count, group.shape[1]))
        total += (b / np.linalg.norm(b, axis=1, keepdims=True)) @ group.T
    return total


def noisy(weights, rng, size):
    """A stream around the model's offset with two balls of noise."""
    d = weights.width
    stream = Stream.at(Balls.exact(weights.read_in_bias + weights.positions[-1]))
    if weights.final_norm.kind == "layernorm" and weights.blocks[0].norm.kind == "layernorm":
        centring = np.eye(d) - 1 / d
        stream = Stream.at(Balls.exact(centring @ stream.centre))
        noise = [centring @ rng.normal(size=(d, k)) * size for k in (2, d)]
    else:
        noise = [rng.normal(size=(d, k)) * size for k in (2, d)]
    for part in noise:
        stream = stream.joined(Balls.exact(part), part.shape[1])
    return stream


@pytest.mark.parametrize("final", ("layernorm", "rmsnorm"))
@pytest.mark.parametrize("share", (1.0, 0.5, 0.0))
@pytest.mark.parametrize("eps", (0.0, 1e-5, 2.0))
@pytest.mark.parametrize("size", (0.02, 0.5, 10.0))
def test_norms_and_mlps_hold_their_members(random_weights, final, share, eps, size):
    weights = random_weights(final_norm=final, eps=eps, seed=4)
    rng = np.random.default_rng(5)
    mlp, stream = weights.blocks[1], noisy(weights, rng, size)
    assert isinstance(mlp, MLP)
    query = Query(-6.0, share)
    seen = view(weights, mlp.norm, query, stream)
    output = normalised(weights, mlp.norm, seen)
    met, passed = pass_mlp(weights, 1, query, stream)
    plain = Norm(mlp.norm.kind, np.ones(8), np.zeros(8), eps=eps)
    scale = rng.uniform(size=500) ** -1.0 if share == 0 else rng.uniform(1, 1 / share, size=500)
    r = members(stream, rng, 500)
    h = -6.0 * scale[:, None] * weights.read_in + r
    z, u = normed(plain, h), normed(mlp.norm, h)
    after = r + activate(mlp.activation, u @ mlp.up.T + mlp.up_bias) @ mlp.down.T + mlp.down_bias
    if final == "layernorm":
        after = after - after.mean(-1, keepdims=True)
    units = u @ mlp.up.T + mlp.up_bias
    assert (units >= met.low - 1e-9).all() and (units <= met.high + 1e-9).all()
    rows = Balls.exact(rng.normal(size=(30, 8)))
    low, high = passed.support(rows)
    moved = (after - passed.centre) @ rows.mid.T
    assert (moved >= low - 1e-9).all() and (moved <= high + 1e-9).all()
    reach = seen.stream.support(Balls.exact(rows.mid @ output.jacobian))
    off = (z - output.centre.mid) @ rows.mid.T
    lengths = np.linalg.norm(rows.mid, axis=1) * output.ball
    assert (off <= reach[1] + lengths + 1e-9).all() and (off >= reach[0] - lengths - 1e-9).all()


@pytest.mark.parametrize("share", (1.0, 0.25, 0.0))
def test_dyt_boxes_hold_their_members(random_weights, share):
    weights = random_weights(norm="dyt", final_norm="rmsnorm", seed=1)
    weights.read_in[2] = 0
    rng, norm = np.random.default_rng(2), weights.blocks[1].norm
    stream = noisy(weights, rng, 0.3)
    box = squashed(weights, norm, Query(2.0, share), stream)
    assert box.box is not None
    x = 2.0 * (rng.uniform(size=(400, 1)) ** -1.0 if share == 0 else rng.uniform(1, 1 / share))
    z = np.tanh(norm.alpha * (x * weights.read_in + members(stream, rng, 400)))
    assert (np.abs(z - box.centre.mid) <= box.box + 1e-12).all()
    far = squashed(weights, norm, Query(1e9, 0.0), stream)
    assert far.box is not None
    assert (far.box[np.arange(8) != 2] < 1e-9).all() and far.box[2] > 0.1


@pytest.mark.parametrize("eps", (0.1, 10.0, 1000.0))
def test_the_appended_coordinate_moves_along_the_axis_too(eps):
    """No noise at all, queries from x to infinity: eps alone turns and shortens the output."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        norm = Norm("rmsnorm", np.ones(3), np.zeros(3), eps)
        read_in, offset = rng.normal(size=3), rng.normal(size=3) * 0.01
        weights = Weights(read_in, 0 * offset, offset[None], (), norm, np.ones(3), 0.0)
        query = Query(float(10 ** rng.uniform(-1, 2)), 0.0)
        seen = view(weights, norm, query, Stream.at(Balls.exact(offset)))
        if not seen.closed:
            continue
        output, t = normalised(weights, norm, seen), np.linspace(1e-6, 1, 200)[:, None]
        z = normed(norm, query.x / t * read_in + offset)
        off = z - output.centre.mid - (t - query.middle) * offset @ output.jacobian.T
        assert np.linalg.norm(off, axis=1).max() <= output.ball


def test_an_axis_known_to_a_radius_is_paid_for(random_weights):
    """Every member of the axis has its own Jacobian: what it moves more is in the ball."""
    weights, rng = random_weights(seed=4), np.random.default_rng(6)
    norm, query = weights.blocks[1].norm, Query(-6.0, 1.0)
    seen = view(weights, norm, query, noisy(weights, rng, 0.1))
    wide = replace(seen, axis=Balls(seen.axis.mid, np.full(8, 0.01)))
    exact, output = normalised(weights, norm, seen), normalised(weights, norm, wide)
    c, alpha, beta, _ = linearised(seen.back, seen.ahead, seen.side)
    size, root = float(seen.size.mid), 8**0.5
    worst = 0.0
    for _ in range(50):
        axis = seen.axis.mid + 0.01 * rng.choice([-1, 1], size=8)
        jacobian = (np.eye(8) * beta + np.outer(axis, axis) * (alpha - beta)) * root / size
        worst = max(worst, np.linalg.norm(jacobian - output.jacobian, 2) * seen.reach)
        assert (np.abs(root * c * axis - output.centre.mid) <= output.centre.rad + 1e-12).all()
    assert exact.ball + 0.9 * worst <= output.ball


def test_a_ball_that_touches_the_origin_has_every_direction(random_weights):
    weights = random_weights()
    seen = view(weights, weights.blocks[1].norm, Query(50.0), noisy(weights, np.random, 0.1))
    assert seen.closed and not replace(seen, back=1.0).closed
