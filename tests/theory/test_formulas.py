"""Each theorem's printed formula at numbers worked out by hand: what the paper prints is meant."""

from typing import Any

import pytest
import sympy as sp

from theory import theorems

HALF = sp.Rational(1, 2)
# id: the numbers put in, then the two sides of the relation (None: a letter, left alone)
SIDES = {
    "L1": ({"d": 5, "z_i": -1}, 1, 2),
    "L2": ({"d": 4, "|P(γ∘w)|": 3, "c": 1, "y": 6}, 5, 6),
    "L3": ({"R": 3, "rho": 3, "d": 4, "epsilon": 4, "c": 1, "y": 2}, 1, sp.Rational(9, 5)),
    # sin of the angle is 5/10, so the chord is 4 sin 15°
    "L4": (
        {"d": 4, "ε": 4, "r0": 3, "M": 10, "v^": 1, "z": 5},
        3,
        sp.sqrt(6) - sp.sqrt(2),
    ),
    "L5": ({"|h-k|": 3, "|ΓP|": 4, "ε": 4}, None, 6),
    "L6": ({"R": 5, "c": 1, "y": 4, "d": 4, "ε": 4, "|Ph|": 3}, None, sp.Rational(4, 5)),
    "S1": ({"n": 3, "delta": sp.log(2)}, None, HALF),
    "S2": ({"ℓ(v_1)": 2, "ℓ(v_2)": 7, "ℓ(v_3)": -1}, None, 7),
    "S4": ({"d": 4, "|B_h|": 3, "|q_h|": 1}, None, 28),
    "S5": ({"b": 2, "δ": 3, "n": 2}, None, 256),
    # sinh(ln 2) = (2 - 1/2)/2
    "S6": ({"std": 4, "δ": 2 * sp.log(2), "mean": 1, "ℓ(o)": 3}, 2, 3),
    "N1": ({"|k_T|": 3, "ρ_T": 4}, None, 7),
    "N2": ({"c": 1, "R": 2, "±1": -1, "α": sp.pi / 3}, None, 0),
    "N3": ({"R": 3, "X": 1, "x": 2}, None, 3),
    "N4": ({"C": 6, "|z_k|": 2, "y": 1, "y(±)": 4}, 3, 3),
    "N5": ({"g": 2, "r": 3, "|P·w_in|": 4}, None, -3 * HALF),
    "N7": ({"b": 1, "w·r": 2, "w·w_in": 3, "x": 4}, None, 15),
    "N8": ({"R": 2, "X": 5, "x": 4, "W": 6, "err": 1}, 10, 8),
    "N9": ({"g": 2, "r": 3, "|P·w_in|": 4}, None, 3 * HALF),
    "G1": ({"C": 2, "|z|": 1, "L": 2}, None, 2**10),
    "G2": ({"Z": 2, "kappa": 3, "a0": 1}, None, 7),
    # Lambert's W(e) = 1
    "G3": ({"n": 2, "P": 2, "A": -1, "z_q": 3, "B": -1}, None, HALF / 2),
    "G6": ({"y": 1, "a": 2, "x_q": -3}, 7, 6),
    "P2": ({"p(x)": 7, "y": 1, "B+": 3, "B-": -3}, 6, 4),
    "F1": (
        {"Z": 2, "d": 4, "|γ∘w|": 3, "γ_(d+4)": HALF, "Σ|wβ|+|b|": 5},
        None,
        sp.Rational(47, 2),
    ),
    "F2": ({"growth": 1, "|P·w_in|": 2, "|z|": 3}, 7, sp.Pow(2, sp.Rational(317, 5))),
}


def read(id_: str) -> tuple[Any, dict[str, sp.Symbol]]:
    """The formula and its letters by name."""
    formula = theorems()[id_].formula()
    return formula, {s.name: s for s in formula.free_symbols if isinstance(s, sp.Symbol)}


def put(expression: Any, letters: dict[str, sp.Symbol], **numbers) -> Any:
    """The expression at numbers."""
    return expression.subs({letters[k]: sp.sympify(v) for k, v in numbers.items()})


def function_of(formula: Any) -> Any:
    """The one function that the formula leaves open."""
    (found,) = {e.func for e in formula.atoms(sp.core.function.AppliedUndef)}
    return found


@pytest.mark.parametrize(("id_", "case"), SIDES.items(), ids=SIDES)
def test_both_sides(id_, case):
    numbers, left, right = case
    formula, letters = read(id_)
    assert isinstance(formula, sp.Rel)
    assert (
        formula.lhs.is_Symbol if left is None else same(put(formula.lhs, letters, **numbers), left)
    )
    assert same(put(formula.rhs, letters, **numbers), right)


