"""A theorem as a value: statement, proof steps, rigorous evaluation, sharpness, mutant.

A theorem is registered by being a module-level name of a module in this package, e.g.
``L2 = Theorem("L2", ...)`` in theory/layernorm.py.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from types import MappingProxyType

import sympy as sp
from flint import arb

from theory.errors import TheoryError
from theory.interval import Interval
from theory.weights import Weights

ONE = sp.Integer(1)
MUTANT = sp.Rational(99, 100)


@dataclass(frozen=True)
class Step:
    """One checked step of a derivation.

    ``check(factor)`` decides the step with the theorem's constant multiplied by factor: it must
    accept 1 and, when ``bears_constant``, refuse 99/100 (otherwise the step would prove anything).
    """

    claim: str
    check: Callable[[sp.Expr], bool]
    bears_constant: bool = False

    @property
    def proved(self) -> bool:
        """The step holds as stated."""
        return self.check(ONE)

    @property
    def refuses_mutant(self) -> bool:
        """The checker rejects the constant made 1 % smaller."""
        return not self.check(MUTANT)


@dataclass(frozen=True)
class Attainment:
    """What a sharpness witness reaches, beside the bound there; both are enclosures."""

    attained: arb
    bound: arb

    def refutes(self, factor: Fraction = Fraction(1)) -> bool:
        """Whether the witness certainly exceeds factor * bound."""
        return bool(self.attained > self.bound * factor.numerator / factor.denominator)


@dataclass(frozen=True)
class Witness:
    """An input at which a tight theorem is (in the limit) an equality."""

    where: str
    attain: Callable[[], Attainment]


@dataclass(frozen=True)
class Mutant:
    """A false neighbour of the theorem; ``refuted()`` shows in exact arithmetic that it fails."""

    change: str
    refuted: Callable[[], bool]


def everywhere(weights: Weights) -> None:
    """The theorem needs nothing of the model."""


@dataclass(frozen=True)
class Theorem:
    """A numbered result of the suite.

    Fields: ``statement`` and ``assumptions`` in words and formulas; ``needs`` the ids its proof
    uses; ``tight`` whether a witness attains it; ``formula()`` its symbolic form; ``steps`` the
    checked derivation; ``evaluate(weights)`` named certified numbers of a model;
    ``applies(weights)`` None, or the reason why the model is outside the assumptions.
    """

    id: str
    name: str
    statement: str
    assumptions: tuple[str, ...]
    needs: tuple[str, ...]
    source: str
    tight: bool
    formula: Callable[[], sp.Basic]
    steps: tuple[Step, ...]
    evaluate: Callable[[Weights], dict[str, Interval]]
    applies: Callable[[Weights], str | None] = everywhere
    witnesses: tuple[Witness, ...] = ()
    mutants: tuple[Mutant, ...] = field(default=())

    def __post_init__(self) -> None:
        """A tight theorem shows its witness; a one-sided one has a step that bears the constant."""
        if self.tight and not self.witnesses:
            raise TheoryError(f"{self.id} is called tight and has no witness")
        if not self.tight and not any(s.bears_constant for s in self.steps):
            raise TheoryError(f"{self.id} is one-sided and no step refuses a smaller constant")


@cache
def theorems() -> MappingProxyType[str, Theorem]:
    """Every theorem of the package by id, in the order of ids; needs closed and acyclic."""
    import theory

    found: dict[str, Theorem] = {}
    for info in pkgutil.iter_modules(theory.__path__):
        if info.name.startswith("__"):
            continue
        for value in vars(importlib.import_module(f"theory.{info.name}")).values():
            if isinstance(value, Theorem) and found.setdefault(value.id, value) is not value:
                raise TheoryError(f"two theorems are called {value.id}")
    ordered = dict(sorted(found.items(), key=lambda item: order(item[0])))
    for id_ in ordered:
        ancestors(id_, ordered)
    return MappingProxyType(ordered)


def order(id_: str) -> tuple[int, int]:
    """Sort key: the families in the order L, S, N, G, W, P, F, then the number."""
    return "LSNGWPF".index(id_[0]), int(id_[1:])


def ancestors(id_: str, known: dict[str, Theorem], path: tuple[str, ...] = ()) -> tuple[str, ...]:
    """All ids that the proof of id_ rests on; TheoryError on a cycle or an unknown id."""
    if id_ in path:
        raise TheoryError(f"circular proof: {' -> '.join((*path, id_))}")
    if id_ not in known:
        raise TheoryError(f"{path[-1]} needs {id_}, which is no theorem")
    above = [a for need in known[id_].needs for a in (need, *ancestors(need, known, (*path, id_)))]
    return tuple(dict.fromkeys(above))
