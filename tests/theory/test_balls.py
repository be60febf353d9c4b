import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import TheoryError
from theory.balls import Balls, concatenate, gamma, product_norm, spectral_norm
from theory.linear import matrix, norm, times, vector


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9), st.floats(-80, 80))
def test_products_and_norms_enclose_the_exact_ones(seed, m, n, exponent):
    rng = np.random.default_rng(seed)
    a, x = rng.normal(size=(m, n)) * 10.0**exponent, rng.normal(size=n)
    product = (Balls.exact(a) @ Balls.exact(x)[:, None])[:, 0]
    exact = times(matrix(a), vector(x))
    for i in range(m):
        assert product[i].arb().contains(exact[i])
    assert product.norm().arb().contains(norm(exact))
    assert (product.rad <= 1e-12 * np.abs(a).max() * n + 1e-290).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 12), st.integers(-200, 200))
def test_spectral_norm_is_an_upper_bound_and_sharp(seed, m, n, exponent):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(m, n)) * 2.0**exponent
    bound, value = spectral_norm(Balls.exact(a)), np.linalg.norm(a, 2)
    assert value * (1 - 1e-14) <= bound <= value * (1 + 1e-7)


def test_spectral_norm_of_balls_holds_for_every_member():
    rng = np.random.default_rng(1)
    mid, rad = rng.normal(size=(6, 4)), rng.uniform(size=(6, 4)) * 0.1
    bound = spectral_norm(Balls(mid, rad))
    for _ in range(200):
        member = mid + rad * rng.choice([-1, 1], size=rad.shape)
        assert np.linalg.norm(member, 2) <= bound


def test_elementary_operations_hold_their_members():
    rng = np.random.default_rng(2)
    x, y = (Balls(rng.normal(size=500), rng.uniform(size=500) * 0.2) for _ in "xy")
    y = Balls(y.mid + np.sign(y.mid), y.rad)
    for _ in range(20):
        a, b = (v.mid + v.rad * rng.uniform(-1, 1, 500) for v in (x, y))
        for ball, value in ((x + y, a + b), (x - y, a - b), (x * y, a * b), (x / y, a / b)):
            assert ((ball.lower() <= value) & (value <= ball.upper())).all()
        root = (y * y).sqrt()
        assert ((root.lower() <= np.abs(b)) & (np.abs(b) <= root.upper())).all()
    assert concatenate([x, y]).shape == (1000,)


def test_division_by_zero_is_refused():
    with pytest.raises(TheoryError, match="holds 0"):
        _ = Balls.exact(np.ones(2)) / Balls(np.ones(2), np.array([0.5, 1.0]))


def test_zero_and_empty_matrices():
    assert spectral_norm(Balls.exact(np.zeros((3, 2)))) == 0
    assert spectral_norm(Balls.exact(np.zeros((3, 0)))) == 0


def test_rounding_that_underflows_before_a_large_factor_is_paid_for():
    a, x = np.array([[3e300, 1e300]]), np.array([[7e-310], [3e-310]])
    balls = (Balls.exact(a) @ Balls(x, np.full((2, 1), 5e-324)))[0, 0]
    product = balls.arb()
    assert balls.rad >= 0
    for shift in (-5e-324, 0.0, 5e-324):
        pairs = zip(a[0], x[:, 0] + shift, strict=True)
        assert product.contains(sum((arb(p) * arb(q) for p, q in pairs), arb(0)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))
def test_norm_of_a_product_is_an_upper_bound_and_sharp(seed, m, k, n):
    rng = np.random.default_rng(seed)
    left, right = rng.normal(size=(m, k)), rng.normal(size=(k, n))
    bound = product_norm(Balls.exact(left), Balls.exact(right))
    value = np.linalg.norm(left @ right, 2)
    assert value * (1 - 1e-13) <= bound <= value * (1 + 1e-9) + 1e-13


def test_entries_that_left_the_doubles_have_no_norm():
    assert spectral_norm(Balls.exact(np.array([[1.0, np.inf]]))) == np.inf
    assert product_norm(Balls.exact(np.full((2, 2), np.nan)), Balls.exact(np.eye(2))) == np.inf


def test_gamma_is_rounded_up():
    """gam_n = n u/(1 - n u), u = 2^-53, in doubles: never below, an ulp or two above."""
    for n in (1, 2, 7, 1000, 10**6, 2**40, 2**52):
        exact = arb(n) / (arb(2) ** 53 - n)
        assert exact <= arb(gamma(n)) <= exact * (1 + arb(2) ** -49)
