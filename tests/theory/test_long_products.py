"""What large models use: products whose radii come from lengths, and norms near the exact ones."""

from fractions import Fraction

import numpy as np
import pytest

from theory import balls
from theory.balls import Balls, lengths
from theory.discs import enclose
from theory.streams import Stream


def exact_entry(left, right, i, j):
    return sum((Fraction(a) * Fraction(b) for a, b in zip(left[i], right[:, j], strict=True)), 0)


@pytest.mark.parametrize("scale", [1e-90, 1.0, 1e90])
def test_a_large_product_holds_the_products_of_its_members(monkeypatch, scale):
    rng = np.random.default_rng(3)
    mids = scale * rng.normal(size=(7, 30)), rng.normal(size=(30, 5)) / scale
    rads = 1e-12 * scale * rng.uniform(size=(7, 30)), 1e-13 * rng.uniform(size=(30, 5)) / scale
    left, right = (Balls(m, r) for m, r in zip(mids, rads, strict=True))
    short = left @ right
    monkeypatch.setattr(balls, "LARGE", 0)
    product = left @ right
    assert (product.rad != short.rad).all() and (product.mid == short.mid).all()
    # lengths in place of products cost a factor that does not grow with the size
    assert (product.rad <= 3 * short.rad).all()
    for ends in (1, -1):
        # the members that move every entry of the first row and column the same way
        chosen = left.mid + ends * left.rad * np.sign(right.mid[:, 0]), right.mid
        for i in range(7):
            off = abs(exact_entry(*chosen, i, 0) - Fraction(product.mid[i, 0]))
            assert off <= Fraction(product.rad[i, 0])


def test_wide_radii_keep_the_products_of_radii(monkeypatch):
    monkeypatch.setattr(balls, "LARGE", 0)
    wide = Balls(np.eye(4), np.diag([0.5, 0.0, 0.0, 0.0]))
    product = wide @ Balls.exact(np.eye(4))
    # lengths would smear row 0's radius over its columns
    assert product.rad[0, 1] < 1e-300 and product.rad[0, 0] >= 0.5
    assert not wide.tight() and Balls.exact(np.eye(4)).tight()
    assert not Balls.exact(np.full((2, 2), 1e200)).tight()
    assert not Balls.exact(np.full((2, 2), np.inf)).tight()


def test_lengths_are_upper_bounds_along_either_axis():
    values = np.random.default_rng(0).normal(size=(5, 9))
    for axis in (-1, -2):
        exact = np.linalg.norm(values, axis=axis)
        assert (lengths(values, axis) >= exact).all()
        np.testing.assert_allclose(lengths(values, axis), exact, rtol=1e-13)
    tiny = np.full((2, 2), 2.0**-600)
    assert (lengths(tiny, -1) >= 2.0**-600).all()


def farthest(stream, rng):
    """The longest deviation that alternating between points and directions finds."""
    sizes, best = np.diff([*stream.starts, stream.columns.shape[1]]), 0.0
    for _ in range(20):
        point = rng.normal(size=len(stream.centre))
        for _ in range(50):
            hit = point @ stream.columns
            longest = np.sqrt(np.add.reduceat(hit**2, stream.starts))
            point = stream.columns @ (hit / np.repeat(longest, sizes))
        best = max(best, float(np.linalg.norm(point)))
    return best


@pytest.mark.parametrize("seed", range(4))
def test_the_length_of_a_set_is_within_a_few_percent_of_a_member(seed):
    rng = np.random.default_rng(seed)
    stream = Stream.at(Balls.exact(np.zeros(12)))
    for size in (1, 1, 1, 4, 12, 12):
        part = rng.normal(size=(12, size)) * 10.0 ** rng.uniform(-1, 1)
        stream = stream.joined(Balls.exact(part), size)
    reached = farthest(stream, rng)
    assert reached <= stream.norm() <= 1.05 * reached


def test_a_swung_stream_holds_every_share_of_every_member():
    rng = np.random.default_rng(5)
    stream = Stream.at(Balls.exact(rng.normal(size=6)))
    stream = stream.joined(Balls.exact(rng.normal(size=(6, 3))), 3).loosened(0.25)
    stream = stream.with_shape(enclose(Balls.exact(rng.normal(size=(6, 4)))))
    swung, rows = stream.swung(), rng.normal(size=(40, 6))
    low, high = swung.support(Balls.exact(rows))
    below, above = stream.support(Balls.exact(rows))
    middle = rows @ stream.centre
    farthest = np.maximum(middle + above, -(middle + below)) / 2
    assert (high >= farthest).all() and (low <= -farthest).all()
    assert not swung.centre.any()


@pytest.mark.parametrize("factor", [-3.0, 1 / 7, 1e-6])
def test_a_multiple_of_a_stream_is_the_image_under_a_multiple_of_one(factor):
    rng = np.random.default_rng(6)
    disc = enclose(Balls.exact(rng.normal(size=(5, 3))))
    stream = Stream.at(Balls.exact(rng.normal(size=5))).with_shape(disc)
    stream = stream.joined(Balls.exact(rng.normal(size=(5, 4))), 2).loosened(0.5)
    rows = Balls.exact(rng.normal(size=(20, 5)))
    grown, image = stream.times(Balls.exact(factor)), stream.image(Balls.exact(factor * np.eye(5)))
    np.testing.assert_allclose(grown.centre, factor * stream.centre, rtol=1e-15)
    np.testing.assert_allclose(grown.support(rows), image.support(rows), rtol=1e-12)
    assert grown.slack >= 0.5 * abs(factor)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_lengths_of_extreme_sets_scale_with_them(scale):
    columns = np.random.default_rng(8).normal(size=(5, 7))
    stream = Stream.at(Balls.exact(np.zeros(5)))
    plain = stream.joined(Balls.exact(columns), 2).norm()
    assert stream.joined(Balls.exact(scale * columns), 2).norm() == pytest.approx(scale * plain)
