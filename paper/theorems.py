"""Every theorem as the paper's boxes show it: plain data, read from the Theorem values."""

import re
from typing import Any

from paper.typeset import runs
from theory import Theorem, theorems
from theory.lemmas import LEMMAS, NOT_FORMAL, PARTLY
from theory.typst_printer import typst


def sentence(text: str) -> str:
    """A capital where a statement starts with a word."""
    word = re.match(r"[a-z]+ [a-z]{2,}", text)
    return text[0].upper() + text[1:] if word else text


def box(theorem: Theorem) -> dict[str, Any]:
    """Statement, assumptions, formula, status and sharpness of one theorem.

    The steps, their mutants and the witnesses are decided here, when the paper is built: a step
    that fails is printed as failed.
    """
    bearing = [step for step in theorem.steps if step.bears_constant]
    return {
        "name": theorem.name,
        "statement": runs(sentence(theorem.statement)),
        "assumptions": [runs(a) for a in theorem.assumptions],
        "formula": typst(theorem.formula()),
        "needs": list(theorem.needs),
        "source": theorem.source,
        "tight": theorem.tight,
        "steps": [{"claim": runs(s.claim), "proved": s.proved} for s in theorem.steps],
        "proved": sum(s.proved for s in theorem.steps),
        "bearing": len(bearing),
        "refused": sum(s.refuses_mutant for s in bearing),
        "witnesses": [runs(w.where) for w in theorem.witnesses],
        "mutants": [runs(m.change) for m in theorem.mutants],
        "lemmas": list(LEMMAS.get(theorem.id, ())),
        "partly": runs(PARTLY[theorem.id]) if theorem.id in PARTLY else [],
        "not_formal": NOT_FORMAL.get(theorem.id, ""),
    }


def boxes() -> dict[str, dict[str, Any] | None]:
    """All ids of the suite; None for one that no module of theory/ states."""
    known = theorems()
    ids = [*LEMMAS, *(id_ for id_ in known if id_ not in LEMMAS)]
    return {id_: box(known[id_]) if id_ in known else None for id_ in ids}
