"""S4 against inputs from the ball, whole models, and the hard cases of the trust region."""

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.balls import Balls
from theory.dispersion import S4, largest_query, score_range, score_ranges
from theory.network import normed, transform
from theory.weights import Attention


def observed_ranges(weights, tokens):
    """Largest score range of any query in a pre-norm model on these prompts, in float64."""
    h = tokens[..., None] * weights.read_in + weights.read_in_bias
    h, seen = h + weights.positions[: tokens.shape[1]], []
    hidden = np.triu(np.ones((tokens.shape[1],) * 2, dtype=bool), 1)
    for block in weights.blocks:
        u = normed(block.norm, h)
        if isinstance(block, Attention):
            q = np.einsum("btd,hed->bhte", u, block.query) + block.query_bias[:, None]
            k = np.einsum("btd,hed->bhte", u, block.key) + block.key_bias[:, None]
            scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
            top = np.where(hidden, -np.inf, scores).max(-1)
            seen.append((top - np.where(hidden, np.inf, scores).min(-1)).max((0, 2)))
        h = h + transform(block, u)
    return np.array(seen)


HARD = ["random", "no shift", "no map", "orthogonal", "tied", "one row", "huge", "tiny"]


def problem(kind, rng, k, d):
    """K, Q (k, d) and q (k) of a head; "orthogonal": q has no part along the top direction."""
    key, query, shift = rng.normal(size=(k, d)), rng.normal(size=(k, d)), rng.normal(size=k)
    if kind == "no shift":
        shift = 0 * shift
    if kind == "no map":
        query = 0 * query
    if kind in ("orthogonal", "tied"):
        key = np.eye(k, d)
        query = np.eye(k, d) * (1.0 if kind == "tied" else 1.0 / np.arange(1, k + 1)[:, None])
        shift = shift * (np.arange(k) > 0) * (0.1 if kind == "orthogonal" else 1.0)
    if kind == "one row":
        key, query, shift = key[:1], query[:1], shift[:1]
    scale = {"huge": 1e15, "tiny": 1e-15}.get(kind, 1.0)
    return scale * key, query, shift


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(HARD), st.integers(1, 5), st.integers(1, 6))
def test_the_enclosure_is_sharp_and_no_point_of_the_ball_leaves_it(seed, kind, k, d):
    rng = np.random.default_rng(seed)
    key, query, shift = problem(kind, rng, k, d)
    low, high = largest_query(*map(Balls.exact, (key, query, shift)))
    assert low <= high <= low * (1 + 1e-8) + 1e-300
    z = rng.normal(size=(200, d))
    z *= np.sqrt(d) / np.linalg.norm(z, axis=1, keepdims=True)
    for _ in range(20):
        # convex maximisation: each step goes to the best point for the linearisation
        step = (z @ query.T + shift) @ key @ key.T @ query
        size = np.linalg.norm(step, axis=1, keepdims=True)
        z = np.where(size > 0, np.sqrt(d) * step / np.where(size > 0, size, 1), z)
    value = np.linalg.norm((z @ query.T + shift) @ key, axis=1).max()
    target(value / high if high else 0.0)
    assert value <= high * (1 + 1e-12)
    assert value >= 0.9 * low


@pytest.mark.parametrize("options", [{}, {"norm": "rmsnorm"}, {"norm": "dyt"}, {"eps": 0.0}])
def test_no_prompt_has_a_wider_score_range(random_weights, options):
    weights, rng = random_weights(seed=7, **options), np.random.default_rng(0)
    size = (400, len(weights.positions))
    tokens = rng.normal(size=size) * 10.0 ** rng.uniform(-4, 6, size=size)
    seen = observed_ranges(weights, tokens)
    for (layer, head), bound in score_ranges(weights).items():
        assert seen[layer, head] <= bound.high * (1 + 1e-9)
        assert seen[layer, head] >= 0.1 * bound.low


def test_key_bias_and_shift_of_the_key_do_not_matter(random_weights):
    weights = random_weights(seed=1)
    block = weights.attentions[0]
    before = score_range(block, 0)
    block.key_bias[:] += 1e6
    assert score_range(block, 0) == before


def test_longer_contexts_leave_more_to_the_others(random_weights):
    weights = random_weights(scale=0.2)
    values = S4.evaluate(weights)
    n = len(weights.positions)
    name = "layer 0 head 0"
    spread = values[f"{name}: score range del"].high
    others = values[f"{name}: weight of the others, n = {n}"].low
    assert others == pytest.approx(1 - 1 / (1 + (n - 1) * np.exp(-spread)), rel=1e-9)


def test_width_one_and_refusals(random_weights):
    flat = S4.evaluate(random_weights(d=1, heads=1))
    assert flat["layer 0 head 0: score range del"].high == 0
    assert "post-norm" in str(S4.applies(random_weights(post_norm=True)))
    assert "no norm" in str(S4.applies(random_weights(norm="none")))
    assert "sigmoid" in str(S4.applies(random_weights(score="sigmoid")))
