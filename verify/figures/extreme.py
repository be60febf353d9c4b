"""G3, N4: one huge value in an otherwise ordinary prompt."""

from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import CERTIFIED, CYCLE, OPEN, below, grouped, theory_line, with_bars
from verify.rows import Row

LABELS = {
    "error": ("error / that of zero", "mean squared error / that of zero"),
    "shift": ("shift of the prediction", "largest shift of y (units of f)"),
}


@figure("G3_extreme", curve="extreme", reads=("G3", "N4"))
def extreme(rows: list[Row]) -> Figure:
    """A panel a kind of measurement, a marker a model."""
    kinds = grouped([r if "kind" in r.at else with_kind(r) for r in rows], "kind")
    drawn = Figure(figsize=(3.35 if len(kinds) == 1 else 6.7, 2.7))
    panels = drawn.subplots(1, len(kinds), squeeze=False)[0]
    for axes, ((kind,), members) in zip(panels, kinds.items(), strict=True):
        models = list(dict.fromkeys(row.model for row in members))
        for index, model in enumerate(models):
            mine = [row for row in members if row.model == model]
            marker, colour = CYCLE[index % len(CYCLE)]
            theory_line(axes, mine, "size", CERTIFIED, "certified")
            with_bars(axes, mine, "size", marker=marker, color=colour, label=model, **OPEN)
        axes.set(xscale="log", yscale="log", xlabel="size of the huge token (G3, N4)")
        axes.set_ylabel(LABELS.get(kind, (kind, kind))[1])
    below(drawn, ncols=3)
    return drawn


def with_kind(row: Row) -> Row:
    """Rows without a kind are errors."""
    from dataclasses import replace

    return replace(row, at=row.at | {"kind": "error"})
