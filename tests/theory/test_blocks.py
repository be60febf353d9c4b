from dataclasses import replace

import numpy as np
import pytest

from theory import TheoryError
from theory.balls import Balls
from theory.blocks import (
    N1,
    contributions,
    residual_bound,
    residual_bounds,
    residual_centre,
    residual_radius,
)
from theory.network import residual

VARIANTS = [
    {"d": 8},
    {"d": 2, "heads": 1, "layers": 1},
    {"d": 1, "heads": 1, "layers": 1},
    {"d": 16, "layers": 3, "heads": 4, "scale": 0.3, "eps": 0.0},
    {"norm": "rmsnorm"},
    {"norm": "dyt"},
    {"norm": "rmsnorm", "final_norm": "layernorm"},
    {"score": "hardmax", "mlp": False},
    {"score": "ssa", "eps": 1.0},
]


def added(weights, tokens):
    """Q(h - w_in z)."""
    moved = residual(weights, tokens) - tokens[..., None] * weights.read_in
    norms = [b.norm.kind for b in weights.blocks] + [weights.final_norm.kind]
    centred = all(kind == "layernorm" for kind in norms)
    return moved - moved.mean(-1, keepdims=True) if centred else moved


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_no_input_leaves_the_ball(random_weights, options):
    weights = random_weights(**options, seed=4)
    rng = np.random.default_rng(0)
    size = (400, len(weights.positions))
    tokens = rng.normal(size=size) * 10.0 ** rng.uniform(-4, 6, size=size)
    moved = added(weights, tokens)
    # float64 cancellation in h - w_in z: a few ulps of |w_in z|
    noise = 1e-13 * np.abs(tokens) * np.linalg.norm(weights.read_in) + 1e-9
    assert (np.linalg.norm(moved, axis=-1) <= residual_bounds(weights) + noise).all()
    spread = np.linalg.norm(moved - residual_centre(weights).mid, axis=-1)
    assert (spread <= residual_radius(weights) + noise).all()


def test_first_attention_ball_is_nearly_reached(random_weights):
    weights = random_weights(d=8, heads=1, layers=1, mlp=False, seed=6)
    rng = np.random.default_rng(1)
    tokens = np.sinh(rng.normal(size=(4000, len(weights.positions))) * 4)
    part = contributions(weights)[0]
    sizes = np.linalg.norm(added(weights, tokens) - residual_centre(weights).mid, axis=-1)
    assert sizes[:, -1].max() >= 0.5 * part.radius[-1]


def test_the_noise_of_the_first_attention_holds_the_longest_context(random_weights):
    """One offset at all positions but the last: only the last token reaches far."""
    weights = random_weights(d=8, heads=1, layers=1, mlp=False, seed=6)
    positions = 1e3 * weights.positions
    positions[:-1] = positions[0]
    weights = replace(weights, positions=positions, read_in_bias=np.zeros(8))
    part, rng = contributions(weights)[0], np.random.default_rng(1)
    assert part.radius[1] < 0.95 * part.radius[-1]
    tokens = np.sinh(rng.normal(size=(2000, 9)) * 4)
    off = added(weights, tokens)[:, -1] - residual_centre(weights).mid[-1]
    row = rng.normal(size=(40, 8))
    low, high = part.noise.support(Balls.exact(row))
    seen = off @ row.T
    assert (low - 1e-9 <= seen).all() and (seen <= high + 1e-9).all()
    assert part.radius[-1] <= part.noise.norm() <= 1.2 * part.radius[-1]
    # up to there what the first tokens can do is less than the noise of the longest context
    assert part.radius[1] <= residual_radius(weights)[1] <= part.radius[1] * (1 + 1e-12)


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_contributions_are_named_and_together_reach_no_farther_than_apart(random_weights, scale):
    """Either ball of an MLP is the smaller one in some of these."""
    for seed in range(3):
        weights = random_weights(scale=scale, seed=seed)
        parts = contributions(weights)
        assert [p.name for p in parts] == ["attention 1", "MLP 1", "attention 2", "MLP 2"]
        apart = sum(p.radius for p in parts)
        assert (residual_radius(weights) <= apart * (1 + 1e-12)).all()
        assert not any(p.noise.centre.any() for p in parts)
        # one group of noise a head, one an MLP; as one they are no longer than the radius
        assert [len(p.noise.starts) for p in parts] == [2, 1, 2, 1]
        assert all(p.noise.norm() <= p.radius.max() * (1 + 1e-9) for p in parts)


def test_positions_and_worst_case(random_weights):
    weights = random_weights()
    every = [residual_bound(weights, t) for t in range(len(weights.positions))]
    assert float(max(every, key=float)) == float(residual_bound(weights))
    assert N1.evaluate(weights)["R_tot"].high == pytest.approx(float(residual_bound(weights)))


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"post_norm": True}, "post-norm"), ({"norm": "none"}, "norm"), ({"score": "linear"}, "sum")],
)
def test_refusals_name_the_reason(random_weights, options, reason):
    weights = random_weights(**options)
    assert reason in N1.applies(weights)
    with pytest.raises(TheoryError, match=reason):
        residual_bound(weights)
