"""What ``python -m theory ID`` shows: every number is the one its name says, worked out in numpy.

The other tests ask whether bounds are sound; here a bound may not be swapped for another.
"""

import numpy as np
import pytest

from theory import theorems
from theory.blocks import residual_bound
from theory.interval import Interval
from theory.network import forward, normed
from theory.plateau import far_radius
from theory.weights import Norm

# what is bounded in size and not from below: these start at 0 exactly
FROM_ZERO = {
    "L1": ("|z",),
    "L4": ("|z - ",),
    "L5": ("everywhere", "where |Ph|"),
    "L6": ("|grad y|",),
    "N3": ("D at",),
    "N4": ("C of", "|y - y(±)|"),
    "N5": ("|dy/dx| anywhere",),
    "N6": ("layer 0 head 0 error", "layer 0 head 1 error"),
    "N8": ("A of",),
    "G1": ("degree",),
    "S2": ("layer 0 head",),
    "G5": ("degree",),
}


class Shown(dict):
    """What the theorems show of a model, worked out when asked for."""

    def __init__(self, weights):
        self.weights = weights

    def __missing__(self, id_):
        self[id_] = theorems()[id_].evaluate(self.weights)
        return self[id_]


# each test its own model: nothing is remembered from another test
@pytest.fixture
def model(random_weights):
    return random_weights(d=4, layers=1, context=5, scale=0.5)


@pytest.fixture
def shown(model):
    return Shown(model)


@pytest.mark.parametrize("id_", FROM_ZERO)
def test_a_bound_of_a_size_starts_at_zero(shown, id_):
    bounds = {k: v for k, v in shown[id_].items() if k.startswith(FROM_ZERO[id_])}
    # every prefix is met, and for the first three theorems nothing else is shown but these
    assert all(any(name.startswith(start) for name in bounds) for start in FROM_ZERO[id_])
    assert all(v.low == 0 <= v.high < np.inf for v in bounds.values())
    others = set(shown[id_]) - set(bounds)
    if id_ in ("L1", "L5", "L6", "N3", "N4", "G1", "S2"):
        assert not others
    assert all(shown[id_][name].low != 0 or id_ == "G5" for name in others)


def centred(v):
    return v - v.mean(-1, keepdims=True)


def parts(model):
    """a = P(gamma w), c, R and the unit vector along P w_in."""
    final = model.final_norm
    a = centred(final.gamma * model.read_out)
    c = model.read_out @ final.beta + model.read_out_bias
    ray = centred(model.read_in)
    return a, c, 2 * np.linalg.norm(a), ray / np.linalg.norm(ray)


def close(found, value, rel=1e-9):
    """An interval around the value, or a number next to it."""
    ends = (found.low, found.high) if isinstance(found, Interval) else (found, found)
    assert ends == pytest.approx((value, value), rel=rel)


def test_both_plateaus_and_the_band_around_them(shown, model):
    a, c, radius, ray = parts(model)
    for id_ in ("N2", "N6"):
        for sign, name in ((1, "+"), (-1, "-")):
            close(shown[id_][f"y_inf({name})"], c + sign * 2 * a @ ray)
    tokens = np.random.default_rng(0).normal(size=(500, 5)) * 10
    for sign, name in ((1, ""), (-1, "-")):
        tokens[:, -1] = sign * 1e3
        y, band = forward(model, tokens)[:, -1], shown["N2"][f"y at x = {name}1e3"]
        assert band.low <= y.min() and y.max() <= band.high
        assert c + sign * 2 * a @ ray in band and band.width < 0.01 * radius
    close(shown["N2"]["X~"], float(far_radius(model)))


def test_the_cap_on_the_ray(shown, model):
    a, c, radius, ray = parts(model)
    along, across = 2 * a @ ray, np.sqrt(radius**2 - (2 * a @ ray) ** 2)
    close(shown["L4"]["y_inf(+) - c"], along)
    for part in (10, 100):
        angle = np.arcsin(1 / part)
        close(shown["L4"][f"|z - sqrt(d) v^| at sin theta = 1/{part}"].high, 4 * np.sin(angle / 2))
        for sign, name in ((1, "+"), (-1, "-")):
            middle, reach = sign * along * np.cos(angle), across / part
            found = shown["L4"][f"y at sin theta = 1/{part}, x_q {name}"]
            expected = c + middle - reach, c + middle + reach
            assert (found.low, found.high) == pytest.approx(expected, rel=1e-9)
            # the cap is what a vector at that angle reads: sampled, it is nearly filled
            turns = np.random.default_rng(part).normal(size=(4000, 4))
            turns = centred(turns) - (centred(turns) @ ray)[:, None] * ray
            turns /= np.linalg.norm(turns, axis=1, keepdims=True)
            y = c + 2 * (sign * np.cos(angle) * ray + np.sin(angle) * turns) @ a
            assert found.low <= y.min() and y.max() <= found.high
            assert np.ptp(y) > 0.98 * found.width


