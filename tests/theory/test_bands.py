from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

from theory import TheoryError
from theory.balls import Balls
from theory.bands import functional_band, merged
from theory.layernorm import readout_ceiling
from theory.network import forward
from theory.plateau import plateau, plateau_band
from theory.streams import Stream
from theory.weights import MLP, Norm, Weights

VARIANTS = [
    {"d": 8},
    {"d": 2, "heads": 1, "layers": 1, "eps": 0.0},
    {"d": 3, "heads": 1, "scale": 0.3},
    {"d": 16, "heads": 4, "layers": 3, "scale": 0.3, "eps": 0.0},
    {"norm": "rmsnorm", "scale": 0.5},
    {"norm": "dyt", "final_norm": "layernorm", "scale": 0.3},
    {"norm": "dyt", "final_norm": "rmsnorm", "scale": 0.3},
    {"norm": "layernorm", "final_norm": "rmsnorm", "scale": 0.4},
    {"norm": "rmsnorm", "final_norm": "layernorm", "scale": 0.4},
    {"score": "ssa", "mlp": False},
    {"score": "hardmax", "scale": 0.5, "eps": 1.0},
]
NOISE = 1e-9


def contexts(weights, rng, length, count=300):
    """Tokens of one scale a prompt for one half, of every scale inside a prompt for the other."""
    drawn = rng.normal(size=(count, length))
    scales = 10.0 ** rng.uniform(-3, 6, size=(count, length))
    scales[::2] = scales[::2, :1]
    return drawn * scales


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_no_context_leaves_the_band(random_weights, options):
    weights, rng = random_weights(**options, seed=2), np.random.default_rng(0)
    last = len(weights.positions) - 1
    for x in (0.3, 5.0, -40.0, 300.0, -1e4, 1e7):
        tokens = contexts(weights, rng, last + 1)
        tokens[:, -1] = x
        y = forward(weights, tokens)[:, -1]
        band, every = functional_band(weights, x, last), functional_band(weights, x)
        assert band.low - NOISE <= y.min() and y.max() <= band.high + NOISE
        assert every.low <= band.low + NOISE and band.high <= every.high + NOISE
        assert band.width <= plateau_band(weights, x, last).width * 1.000001 + NOISE
        shorter = forward(weights, tokens[:, -3:])[:, -1]
        assert every.low - NOISE <= shorter.min() and shorter.max() <= every.high + NOISE


@pytest.mark.parametrize("options", VARIANTS[:8], ids=str)
@pytest.mark.parametrize("share", (0.5, 0.0))
def test_one_certificate_holds_for_all_farther_queries(random_weights, options, share):
    weights, rng = random_weights(**options, seed=7), np.random.default_rng(1)
    last = len(weights.positions) - 1
    for x in (2.0, -50.0, 1e4):
        tokens = contexts(weights, rng, last + 1)
        grown = rng.uniform(size=300) ** -2.0 if share == 0 else rng.uniform(1, 2, size=300)
        tokens[:, -1] = x * grown
        y = forward(weights, tokens)[:, -1]
        band = functional_band(weights, x, last, share)
        assert band.low - NOISE <= y.min() and y.max() <= band.high + NOISE
        if share == 0:
            assert band.low <= plateau(weights, int(np.sign(x))).low + NOISE


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([1.0, -3.0, 20.0, -400.0]),
    st.lists(st.floats(-1e12, 1e12), min_size=8, max_size=8),
)
def test_hypothesis_finds_no_context_outside(random_weights, seed, x, context):
    weights = random_weights(seed=seed % 40, scale=0.6, eps=0.0 if seed % 2 else 1e-5)
    y = float(forward(weights, np.array([[*context, x]]))[0, -1])
    band = functional_band(weights, x, 8)
    target(abs(y - band.midpoint) / max(band.radius, 1e-12))
    assert band.widened(NOISE).excess(y) == 0


def test_a_sampled_prediction_comes_near_the_band(random_weights):
    weights = random_weights(d=4, heads=1, layers=1, mlp=False, seed=3, eps=0.0)
    rng = np.random.default_rng(2)
    tokens = np.sinh(rng.normal(size=(20000, 9)) * 4)
    tokens[:, -1] = 500.0
    y = forward(weights, tokens)[:, -1]
    assert y.max() - y.min() > 0.4 * functional_band(weights, 500.0, 8).width


