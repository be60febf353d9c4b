"""The checkers of proof steps accept what is true and refuse what is not."""

import sympy as sp

from theory.steps import attains, identity, increasing, limit_is, nonnegative, sum_of_squares

X, Y = sp.symbols("x y", real=True)
P = sp.Symbol("p", positive=True)
ONE, TWO = sp.Integer(1), sp.Integer(2)


def test_identity():
    assert identity((X + Y) ** 2, X**2 + 2 * X * Y + Y**2)
    # by the simplifier alone
    assert identity(sp.sin(X) ** 2 + sp.cos(X) ** 2, 1)
    assert not identity((X + Y) ** 2, X**2 + Y**2)


def test_a_square_of_what_may_not_be_real_proves_nothing():
    z = sp.Symbol("z")
    assert not sum_of_squares(z**2, [(ONE, z)])
    assert not sum_of_squares(-(X**2), [(ONE, sp.I * X)])


def test_sum_of_squares_needs_weights_that_are_not_negative():
    assert sum_of_squares(X**2 + 2 * Y**2, [(ONE, X), (TWO, Y)])
    # an identity, but no proof that x² - y² >= 0
    assert not sum_of_squares(X**2 - Y**2, [(ONE, X), (-ONE, Y)])
    assert not sum_of_squares(X**2 * Y, [(Y, X)])
    assert not sum_of_squares(X**2 + Y**2, [(ONE, X)])
    assert sum_of_squares(P * X**2, [(P, X)]) and sum_of_squares(sp.Integer(0), [])


def test_nonnegative():
    assert nonnegative(P**3 + P) and nonnegative(X**2 + 1 / P)
    assert nonnegative(P / (1 + P) - P / (2 + P))
    assert not nonnegative(P - 1) and not nonnegative(-P) and not nonnegative(X)


def test_increasing():
    assert increasing(P / (1 + P), P) and increasing(P**2, P)
    assert not increasing(1 / P, P) and not increasing(X**2, X)


def test_limits_and_attained_values():
    assert limit_is(P / (1 + P), P, sp.oo, ONE)
    assert not limit_is(P / (1 + P), P, sp.oo, sp.Integer(0))
    assert not limit_is(P / (1 + P), P, sp.Integer(0), ONE)
    assert attains(sp.sqrt(2), sp.sqrt(2)) and attains(ONE, sp.sqrt(2))
    assert not attains(sp.sqrt(2), sp.Rational(99, 100) * sp.sqrt(2))
