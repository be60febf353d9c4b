import numpy as np
import pytest

from theory import TheoryError
from theory.blindness import N8, plain_spread, price, spread
from theory.network import forward
from theory.plateau import N2, far_radius, plateau, plateau_band

VARIANTS = [
    {"d": 8},
    {"d": 2, "heads": 1, "layers": 1, "eps": 0.0},
    {"d": 3, "heads": 1, "scale": 0.3},
    {"norm": "rmsnorm"},
    {"norm": "dyt", "final_norm": "layernorm"},
    {"norm": "layernorm", "final_norm": "rmsnorm"},
    {"score": "ssa", "mlp": False},
]


def contexts(weights, x, rng, count=600):
    length = len(weights.positions)
    tokens = rng.normal(size=(count, length)) * 10.0 ** rng.uniform(-3, 6, size=(count, 1))
    tokens[:, -1] = x
    return tokens


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_no_context_leaves_the_band(random_weights, options):
    weights, rng = random_weights(**options, seed=2), np.random.default_rng(0)
    last = len(weights.positions) - 1
    for x in (0.3, 5.0, -20.0, 50.0, -300.0, 1e4, 1e7):
        y = forward(weights, contexts(weights, x, rng))[:, -1]
        band = plateau_band(weights, x, last)
        noise = 1e-9
        assert band.low - noise <= y.min() and y.max() <= band.high + noise
        every = plateau_band(weights, x)
        assert every.low <= band.low and band.high <= every.high
        assert y.max() - y.min() <= float(spread(weights, x, last)) + noise
        assert float(spread(weights, x, last)) <= float(plain_spread(weights, x)) * 1.001


@pytest.mark.parametrize("options", [*VARIANTS, {"final_norm": "dyt"}], ids=str)
def test_far_queries_reach_the_plateau(random_weights, options):
    weights, rng = random_weights(**options, seed=5), np.random.default_rng(1)
    for sign in (1, -1):
        y = forward(weights, contexts(weights, sign * 1e9, rng))[:, -1]
        assert y == pytest.approx(plateau(weights, sign).midpoint, abs=1e-5)


def test_a_coordinate_that_w_in_misses_stays_open_in_dyt(random_weights):
    weights = random_weights(final_norm="dyt")
    weights.read_in[0] = 0
    gap = 2 * abs(weights.final_norm.gamma[0] * weights.read_out[0])
    assert plateau(weights, 1).width == pytest.approx(gap)


def test_the_price_is_ceiling_times_radius(random_weights):
    weights = random_weights()
    values = N8.evaluate(weights)
    assert values["R X~"].high == pytest.approx(
        values["R"].high * float(far_radius(weights)), rel=1e-12
    )
    assert float(price(weights)) > 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"post_norm": True}, "post-norm"), ({"final_norm": "none"}, "final norm"), ({"d": 1}, "0")],
)
def test_refusals(random_weights, options, reason):
    weights = random_weights(heads=1, **options)
    assert reason in N2.applies(weights)
    with pytest.raises(TheoryError, match=reason):
        plateau_band(weights, 10.0)


def test_constant_read_in_is_refused(random_weights):
    weights = random_weights()
    weights.read_in[:] = 0.37
    assert "|P w_in| = 0" in (N2.applies(weights) or "")