def test_a_shrunken_norm_bound_would_be_caught(random_weights, monkeypatch):
    weights = random_weights(d=4, heads=1, layers=1, mlp=False, seed=3, eps=0.0)
    monkeypatch.setattr("theory.anatomy.half_discs", lambda weights: None)
    monkeypatch.setattr("theory.anatomy.spectral_norm", lambda m: 0.3)
    tokens = np.sinh(np.random.default_rng(2).normal(size=(20000, 9)) * 4)
    tokens[:, -1] = 500.0
    y = forward(weights, tokens)[:, -1]
    assert functional_band(weights, 500.0, 8).excess(float(y.max())) > 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"post_norm": True}, "post-norm"), ({"final_norm": "none"}, "final norm"), ({"d": 1}, "0")],
)
def test_refusals(random_weights, options, reason):
    with pytest.raises(TheoryError, match=reason):
        functional_band(random_weights(heads=1, **options), 10.0)


@pytest.mark.parametrize("x", (0.0, np.inf, np.nan))
def test_queries_that_are_no_far_query(random_weights, x):
    with pytest.raises(TheoryError, match="finite queries other than 0"):
        functional_band(random_weights(), x)


def test_near_queries_get_the_ceiling(random_weights):
    weights = random_weights()
    assert functional_band(weights, 1e-3) == readout_ceiling(weights)


def cancelling(far=100.0, push=1.0, rho=10.0):
    """An MLP that takes ``push`` times the offset ±rho off the stream at x = far, less beyond."""
    e, o = np.array([1.0, -1.0, 0.0]), np.array([1.0, 1.0, -2.0])
    norm, gain = Norm("layernorm", np.ones(3), np.zeros(3)), push * far / (3 * 6**0.5)
    bias = 5 * gain + 1
    mlp = MLP(norm, gain * o[None], np.array([bias]), -o[:, None], bias * o, "relu")
    return Weights(e, 0 * o, rho * np.array([o, -o]) / 6, (mlp,), norm, o, 0.0)


@pytest.mark.parametrize("share", (0.5, 0.1, 0.0))
@pytest.mark.parametrize("push", (-0.5, 0.6, 1.0, 1.4))
def test_an_mlp_that_cancels_the_stream_here_does_not_cancel_it_farther_out(share, push):
    weights = cancelling(push=push)
    band, nearest = functional_band(weights, 100.0, None, share), functional_band(weights, 100.0)
    x = 100.0 / np.linspace(max(share, 1e-3), 1, 300)
    y = forward(weights, np.stack([0 * x, x], 1))
    assert band.low <= y[:, 1].min() and y[:, 1].max() <= band.high
    if push == 1.0:
        # all of it cancels at 100: the near band is the bending of directions alone
        assert nearest.width < np.abs(y[:, 1]).max() / 2


@pytest.mark.parametrize("eps", (1.0, 300.0))
def test_a_large_eps_moves_the_axis_of_farther_queries(eps):
    norm = Norm("layernorm", np.ones(3), np.zeros(3), eps=eps)
    weights = cancelling(rho=30.0)
    blocks = tuple(replace(block, norm=norm) for block in weights.blocks)
    weights = replace(weights, blocks=blocks, final_norm=norm)
    for far in (20.0, 100.0):
        band, x = functional_band(weights, far, None, 0.0), far / np.linspace(1e-3, 1, 300)
        y = forward(weights, np.stack([0 * x, x], 1))[:, 1]
        assert band.low <= y.min() and y.max() <= band.high


@pytest.mark.parametrize(
    ("arguments", "reason"), [((2.0, 9), "0 to 8"), ((2.0, -1), "0 to 8"), ((2.0, 3, 1.5), "share")]
)
def test_positions_and_shares_that_there_are_not(random_weights, arguments, reason):
    with pytest.raises(TheoryError, match=reason):
        functional_band(random_weights(), *arguments)


@pytest.mark.parametrize(("width", "columns"), [(8, 768), (128, 768), (160, 491), (256, 384)])
def test_a_pass_costs_a_wide_model_no_more_than_one_of_128(random_weights, width, columns):
    """Width² times columns: 128² 768 at the most, but never less than 1.5 columns a unit."""
    weights = random_weights(d=width, layers=0)
    segments = np.random.default_rng(0).normal(size=(width, columns + 1))
    empty = Stream.nothing(width)
    enough = empty.joined(Balls.exact(segments[:, :columns]), 1)
    assert merged(weights, enough) is enough
    fewer = merged(weights, empty.joined(Balls.exact(segments), 1))
    assert width < fewer.columns.shape[1] <= columns


def test_gains_of_zero_leave_a_band(random_weights):
    weights = random_weights(norm="rmsnorm", layers=3)
    for block in weights.blocks:
        block.norm.gamma[:] = 0
    band = functional_band(weights, 1e3, 8)
    assert float(forward(weights, np.array([[1.0] * 8 + [1e3]]))[0, -1]) in band.widened(1e-12)
    assert 0 < band.width < 1e-9
