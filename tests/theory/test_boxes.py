"""Boxes of prompts: exact points stay inside, whatever the model and however odd the box."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings, target
from hypothesis import strategies as st

import theory.boxes
from tests.theory.conftest import build_weights
from theory.activations import value
from theory.balls import Balls
from theory.boxes import enclose_box, propagate_intervals
from theory.enclosure import enclose_prediction
from theory.errors import TheoryError
from theory.layernorm import readout_ceiling
from theory.network import forward
from theory.ranges import activation_range, line_range, powers, squashing
from theory.weighing import shares
from theory.weights import MLP, Norm, Weights
from theory.zonotopes import Zonotope

VARIANTS = (
    {},
    {"norm": "rmsnorm", "score": "ssa"},
    {"norm": "dyt", "score": "hardmax"},
    {"norm": "none", "final_norm": "layernorm", "score": "linear"},
    {"norm": "none", "score": "sigmoid"},
    {"score": "sigmoid", "mlp": False},
    {"post_norm": True},
    {"final_norm": "none"},
    {"d": 1, "heads": 1},
    {"layers": 0, "eps": 0.0},
    {"layers": 2, "eps": 0.0},
    {"d": 2, "heads": 1, "norm": "rmsnorm"},
)
KINDS = ("gelu", "gelu_tanh", "relu", "silu")


@cache
def model(variant: int, seed: int, activation="gelu", skip=True) -> Weights:
    options: dict = {"d": 4, "layers": 1, "context": 4} | VARIANTS[variant]
    weights = build_weights(seed=seed, **options)
    blocks = [
        replace(b, activation=activation) if isinstance(b, MLP) else b for b in weights.blocks
    ]
    return replace(weights, blocks=tuple(blocks), residual=skip)


def inside(low, high, rng):
    """A prompt of the box: ends, middles, ties; far where the box is unbounded."""
    start = np.where(np.isfinite(low), low, np.where(np.isfinite(high), high - 1e6, -1e3))
    stop = np.where(np.isfinite(high), high, np.where(np.isfinite(low), low + 1e6, 1e3))
    share = rng.choice([0.0, 1.0, 0.5, rng.uniform()], size=len(low))
    return np.clip(start + share * (stop - start), start, stop)


@settings(max_examples=45, deadline=None, derandomize=True)
@given(
    st.integers(0, len(VARIANTS) - 1),
    st.integers(0, 3),
    st.sampled_from(KINDS),
    st.floats(-9, 7),
    st.integers(0, 10**6),
    st.booleans(),
)
def test_every_exact_point_is_inside(variant, seed, activation, exponent, draw, skip):
    weights, rng = model(variant, seed, activation, skip), np.random.default_rng(draw)
    length = int(rng.integers(1, 5))
    centre = rng.choice([0.0, 1.0, 1e3], size=length) * rng.normal(size=length)
    radius = 10.0**exponent * rng.choice([0.0, 1.0, rng.uniform()], size=length)
    low, high = centre - radius, centre + radius
    unbounded = rng.integers(0, 6, size=length)
    low, high = np.where(unbounded == 0, -np.inf, low), np.where(unbounded == 1, np.inf, high)
    found = enclose_box(weights, low, high)
    assert propagate_intervals(weights, low, high).width >= found.width * (1 - 1e-12)
    for _ in range(2):
        tokens = inside(low, high, rng)
        exact = enclose_prediction(weights, tokens.tolist())
        assert found.low <= exact.high and exact.low <= found.high
        # unless the exact one is not known to a few ulp itself
        if exact.width <= 1e-12 * max(exact.magnitude, 1):
            assert found.excess(exact.midpoint) <= exact.width
    if 0 < found.width < np.inf:
        target(-np.log(found.width))


@pytest.mark.parametrize("variant", [0, 1, 3, 5, 6, 7])
def test_a_small_box_costs_second_order(variant):
    weights, tokens = model(variant, 1, "gelu"), np.array([0.3, -0.8, 0.5, 0.9])
    radius = 1e-6
    signs = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T
    y = forward(weights, tokens + radius * signs)[:, -1]
    found = enclose_box(weights, tokens - radius, tokens + radius)
    # SSA's weights have no symbols here: its scores are intervals
    assert np.ptp(y) <= found.width <= np.ptp(y) * (100 if variant == 1 else 1.01) + 1e-9


@pytest.mark.parametrize("variant", range(len(VARIANTS)))
def test_a_point_is_known_to_rounding(variant):
    weights, tokens = model(variant, 2), np.array([0.3, -0.8, 1.5, 0.25])
    exact, found = (
        enclose_prediction(weights, tokens.tolist()),
        enclose_box(weights, tokens, tokens),
    )
    assert found.low <= exact.high and exact.low <= found.high
    assert found.width <= 1e-9 * max(found.magnitude, 1)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.integers(0, len(VARIANTS) - 1), st.integers(0, 10**6))
def test_interval_propagation_is_monotone(variant, draw):
    weights, rng = model(variant, 1), np.random.default_rng(draw)
    centre, radius = rng.normal(size=4), 10.0 ** rng.uniform(-6, 1, size=4)
    shift = radius * rng.uniform(-1, 1, size=4)
    small = propagate_intervals(weights, centre - radius, centre + radius)
    wide = propagate_intervals(weights, centre + shift - 2 * radius, centre + shift + 2 * radius)
    slack = 1e-9 * max(wide.magnitude, 1)
    assert wide.low - slack <= small.low and small.high <= wide.high + slack


def test_a_line_through_the_norm_in_closed_form():
    # h = z (1, -1, 0) + (1, 1, -2): z/sqrt((2z² + 6)/3) + ... has its turn at z = 3 and z = -3
    weights = Weights(
        np.array([1.0, -1.0, 0.0]),
        np.array([1.0, 1.0, -2.0]),
        np.zeros((1, 3)),
        (),
        Norm("layernorm", np.ones(3), np.zeros(3)),
        np.array([1.0, 0.0, 0.0]),
        0.0,
    )
    found = enclose_box(weights, np.array([0.0]), np.array([np.inf]))
    # (z + 1) sqrt(3)/sqrt(2z² + 6): sqrt(1/2) at 0, sqrt(2) at 3, sqrt(3/2) far out
    assert found.low == pytest.approx(0.5**0.5, rel=1e-12) and found.low <= 0.5**0.5
    assert found.high == pytest.approx(2**0.5, rel=1e-12)
    assert enclose_box(weights, np.array([5.0]), np.array([np.inf])).low >= 1.5**0.5 * (1 - 1e-12)


def test_any_context_and_a_far_query_is_n9s_band(random_weights):
    weights = random_weights(scale=0.5, eps=1e-5)
    context = np.full(8, np.inf)
    found = enclose_box(weights, np.append(-context, 1e6), np.append(context, np.inf))
    assert found.width < 1e-3 * readout_ceiling(weights).width
    near = enclose_box(weights, np.append(-context, -1.0), np.append(context, 1.0))
    assert near == readout_ceiling(weights)


def test_few_symbols_are_sound_too(monkeypatch):
    monkeypatch.setattr(theory.boxes, "ROOM", 200)
    weights, tokens = model(0, 0), np.array([0.3, -0.8, 1.5, 0.25])
    found = enclose_box(weights, tokens - 0.01, tokens + 0.01)
    y = forward(weights, tokens + np.random.default_rng(0).uniform(-0.01, 0.01, size=(500, 4)))
    assert found.low <= y[:, -1].min() and y[:, -1].max() <= found.high
    with np.errstate(all="raise"):
        assert found == enclose_box(weights, tokens - 0.01, tokens + 0.01)


@pytest.mark.parametrize(
    ("low", "high", "reason"),
    [
        ([0.0], [-1.0], "low <= high"),
        ([np.nan], [1.0], "low <= high"),
        ([np.inf], [np.inf], "low <= high"),
        ([0.0] * 5, [1.0] * 5, "positions"),
        ([], [], "two rows"),
        ([0.0, 1.0], [1.0], "two rows"),
    ],
)
def test_what_is_no_box_is_refused(low, high, reason):
    with pytest.raises(TheoryError, match=reason):
        enclose_box(model(0, 0), np.array(low), np.array(high))


@pytest.mark.parametrize("kind", KINDS)
def test_activations_ranges_hold_and_are_reached(kind):
    rng = np.random.default_rng(0)
    low = np.concatenate([rng.normal(size=200) * 3, [-np.inf, 0.0, -1e6, 1e-9]])
    high = low + np.concatenate([10.0 ** rng.uniform(-8, 1.5, size=200), [0.0, np.inf, 2e6, 0.0]])
    high[200] = 2.0
    with np.errstate(invalid="ignore"):
        found = activation_range(kind, low, high)
    stop = np.clip(high, -1e7, 1e7)
    u = np.clip(low, -1e7, 1e7) + np.linspace(0, 1, 257)[:, None] * (stop - np.clip(low, -1e7, 1e7))
    y = value(kind, Balls.exact(u))
    assert (y.lower().min(0) >= found.lower() - 1e-12 * np.abs(y.mid).max(0) - 1e-300).all()
    bounded = np.isfinite(high) & np.isfinite(low) & (high - low < 100)
    assert (found.upper() - y.upper().max(0))[bounded].max() < 1e-3
    assert (y.lower().min(0) - found.lower())[bounded].max() < 1e-3


def test_pieces_agree_with_arb():
    assert powers(np.array([-np.inf, -745.0, -1.0])).upper()[0] < 1e-300
    low, high = np.array([-np.inf, -1.0, 2.0]), np.array([np.inf, 3.0, 2.0])
    for kind, function in (("tanh", np.tanh), ("logistic", lambda u: 1 / (1 + np.exp(-u)))):
        tilt, rest, box = squashing(kind, low, high)
        for u in np.linspace(-1, 3, 9):
            assert rest.lower()[1] <= function(u) - tilt[1] * u <= rest.upper()[1]
        assert box.upper()[0] >= 1 and box.rad[2] < 1e-15
    visible = np.tril(np.ones((2, 2), dtype=bool))
    least, most = shares(np.zeros((1, 2, 2)), np.ones((1, 2, 2)), visible)
    top = float(1 / (1 + arb(-1).exp()))
    assert most[0, 1] == pytest.approx([top, top], rel=1e-15) and most[0, 1, 0] >= top
    assert least[0, 1] == pytest.approx([1 - top, 1 - top], rel=1e-14) and least[0, 0, 1] == 0


def test_line_range_is_none_without_a_sphere():
    assert (
        line_range(model(2, 0), Norm("dyt", np.ones(4), np.zeros(4)), np.zeros(1), np.ones(1))
        is None
    )


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_zonotopes_hold_what_their_symbols_say(draw):
    rng = np.random.default_rng(draw)

    def drawn(*shape):
        mid, lin = rng.normal(size=shape), rng.normal(size=(3, *shape)) * 10.0 ** rng.uniform(-3, 0)
        rad = rng.uniform(size=shape) * 0.01
        whole = Balls(np.zeros(shape), np.full(shape, np.inf))
        return Zonotope.made(Balls.exact(mid), Balls.exact(lin), rad, whole)

    x, y = drawn(2, 3, 4), drawn(2, 4, 3)
    eps = rng.choice([-1.0, 1.0, 0.3], size=3)

    def member(z):
        fixed = z.mid + np.tensordot(eps, z.lin[:3], 1)
        return fixed + z.rad * rng.choice([-1, 1], z.rad.shape)

    a, b = member(x), member(y)
    product, turned = x @ y, y.each(lambda v: np.swapaxes(v, -1, -2))
    squares = x.product(turned, Balls(np.zeros((2, 3, 4)), np.full((2, 3, 4), np.inf)))
    for found, exact in (
        (product, a @ b),
        (squares, a * np.swapaxes(b, -1, -2)),
        (squares.promoted(9), a * np.swapaxes(b, -1, -2)),
        (x + turned, a + np.swapaxes(b, -1, -2)),
        (x.mapped(np.ones((5, 4)), np.zeros(5)), a @ np.ones((4, 5))),
    ):
        left = np.abs(exact - found.mid - np.tensordot(eps, found.lin[:3], 1))
        slack = found.rad + np.abs(found.lin[3:]).sum(0)
        assert (left <= slack + 1e-12).all()
        assert (exact >= found.box.lower() - 1e-12).all() and (
            exact <= found.box.upper() + 1e-12
        ).all()
