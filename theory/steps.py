"""Checkers for proof steps: each decides by algebra, none by trust.

They return False rather than raise, so that a mutant is "refused", not an error.
"""

from collections.abc import Iterable

import sympy as sp


def identity(left: sp.Expr | int, right: sp.Expr | int) -> bool:
    """left = right identically, by expansion (then by sympy's simplifier)."""
    gap = sp.expand(left - right)
    return gap == 0 or sp.simplify(gap) == 0


def sum_of_squares(gap: sp.Expr, squares: Iterable[tuple[sp.Expr, sp.Expr]]) -> bool:
    """gap = Σ c s², every c >= 0 and every s real (by the symbols' assumptions): so gap >= 0."""
    terms = [(sp.sympify(c), sp.sympify(s)) for c, s in squares]
    if not all(c.is_nonnegative and s.is_extended_real for c, s in terms):
        return False
    return identity(gap, sum((c * s**2 for c, s in terms), sp.Integer(0)))


def nonnegative(expression: sp.Expr) -> bool:
    """expression >= 0 because its factored form is a product of factors of known sign."""
    return bool(sp.factor(sp.together(expression)).is_nonnegative)


def increasing(expression: sp.Expr, variable: sp.Symbol) -> bool:
    """d expression / d variable >= 0 by factoring (under the symbols' assumptions)."""
    return nonnegative(sp.diff(expression, variable))


def limit_is(expression: sp.Expr, variable: sp.Symbol, point: sp.Expr, value: sp.Expr) -> bool:
    """lim expression = value as variable -> point."""
    return identity(sp.limit(expression, variable, point), value)


def attains(value: sp.Expr, bound: sp.Expr) -> bool:
    """value <= bound, both numbers: refuses a bound too small for a point that reaches it."""
    return bool(sp.simplify(bound - value) >= 0)
