"""F1, F2: numpy's float32 against the slack, the exact network against mpmath and float64."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import example, given, settings, target
from hypothesis import strategies as st

from theory.arithmetic import F1, overflowing_query
from theory.enclosure import enclose_prediction, readout
from theory.errors import TheoryError
from theory.float32 import growth, layernorm, two_pass, welford
from theory.layernorm import readout_ceiling, readout_centre
from theory.linear import norm, vector
from theory.network import forward, transform
from theory.rounding import (
    block_growth,
    float32_ceiling,
    float32_domain,
    normalising_error,
    readout_slack,
)
from theory.weights import MLP, Norm, Weights

VARIANTS = [
    {},
    {"norm": "rmsnorm", "score": "ssa"},
    {"norm": "dyt", "score": "hardmax"},
    {"norm": "none", "final_norm": "layernorm", "score": "linear"},
    {"score": "sigmoid", "mlp": False},
    {"post_norm": True},
    {"final_norm": "none"},
    {"d": 1, "heads": 1, "layers": 1},
    {"layers": 0, "eps": 0.0},
]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "relu", "silu"])
def test_enclosure_holds_the_float64_network_to_rounding(random_weights, options, activation):
    weights = random_weights(seed=3, **options)
    for block in weights.blocks:
        if hasattr(block, "activation"):
            object.__setattr__(block, "activation", activation)
    tokens = np.random.default_rng(0).normal(size=len(weights.positions)) * 3
    exact = enclose_prediction(weights, list(tokens))
    assert exact.width <= 1e-15 * exact.magnitude
    assert forward(weights, tokens[None])[0, -1] == pytest.approx(exact.midpoint, rel=1e-9)
    assert ctx.prec == 128


@pytest.mark.parametrize("power", [0, 30, 60, 100])
def test_an_offset_of_any_size_that_the_norm_takes_off_costs_no_accuracy(power):
    """(b + z, b - z), eps = 16, z = 3: the norm makes (z, -z)/sqrt(z² + eps) of it, y = 6/5.

    b = 10^power is 332 bits above z at the most: more than the precision begins with.
    """
    offset = np.full(2, 10.0**power)
    norm, one = Norm("layernorm", np.ones(2), np.zeros(2), eps=16.0), np.array([1.0, -1.0])
    weights = Weights(one, offset, np.zeros((1, 2)), (), norm, one, 0.0)
    exact = enclose_prediction(weights, [3.0])
    assert Fraction(exact.low) <= Fraction(6, 5) <= Fraction(exact.high)
    assert exact.width <= 1e-15
    assert ctx.prec == 128


def test_enclosure_agrees_with_mpmath(random_weights):
    weights = random_weights(d=2, heads=1, layers=1, mlp=False, seed=4)
    block, tokens = weights.attentions[0], [0.5, -7.0, 2.0]

    def exact(array):
        return mpmath.matrix(array.tolist())

    def apply(norm_, h):
        mean = sum(h) / len(h)
        scale = mpmath.sqrt(sum((x - mean) ** 2 for x in h) / len(h) + mpmath.mpf(norm_.eps))
        rows = zip(norm_.gamma.tolist(), norm_.beta.tolist(), h, strict=True)
        return mpmath.matrix([g * (x - mean) / scale + b for g, b, x in rows])

    with mpmath.workdps(40):
        w_in, bias = exact(weights.read_in), exact(weights.read_in_bias)
        stream = [
            t * w_in + bias + exact(position)
            for t, position in zip(tokens, weights.positions, strict=False)
        ]
        u = [apply(block.norm, h) for h in stream]
        q = exact(block.query[0]) * u[-1] + exact(block.query_bias[0])
        keys = [exact(block.key[0]) * x + exact(block.key_bias[0]) for x in u]
        values = [exact(block.value[0]) * x + exact(block.value_bias[0]) for x in u]
        powers = [mpmath.exp((q.T * k)[0] / mpmath.sqrt(2)) for k in keys]
        mixed = sum((p * v for p, v in zip(powers, values, strict=True)), mpmath.matrix(2, 1))
        change = exact(block.output[0]) * (mixed / sum(powers)) + exact(block.output_bias)
        final = apply(weights.final_norm, stream[-1] + change)
        y = (exact(weights.read_out).T * final)[0] + weights.read_out_bias
        ours = enclose_prediction(weights, tokens)
        assert ours.low <= y <= ours.high and ours.width < 1e-15


def test_largest_tokens_and_refusals(random_weights):
    weights = random_weights()
    wide = enclose_prediction(weights, [3e38, -3e38, 1e-45, 0.0])
    assert wide.width < 1e-14 and readout_ceiling(weights).low <= wide.low
    for tokens, reason in (([], "at least one"), ([math.nan], "finite"), ([0.0] * 10, "positions")):
        with pytest.raises(TheoryError, match=reason):
            enclose_prediction(weights, tokens)


def float32_readout(weights, h, moments):
    """The read-out as numpy's float32 computes it."""
    final = weights.final_norm
    gamma, beta, w = (a.astype(np.float32) for a in (final.gamma, final.beta, weights.read_out))
    with np.errstate(all="ignore"):
        if final.kind == "layernorm":
            z = layernorm(h, final.eps, moments)
        elif final.kind == "rmsnorm":
            z = h / np.sqrt((h * h).mean(dtype=np.float32) + np.float32(final.eps))
        else:
            z = np.tanh(np.float32(final.alpha) * h)
        return float(np.dot(w, gamma * z + beta) + np.float32(weights.read_out_bias))


