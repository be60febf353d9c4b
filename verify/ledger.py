"""The claims ledger: each statement, how it is tested, and a verdict computed from rows.

A statement's threshold was written down before its effect was measured, with the reason for it.
``decide`` compares an effect and its 95 % interval with the threshold and records one summary row.
Theorems enter with their own words; their verdict is that of their claims. Nobody types a verdict,
except "not decidable", which says what is missing.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from theory import theorems
from verify.claims import Kind, Must, claims
from verify.record import Recorder
from verify.rows import ROOT, Row, read

Verdict = Literal["holds", "holds as amended", "contradicted", "not decidable"]


@dataclass(frozen=True)
class Statement:
    """``words`` the paper's; ``accept`` says on which side of ``threshold`` the effect must lie.

    The effect on that side: verdict ``accepted``, else ``refused``; an interval that holds the
    threshold is "holds as amended". ``amended`` says what is true instead, or what is missing.
    """

    id: str
    words: str
    source: str
    kind: Kind
    models: str
    procedure: str
    accept: Literal[">=", "<=", ""]
    threshold: float | None
    reason: str
    unit: str = ""
    amended: str = ""
    accepted: Verdict = "holds"
    refused: Verdict = "contradicted"

    def accepts(self, effect: float) -> bool:
        """Whether the effect is on the preregistered side of the threshold."""
        assert self.threshold is not None
        return effect >= self.threshold if self.accept == ">=" else effect <= self.threshold

    @property
    def must(self) -> Must:
        """The side of the threshold on which the statement holds as it stands."""
        if self.accepted == "holds" or not self.accept:
            return self.accept
        return "<=" if self.accept == ">=" else ">="

    def verdict(self, effect: float, low: float, high: float) -> Verdict:
        """From the effect and its interval alone."""
        ends = {self.accepts(low), self.accepts(high), self.accepts(effect)}
        if len(ends) == 2:
            return "holds as amended"
        return self.accepted if ends == {True} else self.refused


def statements() -> dict[str, Statement]:
    """All of verify/statements.py by id."""
    from verify.statements import STATEMENTS

    return {statement.id: statement for statement in STATEMENTS}


def decide(
    record: Recorder, id_: str, *, effect: float, low: float, high: float, note: str = ""
) -> None:
    """Record the verdict on a statement; a mutant must change it (verify/cases.py).

    ``low`` and ``high`` bound the effect (95 % bootstrap over seeds and prompts, or its exact
    value twice). A statement that turns out false is no failure of its claim: the verdict says it.
    """
    statement = statements()[id_]
    verdict = statement.verdict(effect, low, high)
    plain = verdict == "holds"
    at = {
        "statement": statement.words,
        "source": statement.source,
        "verdict": verdict,
        "amended": "" if plain else statement.amended,
        "low": float(low),
        "high": float(high),
    }
    record(
        bound=statement.threshold, attained=effect, unit=statement.unit, note=note, at=at,
        holds=True, must=statement.must,
    )  # fmt: skip


def undecidable(record: Recorder, id_: str) -> None:
    """The row of a statement that public material cannot decide."""
    statement = statements()[id_]
    at = {
        "statement": statement.words,
        "source": statement.source,
        "verdict": "not decidable",
        "amended": statement.amended,
    }
    record(holds=True, at=at, must="")


@cache
def declared() -> dict[tuple[str, str], Must]:
    """(id, claim) -> on which side of the bound what is seen must be, as the claims declare it."""
    known = statements()
    return {
        (claim.id, claim.text): known[claim.id].must if claim.id in known else claim.must
        for claim in claims()
    }


@dataclass(frozen=True)
class Entry:
    """A line of the ledger: a statement or a theorem with its verdict, and where to look."""

    id: str
    words: str
    kind: str
    verdict: str
    amended: str
    procedure: tuple[str, ...]
    mutants: tuple[str, ...]


def theorem_verdict(rows: Sequence[Row]) -> str:
    """Of a theorem's rows: one violation refutes."""
    if not rows:
        return "not run"
    return "holds" if all(row.holds for row in rows) else "contradicted"


def ledger(rows: Sequence[Row]) -> list[Entry]:
    """Every theorem and statement with the verdict that these rows give."""
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        if not row.mutant and not row.series:
            by_id.setdefault(row.id, []).append(row)
    mutants: dict[str, tuple[str, ...]] = {c.id: () for c in claims()}
    procedure: dict[str, tuple[str, ...]] = {c.id: () for c in claims()}
    for c in claims():
        mutants[c.id] += c.mutants
        procedure[c.id] += (c.text,)
    found = []
    for id_, theorem in theorems().items():
        own = [r for r in by_id.get(id_, []) if r.kind != "empirical"]
        verdict = theorem_verdict(own)
        steps = procedure.get(id_, ())
        found.append(
            Entry(id_, theorem.statement, "theorem", verdict, "", steps, mutants.get(id_, ()))
        )
    for id_, statement in statements().items():
        row = next((r for r in by_id.get(id_, []) if "verdict" in r.at), None)
        verdict = str(row.at["verdict"]) if row else "not run"
        amended = str(row.at["amended"]) if row else ""
        steps = (statement.procedure,)
        found.append(
            Entry(
                id_, statement.words, statement.kind, verdict, amended, steps, mutants.get(id_, ())
            )
        )
    return found


def main(arguments: list[str]) -> int:
    """`python -m verify.ledger [ROWS]`: the ledger as text."""
    path = Path(arguments[0]) if arguments else ROOT / "verify" / "rows.jsonl"
    if not path.is_file():
        print(f"{path}: no rows; run `pytest verify/` first", file=sys.stderr)
        return 2
    for entry in ledger(read(path)):
        print(f"{entry.id:18} {entry.verdict:17} {entry.words}")
        if entry.amended:
            print(f"{'':18} {'':17} instead: {entry.amended}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
