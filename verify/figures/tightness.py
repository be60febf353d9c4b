"""How near each certificate is to what was found, by theorem."""

from collections.abc import Sequence
from statistics import median

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from theory.theorem import order
from verify.figures import figure, points_of
from verify.figures.marks import BLUE, CERTIFIED, OPEN, VERMILION, Style, below
from verify.rows import Row

LEAST = 1e-5  # a smaller share stands at the edge, as an arrow
MIDDLE: Style = {"color": VERMILION, "markersize": 7, "markeredgewidth": 1.6, "zorder": 4}
DOT: Style = {"color": BLUE, "markersize": 3.2} | OPEN


def sortable(id_: str) -> tuple:
    """Theorems in their own order, then other ids."""
    return (0, *order(id_)) if id_[1:].isdigit() else (1, id_)


def bounded(rows: Sequence[Row]) -> list[Row]:
    """The rows that say how much of a theorem's bound is used up.

    Where a claim says which of its rows measure the certificate (curve "tightness"), those; else
    all rows of the theorem whose bound is one-sided. Equalities and rows without numbers: none.
    """
    named = [row for row in points_of(rows, "tightness") if row.ratio]
    said = {row.id for row in named}
    sides = ("<=", ">=")
    return named + [
        row
        for row in rows
        if not (row.series or row.mutant or row.id in said)
        and (row.kind == "theorem" and row.must in sides and row.ratio)
    ]


def shares(rows: Sequence[Row]) -> dict[str, list[float]]:
    """Theorem id -> the largest share of its bound that anything reached, for each model."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.ratio and row.ratio > 0:
            models = found.setdefault(row.id, {})
            models[row.model] = max(models.get(row.model, 0.0), row.ratio)
    return {id_: list(found[id_].values()) for id_ in sorted(found, key=sortable)}


@figure("tightness", curve="tightness", reads=(), choose=bounded)
def tightness(rows: list[Row]) -> Figure:
    """A line a theorem, a marker a model; at 1 the bound is attained, to its right refuted."""
    found = shares(rows)
    drawn = Figure(figsize=(3.35, 1.0 + 0.135 * len(found)))
    axes = drawn.subplots()
    axes.axvline(1.0, label="the bound itself", **CERTIFIED)
    for height, ratios in enumerate(found.values()):
        shown, small = [r for r in ratios if r >= LEAST], [r for r in ratios if r < LEAST]
        axes.plot(shown, [height] * len(shown), "o", label="a model", **DOT)
        if small:
            axes.plot(LEAST, height, "<", label="a model, less than $10^{-5}$", **DOT)
        axes.plot(max(LEAST, median(ratios)), height, "|", label="median of the models", **MIDDLE)
    axes.set_yticks(range(len(found)), list(found))
    axes.set(xscale="log", xlabel="share of the bound that was reached", xlim=(LEAST / 1.5, 2))
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.xaxis.set_major_locator(LogLocator(10, numticks=12))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", color="#dddddd", linewidth=0.5)
    below(drawn)
    return drawn
