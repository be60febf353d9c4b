import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory import TheoryError
from theory.functional import first_order
from theory.network import forward
from theory.slope import N5, global_slope, readout_slope, slope_band
from theory.velocity import velocities

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
