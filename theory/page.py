"""What there is to say about a theorem, as plain data and as text: statement, proof, numbers."""

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import sympy as sp

from theory.certify import Verdict
from theory.lemmas import LEMMAS, NOT_FORMAL
from theory.theorem import Step, Theorem, Witness, theorems

Page = dict[str, Any]


def number(value: float) -> float | str:
    """JSON has no infinity: "inf", "-inf"."""
    return value if math.isfinite(value) else str(value)


def numbers(found: Verdict) -> Page:
    """Intervals as {"low", "high"}, or {"reason"}."""
    if isinstance(found, str):
        return {"reason": found}
    return {name: {"low": number(v.low), "high": number(v.high)} for name, v in found.items()}


def step_page(step: Step) -> Page:
    """The claim and what its checker says of it, and of the constant 1 % smaller (null: none)."""
    refuses = step.refuses_mutant if step.bears_constant else None
    return {"claim": step.claim, "proved": step.proved, "refuses_mutant": refuses}


def witness_page(witness: Witness) -> Page:
    """What the witness reaches, and whether it refutes the bound made 1 % smaller."""
    reached = witness.attain()
    return {
        "where": witness.where,
        "attained": float(reached.attained),
        "bound": float(reached.bound),
        "holds": not reached.refutes(),
        "refutes_mutant": reached.refutes(Fraction(99, 100)),
    }


def page(theorem: Theorem) -> Page:
    """Everything but the numbers of a model; the steps, witnesses and mutants are run."""
    return {
        "id": theorem.id,
        "name": theorem.name,
        "tight": theorem.tight,
        "statement": theorem.statement,
        "assumptions": list(theorem.assumptions),
        "needs": list(theorem.needs),
        "source": theorem.source,
        "formula": str(theorem.formula()),
        "steps": [step_page(step) for step in theorem.steps],
        "witnesses": [witness_page(witness) for witness in theorem.witnesses],
        "mutants": [{"change": m.change, "refuted": m.refuted()} for m in theorem.mutants],
        "lemmas": list(LEMMAS.get(theorem.id, ())),
        "not_formal": NOT_FORMAL.get(theorem.id),
    }


def checked(theorem: Theorem) -> tuple[int, int]:
    """(steps that are proved and refuse their mutant, steps)."""
    good = [s.proved and (not s.bears_constant or s.refuses_mutant) for s in theorem.steps]
    return sum(good), len(good)


def tree(id_: str, known: Mapping[str, Theorem], depth: int = 0) -> Iterator[str]:
    """The proof tree: what a theorem rests on, and what that rests on."""
    yield f"{'  ' * depth}{id_} {known[id_].name}"
    for need in known[id_].needs:
        yield from tree(need, known, depth + 1)


def said(good: bool, word: str) -> str:
    """A verdict in words, loud when it is bad."""
    return word if good else f"NOT {word}"


def checks(theorem: Theorem) -> Iterator[str]:
    """Steps, witnesses and mutants with their verdicts."""
    yield "steps"
    for step in theorem.steps:
        yield f"  {step.claim}"
        refused = f"; 1 % less {said(step.refuses_mutant, 'refused')}" * step.bears_constant
        yield f"    {said(step.proved, 'proved')}{refused}"
    for witness in theorem.witnesses:
        found = witness_page(witness)
        yield f"witness  {found['where']}"
        yield (
            f"    reaches {found['attained']:.10g} of {found['bound']:.10g}: bound "
            f"{said(found['holds'], 'kept')}; 1 % less {said(found['refutes_mutant'], 'refuted')}"
        )
    for mutant in theorem.mutants:
        yield f"mutant   {mutant.change}"
        yield f"    {said(mutant.refuted(), 'refuted')}"


def text(theorem: Theorem) -> Iterator[str]:
    """The page as lines of text."""
    yield f"{theorem.id}  {theorem.name}  ({'tight' if theorem.tight else 'one-sided'})"
    yield from fill(theorem.statement, "  ")
    for line in theorem.assumptions:
        yield from fill(line, "assumes  ")
    yield from fill(theorem.source, "source   ")
    formula = sp.pretty(theorem.formula(), use_unicode=True, wrap_line=False)
    yield from beside("formula  ", formula.splitlines())
    yield from beside("proof    ", tree(theorem.id, theorems()))
    yield from checks(theorem)
    yield from fill(", ".join(LEMMAS.get(theorem.id, ())) or "no lemma", "Coq      ")
    if theorem.id in NOT_FORMAL:
        yield from fill(NOT_FORMAL[theorem.id], "         ")


def beside(start: str, lines: Iterable[str]) -> Iterator[str]:
    """Lines behind a margin whose first line holds a label."""
    for index, line in enumerate(lines):
        yield (start if index == 0 else " " * len(start)) + line


def fill(line: str, start: str) -> list[str]:
    """Wrapped to 100 columns behind a margin."""
    return textwrap.wrap(
        line, 100, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False
    )


def value_lines(found: Verdict) -> Iterator[str]:
    """One line a number, or the reason why there is none."""
    if isinstance(found, str):
        yield f"  does not apply: {found}"
        return
    width = max((len(name) for name in found), default=0)
    for name, interval in found.items():
        yield f"  {name:{width}}  {interval}"
