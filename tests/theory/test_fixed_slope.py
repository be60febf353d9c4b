import numpy as np
import pytest

from theory import TheoryError
from theory.fixed_slope import N7, offset_band, slope
from theory.network import forward

VARIANTS = [
    {"d": 8},
    {"d": 1, "heads": 1, "layers": 1},
    {"d": 3, "heads": 1, "scale": 0.3, "eps": 0.0},
    {"norm": "rmsnorm"},
    {"norm": "dyt", "scale": 0.5},
    {"score": "hardmax", "layers": 3},
    {"score": "ssa", "mlp": False},
]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_every_prediction_keeps_its_distance_from_the_line(random_weights, options):
    weights, rng = random_weights(**options, final_norm="none", seed=3), np.random.default_rng(0)
    tokens = rng.normal(size=(500, 9)) * 10.0 ** rng.uniform(-3, 5, size=(500, 9))
    rise = float(slope(weights).mid())
    every, last = offset_band(weights), offset_band(weights, None, 8)
    for x in (0.0, 0.7, -30.0, 1e3, -1e5):
        tokens[:, -1] = x
        rest = forward(weights, tokens)[:, -1] - rise * x
        noise = 1e-11 * (1 + abs(rise * x)) + 1e-9
        bands = [every, last] + [offset_band(weights, x, p) for p in (None, 8) if x]
        for band in bands:
            assert band.low - noise <= rest.min() and rest.max() <= band.high + noise
        short = forward(weights, tokens[:, -2:])[:, -1] - rise * x
        assert every.low - noise <= short.min() and short.max() <= every.high + noise


def test_far_queries_leave_the_attentions_alone(random_weights):
    weights = random_weights(final_norm="none", scale=0.7)
    values = N7.evaluate(weights)
    assert values["y - slope x at x = 1e3"].width < values["y - slope x at any x"].width
    limit = values["y - slope x as x -> inf"]
    assert limit.width <= values["y - slope x at x = 1e3"].width * 1.01


def test_the_band_is_nearly_attained(random_weights):
    weights = random_weights(d=4, heads=1, layers=1, mlp=False, seed=3, final_norm="none")
    tokens = np.sinh(np.random.default_rng(2).normal(size=(20000, 9)) * 4)
    tokens[:, -1] = 500.0
    rest = forward(weights, tokens)[:, -1]
    assert rest.max() - rest.min() > 0.3 * offset_band(weights, 500.0, 8).width


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "no slope survives"),
        ({"final_norm": "dyt"}, "no slope survives"),
        ({"final_norm": "none", "post_norm": True}, "post-norm"),
        ({"final_norm": "none", "norm": "none"}, "without a norm"),
        ({"final_norm": "none", "score": "linear"}, "sum to 1"),
    ],
)
def test_refusals(random_weights, options, reason):
    with pytest.raises(TheoryError, match=reason):
        offset_band(random_weights(**options))


def test_a_query_of_zero_has_no_far_form(random_weights):
    with pytest.raises(TheoryError, match="every query"):
        offset_band(random_weights(final_norm="none"), 0.0)
