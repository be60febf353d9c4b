"""G6 on random one-layer models; two layers and two heads break it."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.network import forward
from theory.pairing import G6, needs_no_positions, needs_one_attention, needs_sum_of_tokens

SCORES = ("softmax", "hardmax", "ssa", "sigmoid", "linear")
SIGNS = list(product((1, -1), repeat=2))


def without_positions(weights):
    """The same model with one position vector for all tokens."""
    return replace(weights, positions=np.repeat(weights.positions[:1], 9, axis=0))


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(SCORES),
    st.sampled_from(["layernorm", "rmsnorm", "dyt", "none"]),
    st.booleans(),
    st.floats(-3, 3),
)
def test_equal_multisets_get_equal_answers(random_weights, seed, score, norm, post, power):
    weights = without_positions(
        random_weights(layers=1, seed=seed, score=score, norm=norm, heads=4, post_norm=post)
    )
    assert needs_one_attention(weights) is None
    rng = np.random.default_rng(seed)
    a, query, s = *rng.normal(size=2), 10.0**power
    x = s * rng.permutation([1.0, 1.0, -1.0, -1.0])
    prompts = [np.append(np.stack([x, b * x], 1).ravel(), s * query) for b in (a, -a)]
    y = forward(weights, np.array(prompts))[:, -1]
    assert y[0] == pytest.approx(y[1], rel=1e-9, abs=1e-9 * s)
    errors = np.abs(y - np.array([a, -a]) * s * query)
    target(float(-errors.max() / abs(a * s * query)))
    assert errors.max() >= abs(a * s * query) * (1 - 1e-9) - 1e-9 * np.abs(y).max()


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(SCORES), st.booleans(), st.floats(-2, 1))
def test_four_prompts_with_positions(random_weights, seed, score, mlp_before, power):
    heads = 1 if score in ("softmax", "ssa", "hardmax") else 4
    weights = random_weights(
        layers=1, seed=seed, score=score, norm="layernorm", final_norm="none", heads=heads
    )
    attention, mlp = weights.blocks
    weights = replace(weights, blocks=(mlp, attention) if mlp_before else (attention,))
    assert needs_sum_of_tokens(weights) is None
    query, size = 0.7, 10.0**power
    prompts = [[s, r * size, -s, -r * size, query] for s, r in SIGNS]
    targets = np.array([s * r * size * query for s, r in SIGNS])
    y = forward(weights, np.array(prompts))[:, -1]
    errors = np.abs(y - targets)
    target(float(-errors.max() / (size * query)))
    assert errors.max() >= size * query * (1 - 1e-12)


def test_two_layers_tell_the_multisets_apart(random_weights):
    weights = without_positions(random_weights(layers=2, seed=1))
    assert "2 attention layers" in (needs_one_attention(weights) or "")
    prompts = [[1, 2, -1, -2, 0.5], [1, -2, -1, 2, 0.5]]
    y = forward(weights, np.array(prompts))[:, -1]
    assert abs(y[0] - y[1]) > 1e-3


def test_what_each_form_needs(random_weights):
    with_positions = random_weights(layers=1)
    assert "positions" in (needs_no_positions(with_positions) or "")
    assert "norm" in (needs_one_attention(with_positions) or "")
    free = random_weights(layers=1, final_norm="none")
    assert "MLP" in (needs_one_attention(free) or "")
    alone = random_weights(layers=1, final_norm="none", mlp=False)
    assert "2 normalisers" in (needs_one_attention(alone) or "")
    assert needs_one_attention(replace(alone, blocks=())) is not None
    one = random_weights(layers=1, final_norm="none", mlp=False, heads=1)
    assert len(G6.evaluate(one)) == 1
    assert len(G6.evaluate(without_positions(one))) == 2
