import mpmath
import numpy as np
import pytest

from theory.activations import bend, chord, derivative_range, lipschitz, slope, tilted_range, value
from theory.balls import Balls
from theory.network import activate

SMOOTH = ("gelu", "gelu_tanh", "silu")
EXACT = {
    "gelu": lambda u: u * mpmath.erfc(-u / mpmath.sqrt(2)) / 2,
    "gelu_tanh": lambda u: (
        u / (1 + mpmath.exp(-mpmath.sqrt(8 / mpmath.pi) * (u + u**3 * mpmath.mpf(44715) / 10**6)))
    ),
    "silu": lambda u: u / (1 + mpmath.exp(-u)),
}


@pytest.mark.parametrize("kind", SMOOTH)
def test_values_and_slopes_enclose_mpmath(kind):
    points = np.concatenate([np.random.default_rng(0).normal(size=60) * 8, [0.0, 12.0, -40.0, 99]])
    balls, slopes = value(kind, Balls.exact(points)), slope(kind, Balls.exact(points))
    with mpmath.workdps(60):
        for i, u in enumerate(points):
            u = mpmath.mpf(float(u))
            exact, tangent = EXACT[kind](u), mpmath.diff(EXACT[kind], u)
            assert abs(exact - balls.mid[i]) <= balls.rad[i]
            assert abs(tangent - slopes.mid[i]) <= slopes.rad[i]
    assert balls.rad.max() < 1e-12 and slopes.rad.max() < 1e-11


@pytest.mark.parametrize("kind", (*SMOOTH, "relu"))
def test_tilted_ranges_hold_and_are_sharp(kind):
    rng = np.random.default_rng(1)
    low = rng.normal(size=80) * 15
    high = low + rng.exponential(size=80) * 20
    tilt = chord(kind, low, high) * rng.uniform(-0.5, 1.5, 80)
    bottom, top = tilted_range(kind, tilt, low, high)
    u = low + (high - low) * np.linspace(0, 1, 4001)[:, None]
    inside = activate(kind, u) - tilt * u
    slack = 1e-12
    assert (inside <= top + slack).all() and (inside >= bottom - slack).all()
    # the sampling misses a kink by half a step, at most 0.02
    assert (top - inside.max(0)).max() < 0.01 and (inside.min(0) - bottom).max() < 0.01


@pytest.mark.parametrize("kind", SMOOTH)
def test_derivative_ranges_hold_their_samples(kind):
    rng = np.random.default_rng(2)
    low = rng.normal(size=60) * 5
    high = low + rng.exponential(size=60) * rng.choice([0.01, 1, 10], size=60)
    u = low + (high - low) * np.linspace(0, 1, 501)[:, None]
    first = slope(kind, Balls.exact(u)).mid
    bottom, top = derivative_range(kind, 1, low, high)
    assert (first <= top + 1e-12).all() and (first >= bottom - 1e-12).all()
    assert (top - first.max(0)).max() < 0.02
    second = np.diff(first, axis=0) / np.diff(u, axis=0)
    bottom, top = derivative_range(kind, 2, low, high)
    assert (second <= top + 1e-6).all() and (second >= bottom - 1e-6).all()


def test_known_constants():
    assert lipschitz("gelu") == pytest.approx(1.1289, abs=2e-3)
    assert bend("gelu") == pytest.approx(2 / np.sqrt(2 * np.pi), abs=1e-2)
    low, _ = tilted_range("gelu", np.zeros(1), np.array([-9.0]), np.array([0.0]))
    assert low[0] == pytest.approx(-0.16997120747990369, abs=1e-7)
    assert low[0] <= -0.16997120747990369
    low, _ = tilted_range("gelu_tanh", np.zeros(1), np.array([-9.0]), np.array([0.0]))
    assert low[0] == pytest.approx(-0.17004075057, abs=1e-7)


def test_relu_is_exact():
    low, high = tilted_range("relu", np.array([0.5]), np.array([-2.0]), np.array([4.0]))
    assert low[0] == pytest.approx(0) and high[0] == pytest.approx(2)
    assert slope("relu", Balls.exact(np.array([-1.0, 0.0, 2.0]))).mid.tolist() == [0, 0.5, 1]


@pytest.mark.parametrize("kind", SMOOTH)
def test_beyond_the_table_the_slope_is_that_of_relu(kind):
    """Wholly in a tail, across one end of the table, and over all of it."""
    low, high = np.array([60.0, -70.0, 30.0, -90.0]), np.array([70.0, -60.0, 60.0, 90.0])
    bottom, top = derivative_range(kind, 1, low, high)
    assert bottom[0] == pytest.approx(1, abs=1e-9) and top[0] == pytest.approx(1, abs=1e-9)
    assert bottom[0] <= 1 <= top[0] and bottom[1] <= 0 <= top[1]
    assert max(-bottom[1], top[1]) < 1e-9
    assert bottom[2] <= 1 <= top[2] < 1 + 1e-9 and top[2] - bottom[2] < 1e-9
    # the whole line: act'(u) + act'(-u) = 1, each end to the width of a cell
    assert top[3] == lipschitz(kind) and bottom[3] == pytest.approx(1 - top[3], abs=5e-3)
    bottom, top = derivative_range(kind, 2, low, high)
    assert (bottom[:3] <= 0).all() and (top[:3] >= 0).all()
    assert (top - bottom)[:3].max() < 1e-8 and max(-bottom[3], top[3]) == bend(kind)


def test_slopes_of_relu_are_zero_and_one():
    low, high = np.array([-1.0, 0.25, -3.0, -0.5, 0.0]), np.array([0.5, 0.75, -1.0, 0.0, 2.0])
    bottom, top = derivative_range("relu", 1, low, high)
    assert bottom.tolist() == [0, 1, 0, 0, 0] and top.tolist() == [1, 1, 0, 1, 1]
    with pytest.raises(ValueError, match="no second derivative"):
        derivative_range("relu", 2, low, high)
