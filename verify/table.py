"""The table of claims that a run ends with: id, claim, models, seen, proved to be, ratio, verdict.

"seen 2.8, proved to be ≤ 2.9" reads as one sentence: the sign is the side that the claim declares
(Claim.must, Statement.must). The ratio is how much of the bound is used up, for a bound from below
bound over seen: at most 1 when the claim holds, up to the rounding that its row allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from verify.rows import Row

# a statement's id may be long; its claim is cut to what is left of the line
ID, CLAIM = 18, 46
SIGNS = {"<=": "≤", ">=": "≥", "=": "=", "~": "≈", "!=": "≠"}


def number(value: float | None) -> str:
    """Six significant digits, or a dash."""
    return "-" if value is None else f"{value:.6g}"


def sign(row: Row) -> str:
    """On which side of its bound what is seen must be; a row that does not say: as its claim."""
    if row.bound is None:
        return ""
    from verify.ledger import declared

    return SIGNS.get(row.must or declared().get((row.id, row.claim), ""), "")


def proved(row: Row) -> str:
    """What the number seen is proved to be: "≤ 2.9"."""
    return f"{sign(row)} {number(row.bound)}".strip()


def cut(text: str) -> str:
    """At most CLAIM characters."""
    return text if len(text) <= CLAIM else f"{text[: CLAIM - 1].rstrip()}…"


def closest(rows: Sequence[Row]) -> Row:
    """The row to print: a failing one if any, else the one nearest to its bound."""
    return min(rows, key=lambda row: (row.holds, -(row.ratio or 0.0)))


def verdict(rows: Sequence[Row], mutants: Sequence[Row]) -> str:
    """What the statement's rows say, or holds / VIOLATED; and whether the mutants were caught."""
    said = [str(row.at["verdict"]) for row in rows if "verdict" in row.at]
    word = said[0] if said else "holds"
    if not all(row.holds for row in rows):
        word = "VIOLATED"
    if mutants:
        killed = all(not row.holds for row in mutants)
        word += ", mutant killed" if killed else ", MUTANT SURVIVED"
    return word


def order(row: Row) -> tuple[int, str, int, str]:
    """Families as theory orders them (L S N G W P F), then the statements of the ledger."""
    family = row.id[:1] if not row.id.startswith("C-") else "~"
    digits = int(row.id[1:]) if row.id[1:].isdigit() else 0
    return "LSNGWPF~".find(family), row.id if family == "~" else "", digits, row.claim


@dataclass(frozen=True)
class Summary:
    """A claim over all models and inputs: its row closest to the bound, and the verdict."""

    row: Row
    models: int
    verdict: str


def summaries(rows: Sequence[Row]) -> list[Summary]:
    """One a claim, theorems first."""
    found = []
    for _, group in groupby(sorted(rows, key=order), key=lambda row: (row.id, row.claim)):
        members = list(group)
        true = [row for row in members if not (row.mutant or row.series)]
        if true:
            models = len({row.model for row in true if row.model})
            mutants = [row for row in members if row.mutant]
            found.append(Summary(closest(true), models, verdict(true, mutants)))
    return found


def claim_table(rows: Sequence[Row], width: int = 100) -> list[str]:
    """One line a claim: the row closest to its bound over all models and inputs."""
    lines = [
        f"{'id':{ID}} {'claim':{CLAIM}} {'models':>6} {'seen':>12} {'proved to be':>14} "
        f"{'ratio':>7}  verdict"
    ]
    for summary in summaries(rows):
        row = summary.row
        ratio = "-" if row.ratio is None else f"{row.ratio:.3f}"
        lines.append(
            f"{row.id:{ID}} {cut(row.claim):{CLAIM}} {summary.models or '-':>6} "
            f"{number(row.attained):>12} {proved(row):>14} {ratio:>7}  {summary.verdict}"
        )
    return lines


def ledger_lines(rows: Sequence[Row]) -> list[str]:
    """How many statements hold, hold as amended, are contradicted, or cannot be decided."""
    counts: dict[str, list[str]] = {}
    for row in rows:
        if "verdict" in row.at and not row.mutant:
            counts.setdefault(str(row.at["verdict"]), []).append(row.id)
    return [f"{len(ids)} {name}: {', '.join(dict.fromkeys(ids))}" for name, ids in counts.items()]
