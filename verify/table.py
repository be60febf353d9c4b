"""The table of claims that a run ends with: id, claim, models, proved, seen, ratio, verdict."""

from collections.abc import Sequence
from itertools import groupby

from verify.rows import Row


def number(value: float | None) -> str:
    """Six significant digits, or a dash."""
    return "-" if value is None else f"{value:.6g}"


def closest(rows: Sequence[Row]) -> Row:
    """The row to print: a failing one if any, else the one nearest to its bound."""
    return min(rows, key=lambda row: (row.holds, -(row.ratio or 0.0)))


def verdict(rows: Sequence[Row], mutants: Sequence[Row]) -> str:
    """holds / VIOLATED, and whether the mutant was killed everywhere it was run."""
    word = "holds" if all(row.holds for row in rows) else "VIOLATED"
    if mutants:
        killed = all(not row.holds for row in mutants)
        word += ", mutant killed" if killed else ", MUTANT SURVIVED"
    return word


def claim_table(rows: Sequence[Row], width: int = 100) -> list[str]:
    """One line a claim: the row closest to its bound over all models and inputs."""
    lines = [
        f"{'id':4} {'claim':46} {'models':>6} {'proved':>12} {'seen':>12} {'ratio':>7}  verdict"
    ]
    ordered = sorted(rows, key=lambda row: (row.id, row.claim))
    for (id_, text), group in groupby(ordered, key=lambda row: (row.id, row.claim)):
        members = list(group)
        true = [row for row in members if not (row.mutant or row.series)]
        if not true:
            continue
        row = closest(true)
        models = len({row.model for row in true if row.model})
        ratio = "-" if row.ratio is None else f"{row.ratio:.3f}"
        lines.append(
            f"{id_:4} {text[:46]:46} {models or '-':>6} {number(row.bound):>12} "
            f"{number(row.attained):>12} {ratio:>7}  "
            f"{verdict(true, [r for r in members if r.mutant])}"
        )
    return lines
