"""sympy -> Typst: each construct as it should read, and every theorem's formula compiles."""

import pytest
import sympy as sp
import typst as compiler

from theory import theorems
from theory.typst_printer import name, typst

x, y, n = sp.symbols("x y n")
k = sp.Symbol("k", integer=True)
CASES = {
    sp.Le(sp.Abs(x - y), sp.sqrt(n)): "abs(x - y) <= sqrt(n)",
    x / 2: "frac(x, 2)",
    -3 * x / 4: "-frac(3 x, 4)",
    x * (y / 2 - n): "x (frac(y, 2) - n)",
    (x + 1) / (y - 2): "frac(x + 1, y - 2)",
    1 / (x * sp.sqrt(y)): "frac(1, x sqrt(y))",
    -(x - 1) * y: "y (1 - x)",
    x - (y - n): "x + n - y",
    sp.exp(-x) / 2: "frac(e^(-x), 2)",
    x ** (n + 1): "x^(n + 1)",
    sp.root(x, 3): "root(3, x)",
    sp.sin(x) ** 2: "sin(x)^(2)",
    sp.acos(x): '"arccos"(x)',
    sp.Max(0, x): "max(0, x)",
    sp.Function("Psi")(x): "Psi(x)",
    sp.Eq(x, sp.oo): "x = oo",
    sp.Implies(x > 0, y < 1): "x > 0 ==> y < 1",
    sp.Sum(x**k, (k, 0, n)): "sum_(k = 0)^(n) x^(k)",
    sp.Integral(x, (x, 0, 1)): "integral_(0)^(1) x dif x",
    sp.Piecewise((x, x > 0), (0, True)): 'cases(x & "if" x > 0, 0 & "else" )',
    sp.Limit(x, x, 0): "lim_(x -> 0) x",
}
NAMES = {
    "w_in": 'w_("in")',
    "B+": "B_(+)",
    "X~": "tilde(X)",
    "|z-v^|": "abs(z - hat(v))",
    "|B_h|": "abs(B_(h))",
    "no_final_norm": '"no final norm"',
    "MSE": '"MSE"',
    "epsilon": "epsilon",
    "±1": "(plus.minus 1)",
    "a0": "a_(0)",
    "Σ_(j≤k)ℓ_(j)": "Σ_(j ≤ k) ℓ_(j)",
    "p_jz_j": "p_(j)   z_(j)",
    "F'(x)": "F '(x)",
}


@pytest.mark.parametrize(("formula", "printed"), CASES.items(), ids=map(str, CASES))
def test_formula(formula, printed):
    # the order of the terms of a sum is sympy's own
    assert sorted(typst(formula)) == sorted(printed)
    compiles([typst(formula)])


@pytest.mark.parametrize(("text", "printed"), NAMES.items())
def test_name(text, printed):
    assert name(text) == printed
    compiles([printed])


def compiles(formulas):
    source = "#set page(height: auto)\n" + "\n\n".join(f"$ {f} $" for f in formulas)
    data, warnings = compiler.compile_with_warnings(source.encode(), ignore_system_fonts=True)
    assert data and not warnings, [w.message for w in warnings]


def test_signs_that_typst_would_read_as_code_are_escaped():
    compiles([name('"q"#$&@\\')])


def test_every_theorem_prints_and_compiles():
    compiles([typst(theorem.formula()) for theorem in theorems().values()])
