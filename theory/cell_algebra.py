"""The algebra of G4: what a network without norms can be on a cell, and that a x_q is not in it.

A tie of hardmax scores that only terms e^(-γt) break is decided by their sign, constant from some
t on: still one of the finitely many selections, each of which leaves a linear form.
"""

from collections.abc import Callable, Sequence

import sympy as sp

from theory.steps import identity, limit_is, nonnegative

X, Y, Q, SLOPE, SCALE = sp.symbols("x_1 y_1 x_q a t")


def stays_linear() -> bool:
    """On a cell softmax weights p and activation slopes σ are constants: two layers of
    h_t += v Σ p_tj h_j, h_t += σ_t h_t keep every stream a linear form of (x_1, y_1, x_q).
    """
    streams: list[sp.Expr] = [X, Y, Q]
    for depth in range(2):
        v = sp.Symbol(f"v{depth}")
        streams = [
            h + v * sp.Add(*(sp.Symbol(f"p{depth}{i}{j}") * streams[j] for j in range(i + 1)))
            for i, h in enumerate(streams)
        ]
        streams = [h * (1 + sp.Symbol(f"σ{depth}{i}")) for i, h in enumerate(streams)]
    return all(sum(m) == 1 for m in sp.Poly(streams[-1], X, Y, Q).monoms())


def first_power_is_linear() -> bool:
    """Two layers of linear attention with biases, d = 1: the power t^1 of y(t z) is linear in z.

    With h_j = c_j + t l_j to first order, h_t += Σ_j h_t (h_j + k)(h_j + v) leaves l_t linear.
    """
    firsts: list[sp.Expr] = [X, Y, Q]
    for depth in range(2):
        k, v = sp.symbols(f"k{depth} v{depth}")
        # what the constants c_j have become does not matter, only that they hold no token
        c = sp.symbols(f"c{depth}0:3")
        products = [
            [first * (b + k) * (b + v) + c[i] * other * (2 * b + k + v)
             for b, other in zip(c[: i + 1], firsts, strict=False)]
            for i, first in enumerate(firsts)
        ]  # fmt: skip
        firsts = [first + sp.Add(*terms) for first, terms in zip(firsts, products, strict=True)]
    return all(sum(m) == 1 for m in sp.Poly(firsts[-1], X, Y, Q).monoms())


def differences_are_homogeneous() -> bool:
    """(h_q + b)(h_j - h_m) for h = t l + c: the power t^k has degree k in z, k = 0, 1, 2.

    Each is 0 identically or off a null set, and the first that is not decides the selection.
    """
    c = sp.symbols("c0:4")
    query = SCALE * (c[0] * X + Q) + c[1]
    gap = SCALE * (c[2] * X - Y) + c[3]
    found = sp.Poly(sp.expand(query * gap), SCALE)
    return all(
        {sum(m) for m in sp.Poly(found.coeff_monomial(SCALE**k), X, Y, Q).monoms()} == {k}
        for k in range(3)
    )


def losers_vanish() -> bool:
    """t^m e^(-γ t) -> 0 (m = 0..4): lost selections and GELU's tail change no power."""
    gamma = sp.Symbol("γ", positive=True)
    t = sp.Symbol("t", positive=True)
    return all(limit_is(t**m * sp.exp(-gamma * t), t, sp.oo, 0 * t) for m in range(5))


def outside_span(examples: int, extra: Callable[[Sequence[sp.Symbol]], list[sp.Expr]]) -> bool:
    """Whether a x_q is no linear combination of x_i, a x_i, x_q and the extra features."""
    xs = sp.symbols(f"x1:{examples + 1}")
    features = [*xs, *(SLOPE * x for x in xs), Q, *extra(xs)]
    unknown = sp.symbols(f"c0:{len(features)}")
    gap = sp.Add(*(c * f for c, f in zip(unknown, features, strict=True))) - SLOPE * Q
    numerator = sp.numer(sp.together(gap))
    equations = sp.Poly(numerator, *xs, SLOPE, Q).coeffs()
    return not sp.linsolve(equations, *unknown)


def strip_is_short() -> bool:
    """a x - (c0 + c1 a + c2 x) = (a - c2)(x - c1) - γ: for each x at most 2ε/|x - c1| of a."""
    c0, c1, c2, eps = sp.symbols("c0 c1 c2 ε")
    gamma = c0 + c1 * c2
    square = identity(SLOPE * X - c0 - c1 * SLOPE - c2 * X, (SLOPE - c2) * (X - c1) - gamma)
    ends = [(gamma + s * eps) / (X - c1) for s in (1, -1)]
    return square and identity(ends[0] - ends[1], 2 * eps / (X - c1))


def centred_is_largest() -> bool:
    """∫_(-1)^1 f(|x - β|) dx falls as |β| grows: f(1-β) - f(1+β) >= 0 for f = 2ε/u."""
    eps, s = sp.symbols("ε s", positive=True)
    beta = s / (1 + s)
    return nonnegative(2 * eps / (1 - beta) - 2 * eps / (1 + beta))


def area(factor: sp.Expr) -> bool:
    """∫_(-1)^1 min(2, 2ε/|x|) dx = factor 4 ε (1 + ln 1/ε)."""
    eps, x = sp.symbols("ε x", positive=True)
    outer = sp.integrate(2 * eps / x, x).subs(x, 1) - sp.integrate(2 * eps / x, x).subs(x, eps)
    return identity(2 * (2 * eps + outer), factor * 4 * eps * (1 + sp.log(1 / eps)))


def one_scale_is_free() -> bool:
    """w_in -> t w_in, w -> w/t, b -> b/t turns y(z) into y(t z)/t: weights for one scale serve
    every other single scale, so no error bound over all weights can depend on it.
    """
    w_in, p, w, b, h = sp.symbols("w_in p w b h")
    stream = identity(X * (SCALE * w_in) + p, (SCALE * X) * w_in + p)
    return stream and identity((w / SCALE) * h + b / SCALE, (w * h + b) / SCALE)
