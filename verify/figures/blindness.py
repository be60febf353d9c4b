"""N9, N3: how much the context can still change a far prediction."""

from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import (
    BLUE,
    CERTIFIED,
    OPEN,
    PREDICTED,
    VERMILION,
    at,
    below,
    grouped,
    of_one_model,
    theory_line,
    with_bars,
)
from verify.rows import Row

LOOKS = {
    "attacked": ("^", VERMILION, "spread found by gradient ascent"),
    "sampled": ("o", BLUE, "spread over sampled contexts"),
}


@figure("N9_blindness", curve="blindness", reads=("N3", "N9"))
def blindness(rows: list[Row]) -> Figure:
    """Certified and found spread of the prediction over all contexts, against the query."""
    model, rows = of_one_model(rows)
    drawn = Figure(figsize=(3.35, 2.7))
    axes = drawn.subplots()
    rows = [row for row in rows if at(row, "x") > 0] or rows
    theory_line(axes, rows, "x", PREDICTED, "norm bound (N3)", "norm")
    theory_line(axes, rows, "x", CERTIFIED, "functional bound (N9)")
    for (kind,), members in grouped(rows, "kind").items():
        marker, colour, label = LOOKS[kind]
        with_bars(axes, members, "x", marker=marker, color=colour, label=label, **OPEN)
    axes.set(xscale="log", yscale="log", xlabel="query x", ylabel="spread of y over contexts")
    axes.set_title(f"model {model}")
    below(drawn)
    return drawn
