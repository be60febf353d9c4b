"""N2: far away the prediction is one number for each sign of the query."""

import numpy as np
from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import (
    BLUE,
    CERTIFIED,
    OPEN,
    PREDICTED,
    VERMILION,
    at,
    attained,
    below,
    of_one_model,
)
from verify.rows import Row


@figure("N2_plateau", curve="plateau", reads=("N2",))
def plateau(rows: list[Row]) -> Figure:
    """Extreme predictions over contexts as markers, the certified cap and its limit as lines."""
    model, rows = of_one_model(rows)
    drawn = Figure(figsize=(3.35, 2.7))
    axes = drawn.subplots()
    for sign, colour, marker in ((1, BLUE, "o"), (-1, VERMILION, "s")):
        mine = sorted((r for r in rows if at(r, "x") * sign > 0), key=lambda r: abs(at(r, "x")))
        if not mine:
            continue
        x = np.array([abs(at(row, "x")) for row in mine])
        for end in ("band_low", "band_high"):
            band = [at(row, end) for row in mine]
            axes.plot(x, band, label="certified cap (N2)", **CERTIFIED)
        limits = [(abs(at(r, "x")), r.bound) for r in mine if r.bound is not None]
        axes.plot(*zip(*limits, strict=True), label="limit y∞ (five vectors)", **PREDICTED)
        label = f"extremes over contexts, x {'>' if sign > 0 else '<'} 0"
        axes.plot(x, [attained(row) for row in mine], marker, color=colour, label=label, **OPEN)
    axes.set(xscale="log", xlabel="size of the query |x|", ylabel="prediction y (units of f)")
    axes.set_title(f"model {model}")
    below(drawn)
    return drawn
