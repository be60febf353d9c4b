import numpy as np
import pytest

from theory.network import activate
from theory.sectors import sector

KINDS = ("gelu", "gelu_tanh", "silu", "relu")


@pytest.mark.parametrize("kind", KINDS)
def test_no_secant_leaves_the_sector(kind):
    rng = np.random.default_rng(0)
    at = np.concatenate([rng.normal(size=80) * 4, [0.0, 0.0, -3.0, 5.0]])
    width = np.concatenate([10.0 ** rng.uniform(-9, 1.5, size=80), [0.0, 12.0, 1e-300, 1e-16]])
    low, high = at - width * rng.uniform(size=84), at + width
    middle, half = sector(kind, at, low, high)
    u = low + (high - low) * np.linspace(0, 1, 2001)[:, None]
    off = np.abs(activate(kind, u) - activate(kind, at) - middle * (u - at))
    # float64: activate is good to a few ulps of its value
    assert (off <= half * np.abs(u - at) + 1e-14 * (1 + np.abs(u))).all()
    reached = (off / np.maximum(np.abs(u - at), 1e-3)).max(0)
    wide = width > 1
    assert (half[wide] <= reached[wide] + 0.02 + 0.02 * width[wide]).all()


@pytest.mark.parametrize("kind", ("gelu", "gelu_tanh", "silu"))
def test_sectors_shrink_with_the_range(kind):
    at = np.linspace(-4, 4, 50)
    half = [sector(kind, at, at - w, at + w)[1].max() for w in (1e-2, 1e-4)]
    assert half[1] < half[0] / 50


def test_the_whole_line_costs_half():
    zero, far = np.zeros(1), np.full(1, 30.0)
    for kind in ("gelu", "relu"):
        middle, half = sector(kind, zero, -far, far)
        assert middle[0] == pytest.approx(0.5, abs=0.1) and 0.5 <= half[0] < 0.65