def condition(weights, h):
    """|h|/sqrt(|Ph|² + d eps)."""
    x = h.astype(float)
    return np.linalg.norm(x) / np.sqrt(
        ((x - x.mean()) ** 2).sum() + x.size * weights.final_norm.eps
    )


@settings(max_examples=250, deadline=None)
@example(seed=0, kind="rmsnorm", d=64, eps=1e-5, offset=2.0, size=16.5, moments=two_pass)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["layernorm", "rmsnorm", "dyt"]),
    st.sampled_from([1, 2, 3, 8, 17, 64]),
    st.sampled_from([1e-5, 1e-12, 1.0]),
    st.floats(0, 4),
    st.floats(-20, 17),
    st.sampled_from([two_pass, welford]),
)
def test_float32_readout_stays_within_the_slack(
    random_weights, seed, kind, d, eps, offset, size, moments
):
    weights = random_weights(d=d, heads=1, layers=0, final_norm=kind, eps=eps, seed=seed % 50)
    rng = np.random.default_rng(seed)
    h = rng.normal(size=d) + 10.0**offset * rng.choice([-1, 0, 1])
    h = (rng.choice([h, np.sort(h), np.round(h)]) * 10.0**size).astype(np.float32)
    computed, exact = float32_readout(weights, h, moments), readout(weights, vector(h))
    slack = readout_slack(weights, condition(weights, h), float(np.abs(h).max()))
    seen = h.astype(float) - (h.astype(float).mean() if kind == "layernorm" else 0.0)
    if kind != "dyt" and np.linalg.norm(seen) >= 2.0**63.4:
        # the sum of the squares may be inf: z = 0 and y = c
        exact = min(exact, readout_centre(weights), key=lambda y: float(abs(arb(computed) - y)))
    assert not abs(arb(computed) - exact) > arb(slack)
    assert float32_ceiling(weights, condition(weights, h)).excess(computed) == 0
    if math.isfinite(slack):
        target(float(abs(arb(computed) - exact)) / slack)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([2, 5, 16, 64]), st.floats(0, 3.5))
def test_both_variances_are_within_their_share(seed, d, offset):
    rng = np.random.default_rng(seed)
    h = (rng.choice([rng.normal(size=d), rng.integers(0, 2, d) * 1.0]) + 10.0**offset).astype(
        np.float32
    )
    x = h.astype(np.longdouble)
    m = x - x.mean()
    if not m.any():
        return
    exact, kappa = float((m**2).mean()), float(np.sqrt((x**2).sum() / (m**2).sum()))
    share = 4 * float(growth(2 * d + 128)) * kappa
    if not share < 0.25:
        return
    for moments in (two_pass, welford):
        mean, variance = moments(h)
        error = abs(float(variance) - exact) / exact
        target(error / share, label=moments.__name__)
        assert error <= share
        reach = float(growth(2 * d + 128)) * np.linalg.norm(h) / d**0.5
        assert abs(float(mean) - float(x.mean())) <= reach


def test_slack_is_absent_where_nothing_is_certain(random_weights):
    weights = random_weights(d=64)
    values = [readout_slack(weights, c) for c in (1.0, 10.0, 1000.0)]
    assert values == sorted(values) and 0 < values[0] < 1e-4 * readout_ceiling(weights).radius
    for bad in (math.inf, math.nan, 1e9):
        assert readout_slack(weights, bad) == math.inf
    assert readout_slack(weights, 1.0, 2.0**64) == math.inf
    assert readout_slack(random_weights(eps=0.0), 1.0) == math.inf
    assert readout_slack(random_weights(final_norm="none"), 1.0) == math.inf
    weights.read_out[0] = 0.1
    assert readout_slack(weights, 1.0) == math.inf
    assert "no float32" in str(F1.applies(weights))
    huge = random_weights(d=2, heads=1)
    huge.read_out[:] = 3e38
    assert readout_slack(huge, 1.0) == math.inf
    assert readout_slack(random_weights(final_norm="dyt"), math.inf) < 1e-4


