"""How near each certificate is to what was found, by theorem."""

from matplotlib.figure import Figure

from theory.theorem import order
from verify.figures import figure
from verify.figures.marks import BLUE, CERTIFIED, OPEN, below, decades
from verify.rows import Row


def sortable(id_: str) -> tuple:
    """Theorems in their own order, then other ids."""
    return (0, *order(id_)) if id_[1:].isdigit() else (1, id_)


@figure("tightness", curve="tightness", reads=())
def tightness(rows: list[Row]) -> Figure:
    """A line a theorem, a marker a model; at 1 the bound is attained, to its right refuted."""
    ids = sorted({row.id for row in rows}, key=sortable)
    drawn = Figure(figsize=(3.35, 1.1 + 0.17 * len(ids)))
    axes = drawn.subplots()
    axes.axvline(1.0, label="the bound itself", **CERTIFIED)
    for height, id_ in enumerate(ids):
        ratios = [row.ratio for row in rows if row.id == id_ and row.ratio]
        axes.plot(ratios, [height] * len(ratios), "o", color=BLUE, label="a model", **OPEN)
    axes.set_yticks(range(len(ids)), ids)
    axes.set(xscale="log", xlabel="attained / certified", ylim=(len(ids) - 0.5, -0.5))
    decades(axes.xaxis)
    axes.grid(axis="y", color="#dddddd", linewidth=0.5)
    below(drawn)
    return drawn
