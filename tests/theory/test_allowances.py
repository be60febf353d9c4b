"""Allowances for rounding that sampling in doubles cannot see: each must cover its worst case."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from tests.theory.test_activations import EXACT, SMOOTH
from theory.activations import CELL, REACH, bend, derivative_range, lipschitz, slope, table, value
from theory.balls import Balls
from theory.discs import enclose
from theory.passages import Query, best_fit, corners, linearised, widened
from theory.sectors import sector, smooth_secants
from theory.streams import Stream, balance, length, scaled, scaled_lengths, total
from theory.zonotopes import SMALL, Zonotope


def test_the_middle_and_half_of_a_stretch_reach_both_its_ends():
    rng = np.random.default_rng(0)
    shares = np.concatenate([[0.0, 0.5, 0.9, 1 - 2.0**-53], rng.uniform(size=500)])
    for share in shares:
        query = Query(3.0, float(share))
        middle, half = Fraction(query.middle), Fraction(query.half)
        assert middle - half <= Fraction(float(share)) and middle + half >= 1
        assert half <= (1 - Fraction(float(share))) / 2 + Fraction(1, 2**50)
    assert (Query(3.0).middle, Query(3.0).half, Query(3.0).share) == (1.0, 0.0, 1.0)
    stream = Stream.at(Balls.exact(np.array([2.0, -4.0])))
    assert widened(Query(3.0), stream) is stream
    wide = widened(Query(3.0, 0.5), stream)
    assert wide.columns[:, 0] == pytest.approx([0.5, -1.0]) and len(wide.starts) == 1


def test_sums_and_products_of_upper_bounds_are_rounded_up():
    rng = np.random.default_rng(1)
    for _ in range(300):
        parts = np.abs(rng.normal(size=rng.integers(1, 7))) * 10.0 ** rng.integers(-9, 9)
        exact = [Fraction(float(p)) for p in parts]
        product = Fraction(1)
        for p in exact:
            product *= p
        for found, value_ in ((total(*parts), sum(exact)), (scaled(*parts), product)):
            assert value_ <= Fraction(found) <= value_ * (1 + Fraction(1, 2**47))
    rows = rng.normal(size=(50, 6))
    for factor in (0.0, 0.3, 7.0):
        found = scaled_lengths(Balls.exact(rows), factor)
        exact = factor * np.linalg.norm(rows, axis=1)
        assert (found >= exact).all() and (found <= exact * (1 + 1e-13) + 1e-300).all()
    assert length(rows) == pytest.approx(np.linalg.norm(rows), rel=1e-12)
    assert length(rows) >= np.linalg.norm(rows) * (1 - 1e-16)


@pytest.mark.parametrize("keep", [False, True])
def test_a_map_pays_for_errors_that_point_the_same_way_in_every_group(keep):
    """N equal columns, one a group: N equal rounding errors may add up."""
    rng = np.random.default_rng(2)
    matrix, column = rng.normal(size=(4, 4)), rng.normal(size=(4, 1))
    for count in (2, 9, 40):
        columns = np.repeat(column, count, 1)
        stream = Stream(np.zeros(4), columns, np.arange(count))
        moved = stream.mapped(matrix, keep)
        image = Balls.exact(matrix) @ columns
        image = image + columns if keep else image
        assert moved.slack >= np.linalg.norm(image.rad.sum(1)) > 0
        assert (moved.starts == stream.starts).all() and moved.columns.shape == (4, count)
        assert moved.columns == pytest.approx(matrix @ columns + keep * columns)


def test_joining_and_discs_pay_for_the_radii_of_what_is_added():
    rad = np.full((3, 8), 0.01)
    empty = Stream.at(Balls.exact(np.zeros(3)))
    for size in (1, 2, 4, 8):
        joined = empty.joined(Balls(np.ones((3, 8)), rad), size)
        groups = 8 // size
        assert joined.starts.tolist() == list(range(0, 8, size))
        # G groups whose errors are all (|E_g|_2 = 0.01 sqrt(3 size)) u
        worst = groups * 0.01 * np.sqrt(3 * size)
        assert worst <= joined.slack <= 1.6 * worst
        again = joined.joined(Balls.exact(np.ones((3, 4))), 2)
        assert again.starts.tolist() == [*joined.starts.tolist(), 8, 10]
        assert again.slack == pytest.approx(joined.slack)
    disc = Balls(np.ones((3, 4)), np.full((3, 4), 0.01))
    paid = empty.with_shape(enclose(disc)).slack
    # s E_0 + t E_j at s = t = 1/sqrt(2), both along the diagonal
    assert paid >= np.sqrt(2) * 0.01 * np.sqrt(3)
    moved = empty.moved(Balls(np.ones(3), np.full(3, 0.1)))
    assert moved.slack >= 0.1 * np.sqrt(3) and moved.centre.tolist() == [1, 1, 1]
    assert moved.loosened(1.0).slack == pytest.approx(1 + 0.1 * np.sqrt(3))


@pytest.mark.parametrize("shape", ["across", "along"])
def test_the_weights_of_groups_find_the_norm_of_simple_sets(shape):
    """Orthogonal segments: the root of the sum of squares; parallel ones: the sum."""
    sizes = np.array([1.0, 0.3, 2.5, 0.01, 1.7])
    columns = np.diag(sizes) if shape == "across" else np.outer(np.eye(5)[1], sizes)
    exact, near = (np.linalg.norm(sizes), 1.1) if shape == "across" else (sizes.sum(), 1.02)
    stream = Stream(np.zeros(5), columns, np.arange(5))
    assert exact <= stream.norm() <= exact * near
    weights = balance(columns, np.arange(5))
    assert (weights > 0).all()
    reached = np.linalg.norm(columns / weights, 2) * np.linalg.norm(weights)
    assert exact * (1 - 1e-12) <= reached <= exact * near


@pytest.mark.parametrize("width", [4, 16, 48])
@pytest.mark.parametrize("share", [0.3, 1.0, 3.0])
def test_segments_along_one_direction_add_up_with_a_ball(width, share):
    """a b + Σ c_g t_g e, |b|, |t_g| <= 1, is a + Σ c_g long; all segments count as one."""
    sizes = share * np.linspace(0.5, 1.5, 12) / 12
    direction = np.random.default_rng(width).normal(size=width)
    segments = np.outer(direction / np.linalg.norm(direction), sizes)
    stream = Stream.nothing(width).joined(Balls.exact(np.eye(width)), width)
    stream = stream.joined(Balls.exact(segments), 1)
    exact = 1 + sizes.sum()
    assert exact * (1 - 1e-12) <= stream.norm() <= exact * 1.035


def test_a_norm_pays_for_the_rounding_of_its_weights(monkeypatch):
    """|[M_g f_g]| sqrt(Σ 1/f_g²) for the doubles f that the columns were multiplied by."""
    columns, starts = 1e3 * np.random.default_rng(0).normal(size=(3, 60)), np.arange(60)
    monkeypatch.setattr("theory.streams.spectral_norm", lambda m: 1.0)
    factors = 1 / balance(columns, starts)
    exact = sum(1 / Fraction(float(f)) ** 2 for f in factors)
    bound = Fraction(Stream(np.zeros(3), columns, starts).norm())
    assert exact <= bound**2 <= exact * (1 + Fraction(1, 10**12))


def test_weights_of_groups_beat_those_by_length():
    rng = np.random.default_rng(3)
    for d in (3, 8):
        parts = [rng.normal(size=(d, k)) * 10.0 ** rng.uniform(-2, 1) for k in (1, 2, d, 1, 3)]
        starts = np.cumsum([0, *(p.shape[1] for p in parts)])[:-1]
        weights = balance(np.concatenate(parts, 1), starts)

        def cost(sizes, parts=parts):
            together = np.concatenate([p / s for p, s in zip(parts, sizes, strict=True)], 1)
            return np.linalg.norm(together, 2) * np.linalg.norm(sizes)

        others = [np.ones(5), np.array([np.linalg.norm(p) for p in parts])]
        others += [weights * np.exp(rng.normal(size=5) * 0.3) for _ in range(30)]
        assert cost(weights) <= min(map(cost, others)) * 1.05


@pytest.mark.parametrize("kind", SMOOTH)
def test_secants_of_steps_too_short_to_divide_by(kind):
    """Steps around 2^-20, where no difference quotient is taken: the slope moves by bend/2 |δ|."""
    at, step = np.meshgrid([0.0, 0.1, -0.7, 1.5, 40.0], 2.0**-20 * np.array([0.4, 0.9, 1.1, 2, 40]))
    at, step = at.ravel(), step.ravel()
    for side in (1, -1):
        end = at + side * step
        low, high = smooth_secants(kind, at, end)
        assert (high - low <= bend(kind) * step + 1e-9).all()
        with mpmath.workdps(30):
            act = EXACT[kind]
            for i, (u, v) in enumerate(zip(at, end, strict=True)):
                for share in (0.5, 1.0):
                    w = mpmath.mpf(float(u)) + (mpmath.mpf(float(v)) - float(u)) * share
                    secant = (act(w) - act(mpmath.mpf(float(u)))) / (w - mpmath.mpf(float(u)))
                    assert low[i] <= secant <= high[i]


def test_the_sector_of_relu_is_that_of_its_secants():
    at = np.array([-1.0, 1.0, 0.0, -2.0, 3.0, 1.0, -1.0])
    low = np.array([-4.0, -1.0, -1.0, -3.0, 1.0, 1.0, -1.0])
    high = np.array([3.0, 2.0, 1.0, -1.0, 9.0, 4.0, 1.0])
    middle, half = sector("relu", at, low, high)
    # (relu(end) - relu(at))/(end - at) at both ends; where an end is `at`, 0 below and 1 above
    bottom = np.array([0.0, 0.5, 0.0, 0.0, 1.0, 0.0, 0.0])
    top = np.array([0.75, 1.0, 1.0, 0.0, 1.0, 1.0, 0.5])
    assert middle - half == pytest.approx(bottom, abs=1e-12)
    assert middle + half == pytest.approx(top, abs=1e-12)
    assert (middle - half <= bottom).all() and (middle + half >= top).all()


@pytest.mark.parametrize("kind", SMOOTH)
def test_a_cell_holds_its_edges_and_the_tails_are_relus(kind):
    data = table(kind)
    reach, count = REACH[kind], len(data.rest)
    assert count == 2 * reach / CELL and data.coefficients.shape == (count, 7)
    edges = -reach + CELL * np.arange(count + 1)
    first, second = value(kind, Balls.exact(edges)), slope(kind, Balls.exact(edges))
    for k, ball in enumerate((first, second)):
        low, high = data.ends[k][:, 1:-1]
        for end in (ball[:-1], ball[1:]):
            assert (low <= end.upper()).all() and (end.lower() <= high).all()
        assert (high - low <= 1.8 * CELL).all()
    for k, (left, right) in enumerate(((0, reach), (0, 1), (0, 0))):
        assert np.abs(data.ends[k][:, 0] - left).max() <= data.tail < 1e-13
        assert abs(data.ends[k][0, -1] - right) <= 1.1 * data.tail + 1e-15
        assert data.ends[k][0, -1] <= right <= data.ends[k][1, -1]
    assert data.ends[0][1, -1] == np.inf
    assert data.cell(
        np.array([-1e9, -reach - 0.1, -reach + CELL / 2, reach + 1, 1e9])
    ).tolist() == [
        0,
        0,
        1,
        count + 1,
        count + 1,
    ]
    assert lipschitz(kind) >= 1 and derivative_range(kind, 1, edges[:1], edges[-1:])[1] >= 1


def test_no_other_linear_map_fits_the_directions_much_better():
    rng = np.random.default_rng(4)
    for back, ahead, side in ((0.3, 0.4, 0.5), (0.5, 0.1, 0.2), (0.05, 0.05, 0.4), (0.1, 2.0, 1.0)):
        p, q = corners(back, ahead, side)
        assert (p.min(), p.max(), q.min(), q.max()) == (1 - back, 1 + ahead, 0, side)
        assert p.size == len({*zip(p, q, strict=True)}) == 25 * 25
        size = np.hypot(p, q)

        def error(c, alpha, beta, p=p, q=q, size=size):
            return np.hypot(p / size - c - alpha * (p - 1), q / size - beta * q).max()

        found = np.array(best_fit(p, q))
        best = error(*found)
        scales = 10.0 ** rng.uniform(-4, -0.5, size=(400, 1))
        others = found + scales * rng.normal(size=(400, 3))
        assert best <= 1.05 * min(error(*other) for other in others)
        assert best <= error(1.0, 0.0, 1.0) and best <= linearised(back, ahead, side)[3]
    # without a side every direction is the axis
    p, _ = corners(0.2, 0.3, 0.0)
    c, alpha, _ = best_fit(p, 0 * p)
    assert np.abs(1 - c - alpha * (p - 1)).max() < 1e-12


def test_symbols_are_promoted_from_the_largest_rests():
    mid, rad = np.zeros((2, 3)), np.array([[0.5, 0.0, 1e-9], [2.0, 1e-12, np.inf]])
    box = Balls(mid, np.full((2, 3), 9.0))
    plain = Zonotope(mid, np.zeros((0, 2, 3)), rad, box)
    found = plain.promoted(2)
    assert found.lin.shape == (2, 2, 3) and found.lin[0, 1, 0] == 2.0 and found.lin[1, 0, 0] == 0.5
    assert (np.abs(found.lin).sum(0) + found.rad == rad).all()
    assert found.rad[1, 0] == found.rad[0, 0] == 0 and found.rad[1, 2] == np.inf
    # in the first quarter of the limit SMALL counts twice, beyond it once
    assert 2 * SMALL > 1e-9 > 2 * SMALL**2
    assert [len(plain.promoted(n).lin) for n in (0, 1, 8, 12)] == [0, 1, 2, 3]
    assert len(found.promoted(2).lin) == 2 and len(found.promoted(1).lin) == 2
    empty = Zonotope.plain(Balls.exact(np.zeros((0, 3)))).promoted(8)
    assert empty.lin.shape == (0, 0, 3)
