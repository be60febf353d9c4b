from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

from tests.theory.test_velocity import bilinear
from theory import TheoryError
from theory.anatomy import circuits
from theory.balls import Balls
from theory.blocks import start
from theory.dispersion import score_ranges
from theory.functional import first_order
from theory.network import forward, normed
from theory.passages import Query, view
from theory.slope import N5, global_slope, readout_slope, slope_band
from theory.streams import Stream
from theory.velocity import attention_velocity, turning, velocities
from theory.weights import Norm

VARIANTS = [
    {"d": 8, "scale": 0.5},
    {"d": 2, "heads": 1, "layers": 1, "eps": 0.0},
    {"d": 3, "heads": 1, "scale": 0.3, "eps": 0.0},
    {"d": 16, "heads": 4, "layers": 3, "scale": 0.25},
    {"norm": "rmsnorm", "scale": 0.4},
    {"norm": "layernorm", "final_norm": "rmsnorm", "scale": 0.4},
    {"norm": "rmsnorm", "final_norm": "layernorm", "scale": 0.4, "eps": 1.0},
    {"mlp": False},
]


def slopes(weights, tokens):
    """dy/dx of the last token by central differences, good to about 1e-7 of its size."""
    step = 1e-5 * np.abs(tokens[:, -1])
    ends = []
    for side in (1, -1):
        moved = tokens.copy()
        moved[:, -1] += side * step
        ends.append(forward(weights, moved)[:, -1])
    return (ends[0] - ends[1]) / (2 * step)


def contexts(rng, x, count=200, length=9):
    """Prompts of every size that end with the query x."""
    tokens = rng.normal(size=(count, length)) * 10.0 ** rng.uniform(-3, 5, size=(count, length))
    tokens[::2] = rng.normal(size=(len(tokens[::2]), length)) * 10.0 ** rng.uniform(-2, 3)
    tokens[:, -1] = x
    return tokens


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_no_slope_leaves_the_band(random_weights, options):
    weights, rng = random_weights(**options, seed=2), np.random.default_rng(0)
    closed = 0
    for x in (6.0, -60.0, 1e3, -1e6):
        found = slopes(weights, contexts(rng, x))
        # differences of y, an ulp each, over the step
        noise = 1e-15 * 100 / (1e-5 * abs(x)) + 1e-6 * np.abs(found).max()
        band = slope_band(weights, x, 8 if x < 0 else None)
        closed += np.isfinite(band.width)
        assert band.low - noise <= found.min() and found.max() <= band.high + noise
    assert closed >= 2


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([-30.0, 300.0, 3e3]),
    st.lists(st.floats(-1e9, 1e9), min_size=8, max_size=8),
)
def test_hypothesis_finds_no_steeper_context(random_weights, seed, x, context):
    weights = random_weights(seed=seed % 40, scale=0.4)
    found = float(slopes(weights, np.array([[*context, x]]))[0])
    band = slope_band(weights, x, 8)
    if np.isfinite(band.width):
        target(abs(found) / band.magnitude)
        assert band.widened(1e-8 / abs(x)).excess(found) == 0


def test_far_out_the_slope_is_the_distance_from_the_plateau(random_weights):
    weights = random_weights(scale=0.5, seed=1)
    for sign in (1, -1):
        x = sign * 1e7
        band, limit = slope_band(weights, x, 8), first_order(weights, sign, 8)
        assert band.high * x * x == pytest.approx(
            -sign * (limit.low, limit.high)[sign < 0], rel=1e-3
        )
        assert band.width * x * x == pytest.approx(limit.width, rel=1e-3)


def test_the_still_part_is_the_larger_one_far_out(random_weights):
    weights = random_weights(scale=0.5, seed=1)
    found = velocities(weights, 1e4, 8)
    assert found is not None
    whole, still = slope_band(weights, 1e4, 8), readout_slope(weights, 1e4, found[0])
    assert still.low >= whole.low and still.high <= whole.high
    assert whole.width < 1.2 * still.width


def test_a_cap_for_every_query(random_weights):
    weights, rng = random_weights(d=4, heads=1, layers=1, eps=0.1), np.random.default_rng(0)
    cap = float(global_slope(weights))
    tokens = contexts(rng, 1.0)
    tokens[:, -1] = rng.normal(size=200)
    assert np.abs(slopes(weights, tokens)).max() <= cap < np.inf
    assert not global_slope(random_weights(eps=0.0)).is_finite()


def test_near_queries_have_no_band(random_weights):
    assert slope_band(random_weights(), 0.01).width == np.inf
    assert velocities(random_weights(), 0.01, 8) is None


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"norm": "dyt", "final_norm": "layernorm"}, "DyT"),
        ({"score": "hardmax"}, "not softmax"),
        ({"post_norm": True}, "post-norm"),
    ],
)
def test_refusals(random_weights, options, reason):
    with pytest.raises(TheoryError, match=reason):
        slope_band(random_weights(**options), 100.0)


def test_evaluation_names_its_numbers(random_weights):
    values = N5.evaluate(random_weights(scale=0.3))
    assert {"dy/dx at x = -1e3", "x² dy/dx as x -> inf", "|dy/dx| anywhere"} <= set(values)


