"""G2 against random networks without norms, and where polynomials leave the envelope."""

from dataclasses import replace

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.envelope import G2, Affine, envelope, lost_beyond, needs_no_norm
from theory.errors import TheoryError
from theory.network import forward


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(-3, 8),
    st.integers(1, 3),
    st.sampled_from(["softmax", "hardmax", "ssa"]),
    st.sampled_from(["gelu", "relu", "silu", "gelu_tanh"]),
    st.booleans(),
)
def test_no_prompt_leaves_the_envelope(random_weights, seed, power, layers, score, act, keep):
    weights = random_weights(
        d=4, layers=layers, seed=seed, norm="none", score=score, scale=10.0 ** (seed % 3 - 1)
    )
    blocks = tuple(replace(b, activation=act) if hasattr(b, "up") else b for b in weights.blocks)
    weights = replace(weights, blocks=blocks, residual=keep)
    rng = np.random.default_rng(seed)
    tokens = rng.uniform(-1, 1, size=(50, 9)) * 10.0**power
    tokens[:10] = np.sign(tokens[:10]) * 10.0**power
    y = np.abs(forward(weights, tokens)[:, -1])
    bounds = np.array([envelope(weights).at(float(np.abs(row).max())) for row in tokens])
    target(float((y / bounds).max()))
    # float64 rounding of the network itself, far below one part in 1e9
    assert (y <= bounds * (1 + 1e-9)).all()


def test_slope_is_below_the_product_of_norms(random_weights):
    for seed in range(5):
        weights = random_weights(norm="none", seed=seed, layers=2)
        product = np.linalg.norm(weights.read_out) * np.linalg.norm(weights.read_in)
        for block in weights.blocks:
            if hasattr(block, "up"):
                product *= 1 + np.linalg.norm(block.up, 2) * np.linalg.norm(block.down, 2)
            else:
                heads = zip(block.output, block.value, strict=True)
                product *= 1 + sum(np.linalg.norm(o @ v, 2) for o, v in heads)
        # a zonotope against norms: never looser here, by far tighter on trained models
        assert envelope(weights).slope <= 0.5 * product


def test_line_steeper_than_the_slope_is_missed(random_weights):
    weights = random_weights(norm="none", d=4, context=5)
    bound = envelope(weights)
    steep = 2 * bound.slope
    for t in (1e3, 1e6):
        tokens = np.array([[t / steep, t, t / steep, t, t]])
        error = abs(forward(weights, tokens)[0, -1] - steep * t)
        assert error >= t * (steep - bound.slope) - bound.intercept


def test_radius_is_a_root_of_the_envelope():
    radius = lost_beyond((0.0, 0.0, 1.0), Affine(2.0, 1.0), 0.0)
    assert radius.contains(arb(2))
    # |p| = 100 x² - 1 is above the envelope from x = 3 on, the context's own size
    assert lost_beyond((-1.0, 0.0, 100.0), Affine(0.0, 1.0), 3.0) == 3
    # left of 0 only: |u² - 10 u| = u at u = 9 and 11, x = -u; and its mirror image
    for slope in (10.0, -10.0):
        assert lost_beyond((0.0, slope, 1.0), Affine(0.0, 1.0), 0.0).overlaps(arb(11))
    with pytest.raises(TheoryError, match="degree"):
        lost_beyond((1.0, 2.0), Affine(0.0, 1.0), 0.0)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"norm": "none", "final_norm": "layernorm"}, "layernorm"),
        ({"norm": "dyt", "final_norm": "none"}, "dyt"),
        ({"norm": "none", "score": "linear"}, "do not sum"),
        ({"norm": "none", "score": "sigmoid"}, "do not sum"),
    ],
)
def test_models_outside_the_assumptions_are_told_why(random_weights, options, reason):
    weights = random_weights(**options)
    assert reason in (needs_no_norm(weights) or "")
    with pytest.raises(TheoryError, match=reason):
        envelope(weights)


def test_zero_and_width_one_models(random_weights):
    weights = random_weights(norm="none", d=1, heads=1, layers=1)
    assert envelope(weights).slope > 0
    silent = replace(weights, read_out=np.zeros(1), read_out_bias=0.0)
    assert envelope(silent).at(1e6) <= 1e-100
    assert set(G2.evaluate(weights)) >= {"intercept a0", "slope kap"}


def test_long_sets_are_boxed_soundly(random_weights, monkeypatch):
    weights = random_weights(norm="none", layers=2, d=4, seed=3)
    fine = envelope(weights)
    monkeypatch.setattr("theory.envelope.MOST", 24)
    coarse = envelope(replace(weights, read_out=weights.read_out.copy()))
    assert coarse.slope >= fine.slope and coarse.intercept >= fine.intercept
    assert coarse.slope <= 20 * fine.slope
