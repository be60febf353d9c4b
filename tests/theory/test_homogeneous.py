"""W2: exact homogeneity of the architecture and of the recorded models that have it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.errors import TheoryError
from theory.homogeneous import (
    TOKENS,
    W2,
    Layer,
    answer,
    attend,
    changes_with_scale,
    example,
    needs_homogeneous_blocks,
)
from theory.network import forward


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(-200, 200), st.floats(1e-6, 1e12))
def test_scaling_the_prompt_scales_the_answer(seed, power, t):
    model = example(seed, layers=3)
    tokens = np.random.default_rng(seed).normal(size=7)
    y = answer(model, tokens)
    assert answer(model, 2.0**power * tokens) == 2.0**power * y
    assert answer(model, t * tokens) == pytest.approx(t * y, rel=1e-9)


def test_width_one_and_one_token():
    model = example(d=1, heads=1, layers=2)
    thrice = 3 * answer(model, np.array([-1.0]))
    assert answer(model, np.array([-3.0])) == pytest.approx(thrice, rel=1e-12)


def test_a_zero_token_is_refused():
    with pytest.raises(TheoryError, match="zero token"):
        answer(example(), np.array([1.0, 0.0, 2.0]))


def test_each_layer_bias_would_break_it():
    assert not changes_with_scale(example())
    assert changes_with_scale(replace(example(), offset=np.ones((9, 6))))


def silence(weights):
    """The record with every bias and position 0."""
    blocks = []
    for block in weights.blocks:
        zeros = {n: np.zeros_like(v) for n, v in vars(block).items() if n.endswith("_bias")}
        blocks.append(
            replace(block, **zeros, **({"activation": "relu"} if "up" in vars(block) else {}))
        )
    return replace(
        weights,
        blocks=tuple(blocks),
        read_in_bias=np.zeros_like(weights.read_in_bias),
        positions=np.zeros_like(weights.positions),
        read_out_bias=0.0,
    )


def test_recorded_hardmax_models_without_biases(random_weights):
    for seed in range(5):
        weights = silence(random_weights(norm="none", score="hardmax", seed=seed))
        assert needs_homogeneous_blocks(weights) is None
        (range_,) = W2.evaluate(weights).values()
        rng = np.random.default_rng(seed)
        tokens = rng.normal(size=(20, 9))
        y = forward(weights, tokens)[:, -1]
        scaled = forward(weights, tokens * 2.0**30)[:, -1]
        assert (scaled == 2.0**30 * y).all()
        assert (np.abs(y) <= range_.high * np.abs(tokens).max(1)).all()


def test_reasons(random_weights):
    plain = random_weights(norm="none", score="hardmax")
    assert "gelu" in (needs_homogeneous_blocks(plain) or "")
    assert "layernorm" in (needs_homogeneous_blocks(random_weights()) or "")
    soft = silence(random_weights(norm="none"))
    assert "softmax" in (needs_homogeneous_blocks(soft) or "")
    hard = silence(plain)
    biased = replace(hard, read_out_bias=1.0)
    assert "bias" in (needs_homogeneous_blocks(biased) or "")
    assert len(TOKENS) == 5


def test_scores_are_cosines_over_the_root_of_the_width():
    """W_Q = W_K = c 1, dh = 4, c² = 2 ln 3: orthogonal tokens weigh 1 : e^(c²/2) = 1 : 3."""
    one, none = np.eye(4)[None], np.zeros((1, 2, 2))
    query = np.sqrt(2 * np.log(3)) * one
    layer = Layer(query, query, one, one, none, np.zeros((1, 4)), np.zeros((4, 1)))
    h = np.array([[2.0, 0, 0, 0], [0, 3.0, 0, 0]])
    np.testing.assert_allclose(attend(layer, h, 0.0), [[2, 0, 0, 0], [0.5, 2.25, 0, 0]], atol=1e-14)
