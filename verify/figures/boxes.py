"""C-boxes: what is certified on boxes around a prompt, beside interval propagation and CROWN."""

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
    grouped,
    theory_line,
)
from verify.rows import Row

LINES = {
    "ours": ("this work", CERTIFIED),
    "intervals": ("interval propagation and the ceiling", PREDICTED),
    "auto_LiRPA CROWN": (
        "auto_LiRPA, CROWN",
        {"color": VERMILION, "linestyle": ":", "linewidth": 1.6, "zorder": 4},
    ),
}


@figure("C-boxes", curve="boxes", reads=("C-boxes",))
def boxes(rows: list[Row]) -> Figure:
    """A panel a model: width of the prediction against the radius of the box, short prompts."""
    rows = [row for row in rows if "radius" in row.at]
    shortest = min((at(row, "points") for row in rows), default=0)
    models: dict[str, list[Row]] = {}
    for row in rows:
        if at(row, "points") == shortest:
            models.setdefault(row.model, []).append(row)
    drawn = Figure(figsize=(4.6, 1.0 + 1.9 * -(-len(models) // 2)))
    panels = drawn.subplots(-(-len(models) // 2), 2, sharex=True, squeeze=False).flat
    for axes, (model, members) in zip(panels, models.items(), strict=False):
        for (variant,), of_one in grouped(members, "variant").items():
            if variant in LINES:
                label, style = LINES[variant]
                theory_line(axes, of_one, "radius", dict(style), label)
        reached = {at(row, "radius"): attained(row) for row in members}
        axes.plot(list(reached), list(reached.values()), "o", color=BLUE,
                  label="reached by prompts of the box", **OPEN)  # fmt: skip
        axes.set(xscale="log", yscale="log", title=model)
    for axes in list(drawn.axes)[len(models) :]:
        axes.remove()
    for axes in drawn.axes[-2:]:
        axes.set(xlabel="radius of the box")
    for axes in drawn.axes[::2]:
        axes.set(ylabel="width of the prediction")
    below(drawn, ncols=2)
    return drawn
