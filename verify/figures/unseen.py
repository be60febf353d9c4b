"""C-unseen: degrees that training never showed."""

from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import (
    PREDICTED,
    at,
    below,
    decades,
    grouped,
    look,
    theory_line,
    with_bars,
)
from verify.rows import Row


@figure("C-unseen", curve="unseen", reads=("C-unseen",))
def unseen(rows: list[Row]) -> Figure:
    """Filled: a degree that was trained on; open: one that was not; dashed: the baseline."""
    drawn = Figure(figsize=(3.35, 2.7))
    axes = drawn.subplots()
    predictors = grouped(rows, "predictor")
    for index, ((predictor,), members) in enumerate(predictors.items()):
        marker, colour = look(predictor, index)
        for trained in (True, False):
            mine = [row for row in members if bool(at(row, "trained")) is trained]
            if not mine:
                continue
            face = colour if trained else "none"
            seen = "trained" if trained else "unseen"
            label = f"{predictor}, {seen} degree" if predictor == "model" else predictor
            style = {"marker": marker, "color": colour, "markerfacecolor": face}
            with_bars(axes, mine, "degree", label=label, **style)
        theory_line(axes, members, "degree", PREDICTED, "nearest neighbour (baseline)")
    axes.set(yscale="log", xlabel="degree of the test polynomials")
    decades(axes.yaxis)
    axes.set_xticks(sorted({at(row, "degree") for row in rows}))
    axes.set_ylabel("mean squared error / that of zero")
    below(drawn)
    return drawn
