"""P3: error over the scale of the inputs and of the function: model, floor, least squares."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import at, attained, grouped, of_one_model
from verify.rows import Row

KINDS = ("model", "floor", "least-squares")
LOWEST = 1e-4


def matrix(rows: list[Row], scales_x: list[float], scales_f: list[float]) -> np.ndarray:
    """Values with sigma_f down the rows and sigma_x along the columns; NaN where none is."""
    grid = np.full((len(scales_f), len(scales_x)), np.nan)
    for row in rows:
        j, i = scales_x.index(at(row, "sigma_x")), scales_f.index(at(row, "sigma_f"))
        grid[i, j] = max(attained(row), LOWEST)
    return grid


@figure("P3_heat", curve="heat", reads=("P3",))
def heat(rows: list[Row]) -> Figure:
    """One colour scale for the three maps; the least and the largest value are written in."""
    model, rows = of_one_model(rows)
    groups = {kind: members for (kind,), members in grouped(rows, "kind").items()}
    kinds = [kind for kind in KINDS if kind in groups]
    scales_x = sorted({at(row, "sigma_x") for row in rows})
    scales_f = sorted({at(row, "sigma_f") for row in rows})
    drawn = Figure(figsize=(6.7, 2.5))
    panels = drawn.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    top = max(attained(row) for row in rows)
    norm = LogNorm(LOWEST, max(top, 10 * LOWEST))
    image = None
    for axes, kind in zip(panels, kinds, strict=True):
        grid = matrix(groups[kind], scales_x, scales_f)
        image = axes.imshow(grid, origin="lower", norm=norm, aspect="auto")
        values = [attained(row) for row in groups[kind]]
        name = {"model": f"model {model}", "floor": "certified floor (P3)"}.get(
            kind, "least squares"
        )
        axes.set_title(f"{name}: {min(values):.2g} to {max(values):.2g}")
        step = max(1, len(scales_x) // 6)
        axes.set_xticks(range(0, len(scales_x), step), [f"{s:g}" for s in scales_x[::step]])
        axes.set_xlabel("scale of the inputs $\\sigma_x$")
        axes.spines[:].set_visible(False)
    step = max(1, len(scales_f) // 6)
    panels[0].set_yticks(range(0, len(scales_f), step), [f"{s:g}" for s in scales_f[::step]])
    panels[0].set_ylabel("scale of the coefficients $\\sigma_f$")
    if image is not None:
        drawn.colorbar(image, ax=panels, label="error / that of zero", extend="min", pad=0.01)
    return drawn