def test_float32_leaves_the_ceiling_only_without_the_condition(random_weights):
    weights = random_weights(d=2, heads=1, seed=2)
    h = np.array([8388609.0, 8388610.0], dtype=np.float32) * np.float32(1024)
    y = float32_readout(weights, h, welford)
    assert readout_ceiling(weights).excess(y) > 1000
    assert float32_ceiling(weights, condition(weights, h)).excess(y) == 0
    assert float32_ceiling(weights, condition(weights, h)).width == math.inf


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm"])
def test_the_domain_is_where_nothing_overflows(random_weights, kind):
    weights = random_weights(d=16, norm=kind, seed=1)
    end = float32_domain(weights)
    assert 2.0**58 < end < 2.0**64
    w_in = weights.read_in.astype(np.float32)
    inside = float32_readout(weights, w_in * np.float32(end), two_pass)
    limit = forward(weights, np.array([[end]]))[0, 0]
    assert inside == pytest.approx(limit, rel=1e-4)
    start = overflowing_query(weights)
    assert start is not None and float(start) < 4 * end
    beyond = float32_readout(weights, w_in * np.float32(float(start)), two_pass)
    c = float(readout_centre(weights))
    assert beyond == pytest.approx(c, abs=readout_slack(weights, 1.0))
    with np.errstate(over="ignore"):
        lost = float32_readout(weights, w_in * np.float32(3e38), two_pass)
    assert math.isnan(lost) or lost == pytest.approx(c, abs=readout_slack(weights, 1.0))


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm"])
def test_every_size_of_residual_is_nan_or_inside(random_weights, kind):
    weights, rng = random_weights(final_norm=kind, d=16, seed=1), np.random.default_rng(0)
    for exponent in np.linspace(-45, 38, 400):
        h = (rng.normal(size=16) * 10.0**exponent).astype(np.float32)
        if not np.isfinite(h).all():
            continue
        ceiling = float32_ceiling(weights, max(condition(weights, h), 1.0))
        for moments in (two_pass, welford):
            y = float32_readout(weights, h, moments)
            assert math.isnan(y) or ceiling.excess(y) == 0


def test_normalising_error_has_no_bound_without_eps():
    ones = np.ones(4)
    assert normalising_error(Norm("layernorm", ones, ones, eps=0.0), arb(1)) is None
    small = normalising_error(Norm("layernorm", ones, ones, eps=1e-5), arb(1))
    assert small is not None and small < 1e-4
    assert norm(vector(ones)) == 2


def test_error_of_n_roundings_is_highams_gamma():
    """n u/(1 - n u) at u = 2^-24: n = 2^20 gives (1/16)/(15/16) = 1/15; n = 2^24 has no bound."""
    assert growth(2**20).overlaps(arb(1) / 15) and growth(1).overlaps(1 / arb(2**24 - 1))
    assert growth(2**20).rad() < 1e-30
    assert not growth(2**24).is_finite() and not growth(2**25).is_finite()
    # (1 + u)(1 + gam_n) <= 1 + gam_(n+1)
    assert (1 + arb(2) ** -24) * (1 + growth(9)) - 1 < growth(10)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_inside_a_block_is_larger_than_its_growth(random_weights, seed):
    """Scores, hidden units cubed (gelu_tanh) and what is added, for norms with |z| <= 2 sqrt(d)."""
    weights, rng = random_weights(seed=seed, scale=3.0, layers=1), np.random.default_rng(seed)
    z = rng.normal(size=(200, 8))
    z *= 2 * 8**0.5 / np.linalg.norm(z, axis=1, keepdims=True)
    for block in weights.blocks:
        bound, u = float(block_growth(block, 8)), block.norm.gamma * z + block.norm.beta
        assert np.abs(transform(block, u[None])).max() <= bound
        if isinstance(block, MLP):
            assert (np.abs(u @ block.up.T + block.up_bias) ** 3).max() <= bound
            continue
        query, key, value = (
            np.einsum("bd,hed->bhe", u, weight) + bias
            for weight, bias in (
                (block.query, block.query_bias),
                (block.key, block.key_bias),
                (block.value, block.value_bias),
            )
        )
        assert np.abs(np.einsum("bhe,che->bch", query, key)).max() <= bound
        assert np.abs(value).max() <= bound
