"""Sums of powers of t with matrix coefficients, t -> inf: the arithmetic of theory.cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from flint import arb, arb_mat
from jaxtyping import Float

from theory.errors import TheoryError

# powers kept from the leading one down: a softmax compares t², t and 1
KEPT = 3

Row = dict[int, list[arb]]


def exact(values: Float[np.ndarray, "m n"]) -> arb_mat:
    """The doubles as an exact matrix (half the time of theory.linear.matrix)."""
    return arb_mat(np.asarray(values, dtype=float).tolist())


class Undecided(TheoryError):
    """A comparison that the known powers, or the width of the balls, leave open."""


@dataclass(frozen=True, eq=False)
class Powers:
    """Σ_k t^k terms[k] + o(t^known), matrices of one shape; known = -inf: only e^(-γ t) is lost."""

    terms: dict[int, arb_mat]
    known: float = -inf

    @classmethod
    def constant(cls, values: Float[np.ndarray, "m n"], order: int = 0) -> "Powers":
        """t^order times exact doubles."""
        return cls({order: exact(values)})

    @property
    def degree(self) -> float:
        """The highest power that can be present."""
        return max([*self.terms, self.known])

    def trimmed(self) -> "Powers":
        """Without leading zeros, without what is not known, KEPT powers at most."""
        terms = dict(self.terms)
        while terms and zero(terms[max(terms)]):
            del terms[max(terms)]
        known = self.known
        if terms and min(terms) <= max(terms) - KEPT:
            known = max(known, max(terms) - KEPT + 1)
        return Powers({k: m for k, m in terms.items() if k >= known}, known)

    def __add__(self, other: "Powers") -> "Powers":
        """The sum."""
        terms = dict(self.terms)
        for k, m in other.terms.items():
            terms[k] = terms[k] + m if k in terms else m
        return Powers(terms, max(self.known, other.known)).trimmed()

    def __matmul__(self, other: "Powers") -> "Powers":
        """The matrix product."""
        terms: dict[int, arb_mat] = {}
        for k, a in self.terms.items():
            for m, b in other.terms.items():
                terms[k + m] = terms[k + m] + a * b if k + m in terms else a * b
        known = max(self.known + other.degree, other.known + self.degree)
        return Powers(terms, known).trimmed()

    def map(self, change: Callable[[arb_mat], arb_mat]) -> "Powers":
        """A linear change of every coefficient."""
        return Powers({k: change(m) for k, m in self.terms.items()}, self.known).trimmed()

    def rows(self, size: int) -> list[Row]:
        """The coefficients row by row, as lists."""
        lists = {k: m.tolist() for k, m in self.terms.items()}
        return [{k: values[i] for k, values in lists.items()} for i in range(size)]


def zero(m: arb_mat) -> bool:
    """Whether every entry is exactly 0."""
    return all(x == 0 for x in m.entries())


def assemble(rows: Sequence[Row], known: float, width: int) -> Powers:
    """The matrix with these rows; a power missing from a row has coefficient 0 there."""
    orders = {k for row in rows for k in row}
    blank = [arb(0)] * width
    return Powers(
        {k: arb_mat([row.get(k, blank) for row in rows]) for k in orders}, known
    ).trimmed()


def sign(x: arb) -> int:
    """-1, 0 or 1; Undecided for a ball around 0."""
    if x > 0 or x < 0:
        return 1 if x > 0 else -1
    if x == 0:
        return 0
    raise Undecided(f"the sign of {x.str(5)} is open at this precision")


def leading(row: Row, j: int) -> tuple[int, arb]:
    """Highest power of entry j with a nonzero coefficient, and that; (0, value) if none is >= 1."""
    for k in sorted(row, reverse=True):
        if k >= 1 and sign(row[k][j]) != 0:
            return k, row[k][j]
    return 0, row[0][j] if 0 in row else arb(0)


def largest(values: Sequence[arb], among: Sequence[int]) -> list[int]:
    """Which of the entries are the largest, ties included."""
    best = among[0]
    for j in among:
        if values[j].mid() > values[best].mid():
            best = j
    return [j for j in among if j == best or sign(values[best] - values[j]) == 0]
