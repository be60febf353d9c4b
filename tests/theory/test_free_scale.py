"""G4: limits that miss a x_q, certificates for all scales at once, counts, the SSA divider."""

from dataclasses import replace

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.cells import growth
from theory.division import divider, in_the_cone, prompt
from theory.free_scale import (
    G4,
    forms,
    least_error,
    limit_error,
    near,
    needs_no_division,
    probe,
    settled_from,
    walls,
)
from theory.network import forward
from theory.scales import every_scale, short


def loosen(weights, activation):
    """The same model with another activation."""
    blocks = tuple(
        replace(b, activation=activation) if hasattr(b, "up") else b for b in weights.blocks
    )
    return replace(weights, blocks=blocks)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["softmax", "hardmax", "sigmoid"]),
    st.sampled_from(["relu", "gelu", "gelu_tanh", "silu"]),
    st.floats(0, 12),
    st.booleans(),
)
def test_one_ball_holds_every_larger_scale(random_weights, seed, score, act, power, keep):
    weights = random_weights(norm="none", score=score, d=4, layers=1 + seed % 3, seed=seed)
    weights = replace(loosen(weights, act), residual=keep)
    rng = np.random.default_rng(seed)
    tokens = rng.uniform(-1, 1, size=7)
    if seed % 5 == 0:
        tokens[:3] = tokens[0]
    start = 10.0**power
    ball = every_scale(weights, tokens, start)
    for t in start * np.array([1.0, 1.1, 3.0, 1e2, 1e5]):
        y = forward(weights, t * tokens[None])[0, -1] / t
        slack = 1e-9 * (1 + abs(y))
        assert float(ball.lower()) - slack <= y <= float(ball.upper()) + slack


def test_the_ball_closes_on_the_limit(random_weights):
    for score in ("softmax", "hardmax", "sigmoid"):
        weights = random_weights(norm="none", score=score, d=8, layers=4, seed=1)
        tokens = np.random.default_rng(0).uniform(-1, 1, size=9)
        limit = growth(weights, tokens).coefficient
        widths = [float(every_scale(weights, tokens, 2.0**p).rad()) for p in (6, 16, 30)]
        assert widths[0] > widths[1] > widths[2] < 1e-3
        assert every_scale(weights, tokens, 2.0**30).overlaps(arb(limit.low).union(arb(limit.high)))


@pytest.mark.parametrize("kind", ["relu", "gelu", "gelu_tanh", "silu"])
def test_activations_are_below_relu_by_at_most_short(kind):
    from theory.network import activate

    v = np.concatenate([np.linspace(-40, 40, 20001), [0.0, 1.2784645, -0.7517915]])
    loss = np.maximum(v, 0) - activate(kind, v)
    assert (loss >= -1e-15 * (1 + np.abs(v))).all()
    bounds = np.array([float(short(kind, arb(float(abs(x)))).upper()) for x in v])
    assert (loss <= bounds + 1e-15 * np.abs(v)).all()
    assert loss.max() >= 0.999 * bounds.max()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["softmax", "hardmax", "sigmoid", "linear"]))
def test_no_random_network_follows_the_probe(random_weights, seed, score):
    weights = random_weights(norm="none", score=score, d=4, layers=1 + seed % 4, seed=seed)
    error = limit_error(weights)
    assert error.low > 0
    start = settled_from(weights)
    tokens, target = probe(weights)
    for t in (start, 7 * start, 1e4 * start) if np.isfinite(start) else ():
        y = forward(weights, t * tokens[None])[0, -1]
        assert abs(y - t * target) >= t * error.low / 2 * (1 - 1e-6)


def test_share_of_prompts_met_by_one_form():
    """The share of (a, x_q) with |a x_q - l| <= ε, l a linear form: never above φ(ε)."""
    rng = np.random.default_rng(0)
    a, x = rng.uniform(-1, 1, size=(2, 400_000))
    for eps in (0.3, 0.03, 0.003):
        for c0, c1, c2 in [(0, 0, 0), (0.1, 0.5, -0.5), (0, 0.01, 0), *rng.normal(size=(6, 3)) / 3]:
            share = (np.abs(a * x - c0 - c1 * a - c2 * x) <= eps).mean()
            # six standard errors of the sample
            assert share <= float(near(arb(eps))) + 6 * np.sqrt(share / 400_000)


def test_least_error_solves_its_equation():
    for count in (1, 7, 10**30):
        eps = least_error(arb(count))
        assert (count * near(eps)).overlaps(arb(1) / 2)


def test_walls_bound_the_forms_met(random_weights):
    """Distinct limits' gradients over a plane of prompts: never more than N."""
    weights = random_weights(norm="none", d=4, layers=2, heads=1, seed=4, mlp=False)
    assert walls(weights, 3) == [0 + 1 + 3, 3]
    rng, seen = np.random.default_rng(0), set()
    for _ in range(30):
        a, q = rng.uniform(-1, 1, size=2)
        base = growth(weights, np.array([0.7, 0.7 * a, q])).coefficient.midpoint
        steps = [(1e-6, 0.0), (0.0, 1e-6)]
        moved = [
            growth(weights, np.array([0.7, 0.7 * (a + u), q + v])).coefficient.midpoint
            for u, v in steps
        ]
        seen.add(tuple(round((m - base) / 1e-6, 4) for m in moved))
    assert 2 <= len(seen) <= float(forms(weights, 3))


def test_ssa_follows_a_line_on_an_open_cone():
    rng, inside = np.random.default_rng(0), 0
    for _ in range(80):
        x, query = rng.uniform(0.1, 2, size=2)
        a = -rng.uniform(1, 4)
        found = growth(divider(), prompt(x, a, query)).coefficient.midpoint
        follows = abs(found - a * query) < 1e-12
        assert follows == in_the_cone(x, a, query)
        inside += follows
        if follows:
            y = forward(divider(), 1e6 * prompt(x, a, query)[None])[0, -1]
            assert y == pytest.approx(1e6 * a * query, rel=1e-4)
    assert inside > 15


def test_scales_are_interchangeable(random_weights):
    """y(t z)/t is the answer of other weights at scale 1: no rate at a single scale."""
    weights = random_weights(norm="none", layers=2, seed=3)
    t, tokens = 1024.0, np.random.default_rng(0).uniform(-1, 1, size=(5, 9))
    other = replace(
        weights,
        read_in=t * weights.read_in,
        read_out=weights.read_out / t,
        read_out_bias=weights.read_out_bias / t,
    )
    assert (forward(weights, t * tokens) / t == forward(other, tokens)).all()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "layernorm"),
        ({"norm": "none", "score": "ssa"}, "SSA"),
        ({"norm": "none", "context": 2}, "2 positions"),
    ],
)
def test_models_outside_the_assumptions_are_told_why(random_weights, options, reason):
    assert reason in (needs_no_division(random_weights(**options)) or "")


def test_numbers(random_weights):
    soft = G4.evaluate(random_weights(norm="none"))
    assert len(soft) == 3 and all(i.low >= 0 for i in soft.values())
    assert len(G4.evaluate(random_weights(norm="none", score="linear"))) == 2
    assert probe(random_weights(context=4))[0].size == 3


def test_the_probe_is_half_of_x(random_weights):
    """Examples (x, x/2) and the answer x_q/2, none of them equal."""
    tokens, target = probe(random_weights(context=5))
    assert tokens.tolist() == [0.75, 0.375, -0.5, -0.25, 0.625] and target == 0.3125
