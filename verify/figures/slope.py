"""N5: the slope in the query dies like 1/x²."""

from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import (
    CERTIFIED,
    OPEN,
    VERMILION,
    below,
    of_one_model,
    theory_line,
    with_bars,
)
from verify.rows import Row


@figure("N5_slope", curve="slope", reads=("N5",))
def slope(rows: list[Row]) -> Figure:
    """Largest |dy/dx_q| found, under the certified one."""
    model, rows = of_one_model(rows)
    drawn = Figure(figsize=(3.35, 2.5))
    axes = drawn.subplots()
    theory_line(axes, rows, "x", CERTIFIED, "certified (N5)")
    label = "largest slope found by ascent"
    with_bars(axes, rows, "x", marker="^", color=VERMILION, label=label, **OPEN)
    axes.set(xscale="log", yscale="log", xlabel="query x", ylabel="|dy/dx| (units of f per unit x)")
    axes.set_title(f"model {model}")
    below(drawn)
    return drawn
