"""S4: the largest attention weight against the length of the prompt."""

from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import (
    CERTIFIED,
    CYCLE,
    OPEN,
    PREDICTED,
    at,
    below,
    decades,
    grouped,
    of_one_model,
    theory_line,
    with_bars,
)
from verify.rows import Row


@figure("S4_dispersion", curve="dispersion", reads=("S4",))
def dispersion(rows: list[Row]) -> Figure:
    """A panel a layer, a marker a head; the bound is a line, the even weight 1/n a dashed one."""
    model, rows = of_one_model(rows)
    layers = grouped(rows, "layer")
    drawn = Figure(figsize=(min(6.9, max(3.35, 2.0 * len(layers))), 2.6))
    panels = drawn.subplots(1, len(layers), sharey=True, squeeze=False)[0]
    for axes, ((layer,), members) in zip(panels, layers.items(), strict=True):
        for (head,), mine in grouped(members, "head").items():
            marker, colour = CYCLE[int(head) % len(CYCLE)]
            theory_line(axes, mine, "n", CERTIFIED, "bound of each head (S4)")
            style = {"marker": marker, "color": colour, "label": f"largest seen, head {head}"}
            with_bars(axes, mine, "n", **style, **OPEN)
        tokens = sorted({at(row, "n") for row in members})
        axes.plot(tokens, [1 / n for n in tokens], label="even weights 1/n", **PREDICTED)
        axes.set(xscale="log", ylim=(0, 1.05), xlabel="visible tokens n")
        decades(axes.xaxis)
        axes.set_title(f"layer {layer}" + (f", model {model}" if axes is panels[0] else ""))
    panels[0].set_ylabel("largest attention weight")
    below(drawn, ncols=3 if len(layers) > 1 else 2)
    return drawn