@pytest.mark.parametrize("x", (0.0, np.inf, np.nan))
def test_queries_that_are_no_far_query(random_weights, x):
    with pytest.raises(TheoryError, match="finite queries other than 0"):
        slope_band(random_weights(), x)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("tilt", [0.0, 1.0, -1.0])
def test_of_a_known_stream_the_slope_is_the_derivative(random_weights, side, tilt):
    """m = x w + r, r across w, a = e + tilt r/|r|, |w| = |r| = q: the slope is
    sqrt(d) |w| (q² + d eps - tilt q X)/(X² + q² + d eps)^(3/2), X = |w| x.
    """
    d, eps, x = 4, 0.25, side * 300.0
    w, r = np.array([1.0, -1.0, 1.0, -1.0]), np.array([1.0, 1.0, -1.0, -1.0])
    weights = random_weights(d=d, eps=eps, layers=1)
    final = Norm("layernorm", np.ones(d), np.zeros(d), eps=eps)
    weights = replace(weights, read_in=w, read_out=(w + tilt * r) / 2, final_norm=final)
    band = readout_slope(weights, x, Stream.at(Balls.exact(r)))
    height, far = 4 + d * eps, 2 * x
    exact = d**0.5 * 2 * (height - tilt * 2 * far) / (far**2 + height) ** 1.5
    assert band.low <= exact <= band.high
    # only X/|m~|³ against 1/X² and the bend against 0 are given away
    assert band.width <= 4 * d**0.5 * height / abs(far) ** 3 * (1 + abs(tilt))


def test_a_stream_that_may_turn_back_has_any_slope(random_weights):
    """m = x w + r with r = -2 x w: the readout may be anywhere on the ray."""
    weights = random_weights(d=4)
    back = Stream.at(Balls.exact(-20.0 * (weights.read_in - weights.read_in.mean())))
    band = readout_slope(weights, 10.0, back)
    assert (band.low, band.high) == (-np.inf, np.inf)


@pytest.mark.parametrize("kinds", [("layernorm", "layernorm"), ("layernorm", "rmsnorm")])
@pytest.mark.parametrize("rms", [False, True])
def test_a_known_stream_turns_by_the_derivative_of_the_norm(random_weights, kinds, rms):
    """d/dt norm(m + t u) of a stream and a velocity without any noise."""
    block, final = ("rmsnorm", "layernorm") if rms else kinds
    weights, rng = random_weights(norm=block, final_norm=final, eps=0.5), np.random.default_rng(1)
    plain = Norm(block, np.ones(8), np.zeros(8), eps=0.5)
    r, u = rng.normal(size=(2, 8))
    if block == final == "layernorm":
        # in these models every stream is centred already
        r, u = r - r.mean(), u - u.mean()
    seen = view(weights, plain, Query(3.0), Stream.at(Balls.exact(r)))
    turned = turning(weights, plain, seen, Stream.at(Balls.exact(u)), 0.0)
    h, step = 3.0 * weights.read_in + r, 1e-5
    exact = (normed(plain, h + step * u) - normed(plain, h - step * u)) / (2 * step)
    np.testing.assert_allclose(turned.centre, exact, atol=1e-8)
    assert turned.norm() < 1e-12


@pytest.mark.parametrize("x", [20.0, -200.0, 1e5])
def test_a_head_moves_no_faster_than_its_norms_say(random_weights, x):
    """|Σ A_h z̄'| <= Σ|A_h|(1 + d|B_h| + del_h/4)|z'|, N5's constant, however near the query is."""
    weights = random_weights(layers=1, scale=3.0, seed=3)
    block = weights.attentions[0]
    stream, _ = start(weights, 8)
    seen = view(weights, block.norm, Query(x), stream.joined(Balls.exact(np.eye(8)), 8))
    turned = Stream.at(Balls.exact(np.zeros(8))).joined(Balls.exact(np.eye(8)[:, :2]), 2)
    moved = attention_velocity(weights, 0, seen, turned)
    limit = 0.0
    for h, reach in enumerate(circuits(weights)[0].maps.mid):
        spread = score_ranges(weights)[0, h].high
        steep = 1 + 8 * np.linalg.norm(bilinear(block, h), 2) + spread / 4
        limit += np.linalg.norm(reach, 2) * steep * turned.reach
    assert 0 < moved.reach <= 1.05 * limit


def test_the_cap_of_blocks_that_add_nothing_is_the_readout_s_own(random_weights):
    """|P(gamma w)||P w_in|/sqrt(eps): a constant stream passes one norm and the readout (L6)."""
    weights = random_weights(layers=1, mlp=False, eps=0.25)
    silent = replace(weights.attentions[0], output=np.zeros((2, 8, 4)))
    weights = replace(weights, blocks=(silent,))
    parts = (weights.final_norm.gamma * weights.read_out, weights.read_in)
    sizes = [np.linalg.norm(v - v.mean()) for v in parts]
    assert float(global_slope(weights)) == pytest.approx(sizes[0] * sizes[1] / 0.5, rel=1e-9)