def same(found: Any, expected: object) -> bool:
    # 30 digits tell algebraic numbers this small apart, at a hundredth of simplify's cost
    return abs(sp.N(found - sp.sympify(expected), 30)) < sp.Float("1e-25")


@pytest.mark.parametrize("id_", theorems())
def test_no_letter_is_assumed_away(id_):
    """A letter may be assumed real or positive, never the contrary."""
    for letter in read(id_)[1].values():
        assert letter.is_real is not False and letter.is_positive is not False


def test_a_smaller_gap_than_x_star_costs_nothing():
    """N3 and P2 at the other branch of their min and max."""
    near, letters = read("N3")
    assert put(near.rhs, letters, R=3, X=4, x=2) == 6
    distance, letters = read("P2")
    bounds = {"B+": 3, "B-": -3}
    found = [put(distance.rhs, letters, **bounds, **{"p(x)": p}) for p in (-7, 0, 7)]
    assert found == [4, 0, 4]


def test_the_collapse_is_an_equality_of_two_letters():
    """N6: lim y(t z) = y_inf(sign x_q)."""
    formula, _ = read("N6")
    assert {s.name for s in (formula.lhs, formula.rhs)} == {"lim y(t·z)", "y_∞(sign x_q)"}


def test_functions_are_applied_to_what_the_statement_says():
    """S3, P3, P4: a max over k of an average, Psi of both bounds, T_k of |x|."""
    shrunk, letters = read("S3")
    numbers = {"k": 1, "n": 3, "r": 3, "Σ_(j≤k)ℓ_(j)": 4, "Σ_(j>k)ℓ_(j)": 2}
    assert shrunk.rhs.func.__name__ == "max_k"
    assert put(shrunk.rhs.args[0], letters, **numbers) == sp.Rational(14, 5)
    floor, letters = read("P3")
    values = put(floor.rhs, letters, **{"B+": 5, "B-": -3})
    assert values.replace(function_of(floor), lambda b: b**3) == 5**3 + 3**3
    growth, letters = read("P4")
    assert growth.rhs.func.__name__ == "T_k" and put(growth.rhs, letters, x=-3).args == (3,)
    assert growth.lhs.func == sp.Abs


@pytest.mark.parametrize(
    ("p", "inside"), [(5, True), (-5, True), (0, False), (3, False), (2, False)]
)
def test_beyond_the_radius_the_polynomial_has_left_the_band(p, inside):
    """P1 reads: |x| > r implies that p(x) is outside [B-, B+] = [-3, 3]."""
    formula, letters = read("P1")
    numbers = {"B+": 3, "B-": -3, "r": 1, "p(x)": p}
    assert bool(put(formula, letters, **numbers, x=-2)) is inside
    assert bool(put(formula, letters, **numbers, x=1)) is True


def test_exponents_of_the_two_by_two_table():
    """G5: 0 with a final norm, 3^L for linear scores without norms, else 1."""
    formula, letters = read("G5")
    found = [
        put(formula.rhs, letters, final_norm=final, linear_scores_no_norm=linear, L=2)
        for final, linear in ((True, True), (True, False), (False, True), (False, False))
    ]
    assert found == [0, 0, 9, 1] and formula.lhs.name == "k"


def test_no_bounded_prediction_follows_a_line():
    """G4's limit at F = sin, a = -2, x_q = 3 is |-6| > 0; at F(v) = -6 v / z it is 0: not > 0."""
    formula, letters = read("G4")
    f, z = function_of(formula), letters["z"]
    error = put(formula.lhs, letters, a=-2, x_q=3)
    assert error.replace(f, sp.sin).subs(z, 1).doit() == 6
    assert error.replace(f, lambda v: -6 * v / z).doit() == 0
    assert isinstance(formula, sp.StrictGreaterThan) and formula.rhs == 0


def test_equivariance_holds_for_what_scales_and_for_nothing_else():
    """W1 at y x_q / x (true) and y + x_q (false); W2 at 3 z (true) and z + 1 (false)."""

    def holds(id_, change):
        formula, _ = read(id_)
        gap = (formula.lhs - formula.rhs).replace(function_of(formula), change)
        return sp.simplify(gap) == 0

    assert holds("W1", lambda x, y, query: y * query / x)
    assert not holds("W1", lambda x, y, query: y + query)
    assert not holds("W1", lambda x, y, query: x)
    assert not holds("W1", lambda x, y, query: y * query)
    assert holds("W2", lambda z: 3 * z)
    assert not holds("W2", lambda z: z + 1) and not holds("W2", lambda z: z**2)
