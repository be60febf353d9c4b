"""N4: as one value in the prompt grows, the prediction tends to a limit."""

from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import BLUE, CERTIFIED, OPEN, below, of_one_model, theory_line, with_bars
from verify.rows import Row


@figure("N4_saturation", curve="saturation", reads=("N4",))
def saturation(rows: list[Row]) -> Figure:
    """Largest distance to the limit over prompts, under the certified one."""
    model, rows = of_one_model(rows)
    drawn = Figure(figsize=(3.35, 2.5))
    axes = drawn.subplots()
    theory_line(axes, rows, "size", CERTIFIED, "certified (N4)")
    label = "largest distance over prompts"
    with_bars(axes, rows, "size", marker="o", color=BLUE, label=label, **OPEN)
    axes.set(xscale="log", yscale="log", xlabel="size of one value |y_k|")
    axes.set_ylabel("distance of y to its limit")
    axes.set_title(f"model {model}")
    below(drawn)
    return drawn