def test_constants_of_the_final_norm(shown, model):
    _, _, radius, _ = parts(model)
    final = model.final_norm
    size = np.linalg.norm(np.diag(final.gamma) @ (np.eye(4) - 0.25), 2)
    close(shown["L5"]["everywhere"].high, size / np.sqrt(1e-5))
    for length in (1, 100):
        found = shown["L5"][f"where |Ph| ≥ {length}"].high
        close(found, size / np.sqrt(length**2 / 4 + 1e-5))
    for share in (0, 0.9, 0.999):
        found = shown["L6"][f"|grad y| where |Ph| = 10, |y - c| = {share} R"].high
        close(found, radius * np.sqrt(1 - share**2) / np.sqrt(100 + 4e-5))


def test_the_price_of_range(shown, model):
    _, _, radius, _ = parts(model)
    far, found = float(far_radius(model)), shown["N8"]
    close(found["R"], radius)
    close(found["R_tot"], float(residual_bound(model)))
    close(found["R X~"], radius * far)
    for x in (1, 10, 1000):
        close(found[f"A of A|x| with error 0 at x = {x}"].high, radius * far / x**2)
    # D falls like 1/x: three numbers, a factor of ten apart once far
    spreads = [shown["N3"][f"D at x = 1e{k}"].high for k in (2, 3, 4)]
    assert spreads[0] / spreads[1] == pytest.approx(10, rel=0.05)
    assert spreads[1] / spreads[2] == pytest.approx(10, rel=0.005)
    assert spreads[0] <= 2 * radius * far / 100


def test_the_limit_of_spread_and_of_slope_are_one_number(shown):
    """|x|(y - y_inf) -> [l, h] makes D(x) -> (h - l)/|x| and x² dy/dx -> -sign of the same."""
    bands, slopes = shown["N9"], shown["N5"]
    for sign, name in ((1, ""), (-1, "-")):
        limit = bands[f"|x|(y - y_inf) as x -> {name}inf"]
        assert all(bands[f"D at x = {name}1e{k}"].low == 0 for k in (2, 3, 4))
        assert bands[f"D at x = {name}1e4"].high * 1e4 == pytest.approx(limit.width, rel=0.01)
        ends = sorted((-sign * limit.low, -sign * limit.high))
        found = slopes[f"x² dy/dx as x -> {name}inf"]
        assert [found.low, found.high] == pytest.approx(ends)
        far, near = slopes[f"dy/dx at x = {name}1e3"], slopes[f"dy/dx at x = {name}1e2"]
        assert [far.low * 1e6, far.high * 1e6] == pytest.approx(ends, rel=0.2, abs=0.02)
        assert near.low < far.low < far.high < near.high <= slopes["|dy/dx| anywhere"].high
        nearest = bands[f"X* for x -> {name}inf"]
        assert 0 < nearest.low == nearest.high < 2


def test_limit_odds_are_those_of_the_poles(shown, model):
    """2 p.(± B p + q): scores of the two poles, by the attention itself."""
    block = model.blocks[0]
    plain = Norm("layernorm", block.norm.gamma, block.norm.beta, eps=0.0)
    poles = normed(plain, np.array([[1.0], [-1.0]]) * model.read_in)
    for head in range(2):
        keys = poles @ block.key[head].T + block.key_bias[head]
        for side, name in ((0, "+"), (1, "-")):
            asked = block.query[head] @ poles[side] + block.query_bias[head]
            scores = keys @ asked / np.sqrt(2)
            found = shown["N6"][f"layer 0 head {head} log odds + to - for a {name} query"]
            close(found, scores[0] - scores[1])
        # the error falls like 1/|z|, and at a million it is small beside the odds
        assert shown["N6"][f"layer 0 head {head} error of the log odds at |z| >= 1e6"].high < 1e-4


def test_failure_radii_and_errors_of_what_leaves_the_ceiling(random_weights):
    weights = random_weights(d=4, layers=1, context=3, scale=2.0, seed=1)
    ceiling = theorems()["L2"].evaluate(weights)["ceiling"]
    low, high = ceiling.low, ceiling.high
    assert low < -1 and high > 1
    found, far = theorems()["P1"].evaluate(weights), max(-low, high)
    for name, radius in (("x", far), ("2x", far / 2), ("x²", high**0.5), ("x³", far ** (1 / 3))):
        close(found[f"failure radius of p = {name}"], radius)
    errors = theorems()["P2"].evaluate(weights)
    for value in (3, 10, 100):
        error = max(value - high, 0.0)
        assert errors[f"error at p(x) = {value}, at least"].midpoint == pytest.approx(error)
    room, grown = min(-low, high), theorems()["P4"].evaluate(weights)
    for k, most in ((1, 2), (2, 7), (3, 26), (5, 362)):
        start = f"degree {k}, |p| ≤ 1 on [-1, 1]"
        close(grown[f"{start}: largest |p(2)|"], most)
        inside = np.cosh(np.arccosh(room) / k)
        close(grown[f"{start}: inside the ceiling up to |x| ="], inside)


