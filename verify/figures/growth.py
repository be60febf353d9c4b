"""G5: the 2 x 2 of LayerNorm and softmax, growth predicted from weights and measured."""

from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import (
    CERTIFIED,
    CYCLE,
    OPEN,
    PREDICTED,
    at,
    attained,
    below,
    beside,
    grouped,
)
from verify.rows import Row

CELLS = ("layernorm x softmax", "layernorm x linear", "none x softmax", "none x linear")
LOOKS = dict(zip(CELLS, CYCLE, strict=False))


def short(cell: str) -> str:
    """ "layernorm x softmax" as "LN, softmax"."""
    norm, score = cell.split(" x ")
    return f"{'LN' if norm == 'layernorm' else 'no LN'}, {score}"


def curves(axes, rows: list[Row]) -> None:
    """|y(tz)| against t, one seed a cell, with a line of the predicted slope through the last."""
    for (cell,), members in grouped(rows, "cell").items():
        first = [row for row in members if row.seed == members[0].seed]
        first.sort(key=lambda row: at(row, "t"))
        marker, colour = LOOKS[cell]
        t, y = [at(row, "t") for row in first], [attained(row) for row in first]
        axes.plot(t, y, marker, color=colour, label=short(cell), **OPEN)
        axes.plot(t, [row.bound for row in first], label="predicted growth (G1)", **PREDICTED)
    axes.set(xscale="log", yscale="log", xlabel="scale t of the whole prompt", ylabel="|y(t z)|")


def exponents(axes, rows: list[Row]) -> None:
    """Fitted exponents of all seeds beside the predicted degree."""
    for column, cell in enumerate(CELLS):
        marker, colour = LOOKS[cell]
        mine = [row for row in rows if at(row, "cell") == cell]
        for index, row in enumerate(mine):
            place = column + beside(index, len(mine), 0.3)
            axes.plot(place, attained(row), marker, color=colour, **OPEN)
        for degree in {row.bound for row in mine if row.bound is not None}:
            axes.plot([column - 0.35, column + 0.35], [degree] * 2, **CERTIFIED)
    axes.plot([], [], label="predicted degree (G5)", **CERTIFIED)
    ticks = [short(cell).replace(", ", "\n") for cell in CELLS]
    axes.set_xticks(range(len(CELLS)), ticks)
    axes.set(ylabel="growth exponent", xlim=(-0.6, len(CELLS) - 0.4))
    axes.set_yscale("symlog", linthresh=1)
    axes.set_yticks([0, 1, 3, 9, 27], ["0", "1", "3", "9", "27"])


@figure("G5_growth", curve="growth", reads=("G1", "G5"))
def growth(rows: list[Row]) -> Figure:
    """Left: one seed a cell. Right: every seed."""
    drawn = Figure(figsize=(6.7, 2.7))
    left, right = drawn.subplots(1, 2)
    curves(left, [row for row in rows if at(row, "kind") == "prediction"])
    exponents(right, [row for row in rows if at(row, "kind") == "exponent"])
    below(drawn, ncols=3)
    return drawn
