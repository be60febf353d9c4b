from pathlib import Path

import numpy as np
import pytest

from theory.blindness import spread
from theory.functional import (
    N9,
    STEP,
    between,
    blind_from,
    first_order,
    functional_spread,
    one_head,
)
from theory.layernorm import readout_ceiling
from theory.network import forward
from theory.plateau import far_radius, plateau
from theory.read import load_weights

ZOO = Path(__file__).resolve().parents[2] / "verify" / "zoo" / "small-0.safetensors"


@pytest.fixture(scope="module")
def small():
    """A trained model: width 64, 3 layers, 2 heads, 41 points."""
    return load_weights(ZOO)


def test_far_queries_are_decided_by_attention_alone(random_weights):
    weights = random_weights(seed=6, scale=0.7)
    rng = np.random.default_rng(0)
    tokens = np.sinh(rng.normal(size=(4000, 9)) * 5)
    for sign in (1, -1):
        tokens[:, -1] = sign * 1e7
        moved = (forward(weights, tokens)[:, -1] - plateau(weights, sign).midpoint) * 1e7
        limit = first_order(weights, sign, 8)
        # float64: 1e7 times an ulp of y; second order: 1/x
        assert limit.low - 1e-4 <= moved.min() and moved.max() <= limit.high + 1e-4
        finite = float(functional_spread(weights, sign * 1e7, 8)) * 1e7
        assert finite == pytest.approx(limit.width, rel=1e-3)


def test_a_trained_model_is_blind_much_nearer_than_its_norms_say(small):
    assert blind_from(small, 1) < float(far_radius(small)) / 2.5
    for x in (1e2, -1e3):
        assert functional_spread(small, x, 80) < spread(small, x, 80) / 3


def test_trained_contexts_stay_inside_and_attain_a_third(small):
    rng = np.random.default_rng(1)
    tokens = np.sinh(rng.normal(size=(32, 81)) * 3) * 10.0 ** rng.uniform(-1, 2, size=(32, 1))
    tokens[:, -1] = 1e3
    y = forward(small, tokens)[:, -1]
    width = float(functional_spread(small, 1e3, 80))
    assert width / 10 < y.max() - y.min() <= width


def test_blindness_is_inf_or_certified(random_weights):
    weights = random_weights(scale=0.4)
    nearest = blind_from(weights, 1)
    assert 0 < nearest < np.inf
    wide = random_weights(d=2, heads=1, layers=1, eps=0.0)
    assert blind_from(wide, 1) > 0
    assert readout_ceiling(weights).width > 0


def test_blindness_is_found_from_anywhere(random_weights):
    weights = random_weights(scale=0.4, layers=1, heads=1)
    found = [blind_from(weights, 1, None, near) for near in (0.01, 1e6)]
    assert found == pytest.approx([blind_from(weights, 1)] * 2, rel=2.5 * (STEP - 1))


def test_the_search_goes_where_shares_of_a_geometric_sequence_reach_one():
    for steps, reached in ((3, 5), (5, 3), (1, 6), (6, 1)):
        ends = (10, 2.0**-steps), (10 + steps + reached, 2.0**reached)
        assert between(*ends) == 10 + steps
    # halfway to a step of which nothing is known, and never an end again
    assert between((10, 0.5), (18, np.inf)) == 14
    assert between((10, 1 - 1e-9), (18, 1e9)) == 11
    assert between((10, 0.5), (18, 1.0)) == 17
    # a share of 0 is as good as a very small one
    assert 10 < between((10, 0.0), (18, 2.0)) < 18


def test_the_witness_model_reads_one_token():
    weights = one_head()
    y = forward(weights, np.array([[0.0, 1e4], [-1e30, 1e4]]))[:, -1]
    assert y[0] - y[1] == pytest.approx(3.1167e-3, rel=1e-4)


def test_evaluation_names_its_numbers(random_weights):
    values = N9.evaluate(random_weights(scale=0.5))
    assert {"D at x = 1e3", "|x|(y - y_inf) as x -> inf", "X* for x -> -inf"} <= set(values)
