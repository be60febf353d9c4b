"""C-speed: training speed beside the reference loop and the physical limit."""

from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import BLUE, CERTIFIED, GREY, OPEN, at, attained, below, grouped
from verify.rows import Row


@figure("C-speed", curve="speed", reads=("C-speed",))
def speed(rows: list[Row]) -> Figure:
    """A line a setting: reference and ours as markers, the limit as a bar across."""
    settings = list(grouped(rows, "what").items())
    drawn = Figure(figsize=(4.6, 1.0 + 0.28 * len(settings)))
    axes = drawn.subplots()
    for height, ((_what,), members) in enumerate(settings):
        for row in members:
            variant, value = at(row, "variant"), attained(row)
            if variant == "limit":
                axes.plot([value] * 2, [height - 0.35, height + 0.35], label="limit", **CERTIFIED)
            elif variant == "ours":
                axes.plot(value, height, "o", color=BLUE, label="this work")
            else:
                axes.plot(value, height, "s", color=GREY, label=variant, **OPEN)
    axes.set_yticks(range(len(settings)), [what for (what,), _ in settings])
    axes.set(xscale="log", xlabel="prompts trained on per second", ylim=(len(settings) - 0.5, -0.5))
    axes.grid(axis="y", color="#dddddd", linewidth=0.5)
    below(drawn, ncols=3)
    return drawn
