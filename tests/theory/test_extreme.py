"""G3 at every prompt tried: the network's answer lies in the extreme form's enclosure."""

from dataclasses import replace

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory.extreme import G3, extreme_form, heads, missed, needs_one_layer, play
from theory.linear import vector
from theory.network import forward, mixing
from theory.selection import excess, lehmer, ssa_answer
from theory.softmax import softmax


def layer(build, **options):
    """One attention layer without norms."""
    return build(**{"norm": "none", "layers": 1, "mlp": False, "d": 4, **options})


@settings(max_examples=120, deadline=None)
@given(
    st.integers(0, 10**6),
    st.floats(-3, 7),
    st.integers(1, 9),
    st.sampled_from(["softmax", "hardmax"]),
    st.sampled_from(["plain", "ties", "zero query", "no positions", "no queries", "no residual"]),
)
def test_the_answer_lies_in_the_extreme_form(random_weights, seed, power, n, score, case):
    weights = layer(random_weights, seed=seed, score=score, heads=1 + seed % 2)
    rng = np.random.default_rng(seed)
    tokens = rng.uniform(-1, 1, size=n) * 10.0**power
    if case == "ties":
        tokens[: n // 2] = tokens.max()
    if case == "zero query":
        tokens[-1] = 0.0
    if case == "no positions":
        weights = replace(weights, positions=np.zeros_like(weights.positions))
    if case == "no queries":
        block = replace(weights.attentions[0], query=np.zeros_like(weights.attentions[0].query))
        weights = replace(weights, blocks=(block,))
    if case == "no residual":
        weights = replace(weights, residual=False)
    y = forward(weights, tokens[None])[0, -1]
    form = extreme_form(weights, tokens)
    # float64 rounding of the network and of its scores, of size |z|² 1e-16
    slack = 1e-11 * (1 + np.abs(tokens).max()) ** (2 if score == "softmax" else 1)
    assert form.widened(slack).low <= y <= form.widened(slack).high
    if np.isfinite(form.width) and form.width > 0:
        target(float(abs(y - form.midpoint) / (form.width / 2 + slack)))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 60), min_size=1, max_size=10), st.floats(0, 30), st.integers(0, 10**6))
def test_no_average_is_further_inside_than_lambert(gaps, noise, seed):
    jitter = np.random.default_rng(seed).uniform(-1, 1, size=len(gaps)) * noise
    scores = [arb(0)] + [arb(-g) + arb(j) for g, j in zip(gaps, jitter, strict=True)]
    weights = softmax(scores)
    inside = sum((w * arb(g) for w, g in zip(weights[1:], gaps, strict=True)), arb(0))
    bound = excess(len(scores), arb(noise))
    target(float(inside / bound))
    assert not inside > bound


def test_rate_is_one_over_t_uniformly_in_the_context(random_weights):
    weights = layer(random_weights, seed=3, heads=2)
    form = [float(play(weights, arb(10) ** k)) for k in (3, 5, 7)]
    limit = sum(
        float(abs(h.reach) * (max(h.tilts, key=float) - min(h.tilts, key=float)) / abs(h.steep))
        for h in heads(weights, 8)
    ) + sum(float(max(h.values, key=float) - min(h.values, key=float)) for h in heads(weights, 8))
    # the play tends to a constant as x_q grows, so that divided by t it vanishes like 1/t
    gaps = [abs(play_ - limit) for play_ in form]
    assert gaps[0] > gaps[1] > gaps[2]
    assert form[2] == pytest.approx(limit, rel=1e-4)


def test_lines_with_the_same_extremes_are_not_told_apart(random_weights):
    rng = np.random.default_rng(0)
    for seed in range(30):
        weights = layer(random_weights, seed=seed, heads=2)
        x = rng.uniform(-1, 1, size=4) * 1e4
        x[:2] = [-(10.0 ** rng.uniform(0, 4)), 10.0 ** rng.uniform(0, 4)]
        query = 1e4 * (-1.0) ** seed
        errors = []
        for a in (0.0, 1.0):
            tokens = np.append(np.stack([x, a * x], 1).ravel(), query)
            errors.append(abs(forward(weights, tokens[None])[0, -1] - a * query))
        certified = float(missed(weights, arb(query)))
        assert max(errors) >= certified * (1 - 1e-9)


def test_ssa_limit(random_weights):
    rng = np.random.default_rng(1)
    for seed in range(10):
        weights = layer(random_weights, seed=seed, heads=2, score="ssa", scale=1.0)
        power = 0.5 + 1.5 * rng.random()
        block = replace(weights.attentions[0], ssa=(0.7, power))
        tokens = rng.uniform(0.3, 1, size=5) * rng.choice([-1, 1], size=5)
        if seed % 2:
            tokens = np.abs(tokens)
        weights = replace(weights, blocks=(block,))
        limit = float(weights.read_out @ weights.read_in) * tokens[-1]
        for head in heads(weights, 4):
            sign = arb(1 if float(head.steep) * tokens[-1] > 0 else -1)
            limit += float(head.reach * lehmer(vector(tokens), sign, arb(power)))
        t = 1e9
        assert forward(weights, t * tokens[None])[0, -1] / t == pytest.approx(limit, abs=1e-3)


def test_models_outside_the_assumptions_are_told_why(random_weights):
    assert "deeper" in (needs_one_layer(random_weights(norm="none")) or "")
    assert "norm" in (needs_one_layer(layer(random_weights, final_norm="layernorm")) or "")
    assert "ssa" in (needs_one_layer(layer(random_weights, score="ssa")) or "")
    assert needs_one_layer(layer(random_weights)) is None
    assert all(np.isfinite(i.low) for i in G3.evaluate(layer(random_weights)).values())


@pytest.mark.parametrize("power", [1, 2, 3])
def test_the_ssa_witness_is_an_attention_of_width_one(random_weights, power):
    """Weights (1 + |s|)^(n sgn s) at scores z_q z_j, as theory.network mixes them."""
    attention = replace(random_weights(score="ssa").attentions[0], ssa=(1.0, float(power)))
    for tokens in ([1.0, -2.0, 3.0], [0.5, 4.0, -1.5], [2.0, 0.0, -1.0, 1.0]):
        z = np.array(tokens)
        weights = mixing(attention, np.outer(z, z)[None, None])[0, 0, -1]
        assert float(ssa_answer(vector(z), power)) == pytest.approx(weights @ z, rel=1e-14)
