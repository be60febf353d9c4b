"""W1: the same weights with and without the scale equivariant wrapper."""

from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import (
    BLUE,
    GREEN,
    OPEN,
    PREDICTED,
    VERMILION,
    below,
    grouped,
    with_bars,
)
from verify.rows import Row

LOOKS = {
    "plain": ("o", BLUE),
    "wrapped": ("s", GREEN),
    "trained inside": ("D", VERMILION),
}


@figure("W1_equivariant", curve="equivariant", reads=("W1",))
def equivariant(rows: list[Row]) -> Figure:
    """A panel a degree."""
    degrees = grouped(rows, "degree")
    drawn = Figure(figsize=(min(6.9, 3.35 * len(degrees)), 2.7))
    panels = drawn.subplots(1, len(degrees), sharey=True, squeeze=False)[0]
    for axes, ((degree,), members) in zip(panels, degrees.items(), strict=True):
        axes.axhline(1.0, label="zero model", **PREDICTED)
        for (predictor,), mine in grouped(members, "predictor").items():
            marker, colour = LOOKS.get(predictor, ("^", VERMILION))
            label = predictor if predictor == "plain" else f"{predictor} (W1)"
            with_bars(axes, mine, "scale", marker=marker, color=colour, label=label, **OPEN)
        axes.set(xscale="log", yscale="log")
        axes.set_title(f"degree {degree}")
        axes.set_xlabel("scale of the inputs (training: 1)")
    panels[0].set_ylabel("mean squared error / that of zero")
    below(drawn, ncols=4 if len(degrees) > 1 else 2)
    return drawn
