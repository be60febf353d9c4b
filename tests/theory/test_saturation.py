from dataclasses import replace

import numpy as np
import pytest

from theory import TheoryError
from theory.balls import Balls
from theory.functional import functional_spread
from theory.network import forward, normed
from theory.saturation import N4, pole_offsets, saturation_bound, saturation_constant
from theory.weights import Norm

VARIANTS = [
    {"d": 8, "scale": 0.5},
    {"d": 3, "heads": 1, "scale": 0.3, "eps": 0.0},
    {"d": 16, "heads": 4, "layers": 3, "scale": 0.25},
    {"norm": "rmsnorm", "scale": 0.4},
    {"norm": "layernorm", "final_norm": "rmsnorm", "scale": 0.4},
    {"mlp": False, "d": 4, "heads": 1},
]
LIMIT = 1e11


def contexts(rng, count=200, length=9):
    """Prompts of every size."""
    tokens = rng.normal(size=(count, length)) * 10.0 ** rng.uniform(-3, 5, size=(count, length))
    tokens[::2] = rng.normal(size=tokens[::2].shape)
    return tokens


def distance(weights, tokens, k, z):
    """|y - y(±)| with token k at z, the limit taken at 1e11."""
    ends = []
    for value in (z, np.sign(z) * LIMIT):
        moved = tokens.copy()
        moved[:, k] = value
        ends.append(forward(weights, moved)[:, -1])
    return np.abs(ends[0] - ends[1])


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_a_huge_token_before_a_far_query_moves_it_by_no_more(random_weights, options):
    weights, rng = random_weights(**options, seed=2), np.random.default_rng(0)
    useful = 0
    for x, z in ((60.0, 1e3), (-1e3, -50.0), (1e4, 1e5)):
        tokens = contexts(rng)
        tokens[:, -1] = x
        bound = float(saturation_bound(weights, x, z))
        assert distance(weights, tokens, 7, z).max() <= bound + 1e-9
        useful += bound < float(functional_spread(weights, x, 8))
    assert useful >= 1


def test_the_bound_falls_like_one_over_the_value_and_is_not_far_off(random_weights):
    weights, rng = random_weights(**VARIANTS[5], seed=3), np.random.default_rng(1)
    bounds = [float(saturation_bound(weights, 1e3, z)) * z for z in (1e3, 1e4, 1e6)]
    assert bounds[0] == pytest.approx(bounds[2], rel=0.1)
    tokens = contexts(rng, 4000)
    tokens[:, -1] = 1e3
    reached = distance(weights, tokens, 7, 1e4).max() * 1e4
    assert reached > bounds[1] / 60


@pytest.mark.parametrize("norm", ("layernorm", "rmsnorm"))
def test_a_huge_token_reads_as_its_pole_at_every_layer(random_weights, norm):
    weights, rng = random_weights(norm=norm, scale=0.4, seed=5), np.random.default_rng(2)
    plain = Norm(norm, np.ones(8), np.zeros(8))
    for z in (1e2, -1e4):
        found = pole_offsets(weights, z, 6)
        assert found is not None
        tokens = contexts(rng, length=7)
        tokens[:, -1] = z * rng.uniform(1, 100, size=200)
        h = tokens[..., None] * weights.read_in + weights.read_in_bias + weights.positions[:7]
        pole = normed(plain, np.sign(z) * weights.read_in)
        off = (normed(weights.blocks[0].norm, h)[:, -1] - weights.blocks[0].norm.beta) / (
            weights.blocks[0].norm.gamma
        ) - pole
        low, high = found[0].support(Balls.exact(np.eye(8)))
        moved = off - found[0].centre
        assert (moved >= low - 1e-9).all() and (moved <= high + 1e-9).all()


def test_the_constant_that_serves_every_context(random_weights):
    weights, rng = random_weights(d=4, heads=1, layers=1, eps=0.1), np.random.default_rng(0)
    constant = float(saturation_constant(weights))
    tokens = contexts(rng)
    for k in (0, 4, 7):
        for z in (1e3, -1e5):
            assert distance(weights, tokens, k, z).max() * abs(z) <= constant < np.inf


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"eps": 0.0}, "eps = 0"),
        ({"norm": "dyt", "final_norm": "layernorm"}, "DyT"),
        ({"final_norm": "none"}, "final norm"),
        ({"context": 1}, "one position"),
    ],
)
def test_refusals(random_weights, options, reason):
    with pytest.raises(TheoryError, match=reason):
        N4.evaluate(random_weights(**options))


def test_any_single_norm_without_eps_is_refused(random_weights):
    weights = random_weights()
    final = replace(weights, final_norm=replace(weights.final_norm, eps=0.0))
    first = replace(weights.blocks[0], norm=replace(weights.blocks[0].norm, eps=0.0))
    for model in (final, replace(weights, blocks=(first, *weights.blocks[1:]))):
        with pytest.raises(TheoryError, match="eps = 0"):
            N4.evaluate(model)


def test_the_token_before_the_second_position_is_the_first(random_weights):
    weights = random_weights(scale=0.5, seed=1)
    for x, z in ((1e3, 1e5), (-1e3, -1e5)):
        bound = float(saturation_bound(weights, x, z, 1))
        assert distance(weights, np.array([[0.0, x]]), 0, z)[0] <= bound < 1


def test_a_near_query_gets_the_whole_band(random_weights):
    weights = random_weights()
    assert float(saturation_bound(weights, 0.5, 1e5)) == float(functional_spread(weights, 0.5, 8))


@pytest.mark.parametrize("norm", ("rmsnorm", "layernorm"))
def test_a_constant_read_in_has_a_pole_after_rmsnorms_alone(random_weights, norm):
    weights = random_weights(d=4, heads=1, layers=1, norm=norm, final_norm="rmsnorm", eps=0.1)
    weights.read_in[:] = 1
    if norm == "layernorm":
        with pytest.raises(TheoryError, match="do not see"):
            saturation_constant(weights)
        assert saturation_bound(weights, 1e3, 1e4) == functional_spread(weights, 1e3, 8)
        return
    tokens, constant = contexts(np.random.default_rng(0)), float(saturation_constant(weights))
    assert 0 < distance(weights, tokens, 4, 1e3).max() * 1e3 <= constant < np.inf


@pytest.mark.parametrize(("z", "position"), [(np.nan, 3), (1e3, 0), (1e3, 9)])
def test_no_value_or_no_place_before_the_query(random_weights, z, position):
    with pytest.raises(TheoryError, match="position"):
        saturation_bound(random_weights(), 1e3, z, position)