def test_relative_floors_are_what_sampled_polynomials_miss(shown):
    ceiling, rng = shown["L2"]["ceiling"], np.random.default_rng(0)
    for degree in (1, 3, 5):
        coefficients = rng.uniform(-1, 1, size=(120_000, degree + 1))
        share = rng.uniform(-1, 1, size=(120_000, 1))
        for s in (1, 10, 100):
            p = (coefficients * (s * share) ** np.arange(degree + 1)).sum(1)
            missed = np.maximum(p - ceiling.high, 0) + np.maximum(ceiling.low - p, 0)
            found = shown["P3"][f"floor / E p², degree {degree}, s = {s}"]
            assert found.midpoint == pytest.approx((missed**2).mean() / (p**2).mean(), rel=0.02)


def test_numbers_of_float32(shown, model):
    _, c, _, _ = parts(model)
    exact = forward(model, np.ones((1, 1)))[0, -1]
    close(shown["F1"]["y of the prompt (1), exact network"], exact)
    errors = [shown["F1"][f"|float32 y - y| at |h|/|Ph| ≤ {k}"] for k in (1, 10, 1000)]
    assert all(e.low == 0 for e in errors)
    assert errors[2].high / errors[1].high == pytest.approx(100, rel=0.02)
    ceiling, wide = shown["L2"]["ceiling"], shown["F2"]["float32 y, if not NaN, at |h|/|Ph| ≤ 10"]
    slack = errors[1].high
    assert wide.low == pytest.approx(ceiling.low - slack, abs=0.2 * slack)
    assert wide.high == pytest.approx(ceiling.high + slack, abs=0.2 * slack)
    close(shown["F2"]["c"], c)
    safe = shown["F2"]["X32: no overflow for |z| up to"]
    assert 1e18 < safe.low == safe.high < shown["F2"]["y = c or NaN for |x_q| from"].low < 1e20


def test_growth_of_a_bounded_and_of_a_cubic_model(shown, random_weights):
    assert shown["G1"] == {
        "degree in the whole prompt": Interval(0.0, 0.0),
        "degree in the query alone": Interval(0.0, 0.0),
    }
    cubic = random_weights(norm="none", score="linear", layers=2, d=4, context=5)
    assert theorems()["G1"].evaluate(cubic)["degree in the whole prompt"] == Interval(0.0, 9.0)
    found = theorems()["G5"].evaluate(cubic)
    assert found["degree (G1)"] == Interval(0.0, 9.0)
    assert found["exponent of y(tz)"] == Interval(9.0, 9.0)
    assert "lim y(tz)/(t a x_q), a = 1/2" not in found
    tokens, t = np.array([[0.75, 0.375, -0.5, -0.25, 0.625]]), 2.0**40
    close(found["its coefficient"], forward(cubic, t * tokens)[0, -1] / t**9, rel=1e-6)


def test_the_slope_on_the_probe(random_weights, shown):
    """Norms in the blocks only: y/t -> (w.w_in) x_q, over a x_q for a = 1/2."""
    free = random_weights(final_norm="none", d=4, layers=1, context=5)
    found, slope = theorems()["G5"].evaluate(free), free.read_out @ free.read_in
    assert found["exponent of y(tz)"] == Interval(1.0, 1.0)
    close(found["its coefficient"], 0.625 * slope)
    close(found["lim y(tz)/(t a x_q), a = 1/2"], 2 * slope)
    assert shown["G5"]["exponent of y(tz)"] == Interval(0.0, 0.0)
    assert shown["G5"]["lim y(tz)/(t a x_q), a = 1/2"] == Interval(0.0, 0.0)
    close(shown["G5"]["its coefficient"], shown["N2"]["y_inf(+)"].midpoint)
    bands = theorems()["N7"].evaluate(free)
    close(bands["slope w.w_in"], slope)
    tokens = np.random.default_rng(1).normal(size=(500, 5)) * 10
    for sign, name in ((1, ""), (-1, "-")):
        tokens[:, -1] = sign * 1e3
        rest = forward(free, tokens)[:, -1] - slope * sign * 1e3
        band, far = bands[f"y - slope x at x = {name}1e3"], bands[f"y - slope x as x -> {name}inf"]
        assert band.low <= rest.min() and rest.max() <= band.high
        assert (far.low, far.high) == pytest.approx((band.low, band.high), rel=0.05, abs=0.05)
        whole = bands["y - slope x at any x"]
        assert whole.low <= band.low and band.high <= whole.high
