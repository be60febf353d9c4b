"""sympy -> Typst mathematics: `typst(formula)` is what stands between two dollar signs.

A name of several letters is a word in upright type ("MSE"), a Greek name its letter (epsilon), and
`_`, `~`, a trailing + or - and a digit give a subscript, a tilde, a sign and an index: the theorems
name their symbols as they are to be read.
"""

import re
from typing import Any

import sympy as sp
from sympy.core.mul import _keep_coeff
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi "
    "psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split()
)
RELATIONS = {"<=": "<=", ">=": ">=", "<": "<", ">": ">", "==": "=", "!=": "!="}
END = r"(?=$|[\s),;|\]])"
NAME = re.compile(rf"_\(([^()]*)\)|([^\W\d_]+|\d+)(?:([+-]){END})?(~|\^{END})?|_|.", re.DOTALL)
WORDS = frozenset("sin cos tan sinh cosh tanh exp floor ceil".split())
RENAMED = {
    "log": "ln",
    "acos": "arccos",
    "asin": "arcsin",
    "atan": "arctan",
    "sign": "sgn",
    "LambertW": "W",
}


def letters(run: str) -> str:
    """Greek by name, one letter as it is, a word upright, P of a vector and other scripts apart."""
    if run in GREEK or len(run) == 1:
        return run
    if re.fullmatch("P[a-z]", run):
        return " ".join(run)
    return f'"{run}"' if run.isascii() else " ".join(run)


def escape(sign: str) -> str:
    """A sign that Typst would read as code, as itself."""
    return "dot.c" if sign == "·" else f"\\{sign}" if sign in '"#$\\&@' else sign


def name(text: str) -> str:
    """A symbol's name as Typst mathematics: w_in -> w_("in"), B+ -> B_(+), |P w| -> abs(P w)."""
    if text.startswith("±"):
        return f"(plus.minus {name(text[1:])})"
    if re.fullmatch(r"[a-z]{2,}(_[a-z]{2,})+", text):
        return f'"{text.replace("_", " ")}"'
    if (bars := text.split("|"))[1:] and len(bars) % 2:
        inside = [f"abs({name(b)})" if i % 2 else name(b) for i, b in enumerate(bars)]
        return tidy(" ".join(filter(None, inside)))
    parts, subscript = [], False
    # p_jz_j is p_j z_j: only a word at the end is an index of several letters
    for match in NAME.finditer(re.sub(r"_([a-z])([a-z])_", r"_\1 \2_", text)):
        group, run, sign, accent = match.groups()
        if match[0] == "_":
            subscript = True
            continue
        if group is not None:
            parts.append(f"_({name(group)})")
            continue
        # a0 is a with index 0
        subscript |= match[0][0].isdigit() and text[: match.start()][-1:].isalpha()
        token = letters(run) if run else escape(match[0])
        if accent:
            token = f"tilde({token})" if accent == "~" else f"hat({token})"
        parts.append(f"_({token})" if subscript else token)
        subscript = False
        if sign:
            parts.append(f"_({sign})")
    return tidy(" ".join(parts))


def tidy(text: str) -> str:
    """Without the blanks that Typst would show beside a word in upright type."""
    return re.sub(r"\(\s+", "(", re.sub(r"\s+(?=[_()])", "", text))


