"""P3: test error against the scale of the inputs, with the certified floor under it."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import (
    CERTIFIED,
    OPEN,
    PREDICTED,
    at,
    below,
    grouped,
    look,
    theory_line,
    with_bars,
)
from verify.rows import Row

NAMES = {
    "model": "trained model, 95 % interval",
    "equivariant": "same weights in the wrapper (W1)",
    "least-squares": "least squares",
    "1-nn": "nearest neighbour",
    "3-nn": "3 nearest neighbours",
    "zero": "zero model",
}
LOWEST = 1e-4


def panel(axes: Axes, rows: list[Row]) -> None:
    """One degree: floor and plateau as lines, predictors as markers."""
    models = [row for row in rows if at(row, "predictor") == "model"]
    floors = [row for row in models if row.bound]
    theory_line(axes, floors, "scale", CERTIFIED, "certified floor (P3)")
    theory_line(axes, models, "scale", PREDICTED, "plateau prediction (N2)", "plateau")
    for index, ((predictor,), members) in enumerate(grouped(rows, "predictor").items()):
        if predictor == "zero":
            continue
        marker, colour = look(predictor, index)
        label = NAMES.get(predictor, predictor)
        inside = [row for row in members if (row.attained or 0.0) >= LOWEST]
        fill = {} if predictor == "model" else OPEN
        if inside:
            with_bars(axes, inside, "scale", marker=marker, color=colour, label=label, **fill)
        hidden = [at(row, "scale") for row in members if (row.attained or 0.0) < LOWEST]
        if hidden:
            low = {"label": f"{label}, below the axis", "clip_on": False, **fill}
            axes.plot(hidden, [LOWEST] * len(hidden), "v", color=colour, **low)
    axes.set(xscale="log", yscale="log", ylim=(LOWEST, None))


@figure("P3_failure", curve="failure", reads=("P3", "N2", "W1"))
def failure(rows: list[Row]) -> Figure:
    """A panel a degree; what lies below the axis is drawn on it, pointing down."""
    degrees = grouped(rows, "degree")
    width = 3.35 if len(degrees) == 1 else min(6.9, 2.3 * len(degrees))
    drawn = Figure(figsize=(width, 2.9))
    panels = drawn.subplots(1, len(degrees), sharey=True, squeeze=False)[0]
    for axes, ((degree,), members) in zip(panels, degrees.items(), strict=True):
        panel(axes, members)
        axes.set_title(f"degree {degree}")
        axes.set_xlabel("scale of the inputs (training: 1)")
    panels[0].set_ylabel("mean squared error / that of zero")
    below(drawn, ncols=3 if len(degrees) > 1 else 2)
    return drawn