class TypstPrinter(StrPrinter):
    """StrPrinter with Typst's fractions, roots, bars, relations and functions."""

    def _print_Symbol(self, expr: Any) -> str:
        return name(expr.name)

    _print_Dummy = _print_Symbol

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        base, exponent = expr.as_base_exp()
        if exponent.is_Rational and exponent.is_negative:
            return f"frac(1, {self._print(base**-exponent)})"
        if exponent == sp.Rational(1, 2):
            return f"sqrt({self._print(base)})"
        if exponent.is_Rational and exponent.p == 1:
            return f"root({exponent.q}, {self._print(base)})"
        return f"{self.parenthesize(base, PRECEDENCE['Pow'])}^({self._print(exponent)})"

    def _print_exp(self, expr: Any) -> str:
        return f"e^({self._print(expr.args[0])})"

    def _print_Rational(self, expr: Any) -> str:
        sign = "-" if expr.p < 0 else ""
        return str(expr.p) if expr.q == 1 else f"{sign}frac({abs(expr.p)}, {expr.q})"

    def _print_Half(self, expr: Any) -> str:
        return self._print_Rational(expr)

    def _print_Add(self, expr: Any, order: str | None = None) -> str:
        terms = sorted(expr.as_ordered_terms(), key=lambda t: t.could_extract_minus_sign())
        printed = [self._print(t) for t in terms]
        return printed[0] + "".join(
            f" - {p[1:]}" if p.startswith("-") else f" + {p}" for p in printed[1:]
        )

    def _print_Mul(self, expr: Any) -> str:
        coefficient, rest = expr.as_coeff_Mul()
        if coefficient.is_negative:
            return "-" + self._factor(_keep_coeff(-coefficient, rest))
        above, below = [], []
        for factor in expr.as_ordered_factors():
            power = factor.exp if factor.is_Pow else sp.S.One
            if power.is_Rational and power.is_negative:
                below.append(1 / factor)
            elif factor.is_Rational and factor.q != 1:
                above += [sp.Integer(factor.p)] * (factor.p != 1)
                below.append(sp.Integer(factor.q))
            else:
                above.append(factor)
        if not below:
            return " ".join(map(self._factor, above))
        return f"frac({self._product(above)}, {self._product(below)})"

    def _product(self, factors: list[Any]) -> str:
        if len(factors) < 2:
            return self._print(factors[0] if factors else sp.S.One)
        return " ".join(map(self._factor, factors))

    def _factor(self, expr: Any) -> str:
        printed = self._print(expr)
        return f"({printed})" if expr.is_Add or printed.startswith("-") else printed

    def _print_Abs(self, expr: Any) -> str:
        return f"abs({self._print(expr.args[0])})"

    def _operator(self, word: str, expr: Any) -> str:
        return f"{word}({', '.join(self._print(a) for a in expr.args)})"

    def _print_Max(self, expr: Any) -> str:
        return self._operator("max", expr)

    def _print_Min(self, expr: Any) -> str:
        return self._operator("min", expr)

    def _print_Function(self, expr: Any) -> str:
        word: str = expr.func.__name__
        if word in WORDS:
            return self._operator(word, expr)
        word = RENAMED.get(word, word)
        return self._operator(f'op("{word}")' if word in dir(sp) else name(word), expr)

    def _print_Basic(self, expr: Any) -> str:
        return self._operator(f'op("{type(expr).__name__}")', expr)

    def _print_Relational(self, expr: Any) -> str:
        return f"{self._print(expr.lhs)} {RELATIONS[expr.rel_op]} {self._print(expr.rhs)}"

    def _print_Implies(self, expr: Any) -> str:
        return " ==> ".join(map(self._print, expr.args))

    def _print_And(self, expr: Any) -> str:
        return " and ".join(self._print(a) for a in sorted(expr.args, key=sp.default_sort_key))

    def _series(self, sign: str, expr: Any) -> str:
        signs = []
        for variable, *ends in expr.limits:
            low, high = ends or (None, None)
            first = "" if sign == "integral" else f"{self._print(variable)} = "
            scope = f"_({first}{self._print(low)})^({self._print(high)})" if ends else ""
            signs.append(sign + scope)
        tail = [f"dif {self._print(v)}" for v, *_ in expr.limits] if sign == "integral" else []
        return " ".join([*signs, self._factor(expr.function), *tail])

    def _print_Limit(self, expr: Any) -> str:
        body, variable, point, _ = expr.args
        where = f"{self._print(variable)} -> {self._print(point)}"
        return f"lim_({where}) {self._factor(body)}"

    def _print_Sum(self, expr: Any) -> str:
        return self._series("sum", expr)

    def _print_Product(self, expr: Any) -> str:
        return self._series("product", expr)

    def _print_Integral(self, expr: Any) -> str:
        return self._series("integral", expr)

    def _print_Piecewise(self, expr: Any) -> str:
        rows = [
            f'{self._print(value)} & "{"else" if where is sp.true else "if"}" '
            + ("" if where is sp.true else self._print(where))
            for value, where in expr.args
        ]
        return f"cases({', '.join(rows)})"

    def _print_BooleanTrue(self, expr: Any) -> str:
        return '"true"'

    def _print_Infinity(self, expr: Any) -> str:
        return "oo"

    def _print_NegativeInfinity(self, expr: Any) -> str:
        return "-oo"

    def _print_Exp1(self, expr: Any) -> str:
        return "e"


def typst(expr: sp.Basic) -> str:
    """Typst mathematics of a formula, without the dollar signs."""
    return TypstPrinter({"order": None}).doprint(expr)
