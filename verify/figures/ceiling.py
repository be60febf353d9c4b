"""L2: what models can be made to say, in units of their certified ceiling."""

import re

from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import (
    BLUE,
    CERTIFIED,
    GREEN,
    OPEN,
    VERMILION,
    at,
    attained,
    below,
    beside,
)
from verify.rows import Row

LOOKS = {
    "sampled": ("o", BLUE, "sampled prompts"),
    "attacked": ("^", VERMILION, "gradient ascent over prompts"),
    "witness": ("x", GREEN, "residual of the witness"),
}


def ends(rows: list[Row], model: str) -> tuple[float, float]:
    """The certified interval of one model."""
    mine = [row for row in rows if row.model == model and row.bound is not None]
    return tuple(  # type: ignore[return-value]
        next(row.bound for row in mine if str(at(row, "kind")).endswith(end))
        for end in ("low", "high")
    )


def places(models: list[str]) -> dict[str, tuple[int, float]]:
    """Model -> its column and its place there: seeds of a kind (NAME-0, NAME-1) share a column."""
    kinds: dict[str, list[str]] = {}
    for model in sorted(models):
        kinds.setdefault(kind_of(model), []).append(model)
    return {
        model: (column, beside(index, len(seeds), 0.6))
        for column, seeds in enumerate(kinds.values())
        for index, model in enumerate(seeds)
    }


def kind_of(model: str) -> str:
    """A model's name without its seed."""
    return re.sub(r"-\d+$", "", model)


@figure("L2_ceiling", curve="ceiling", reads=("L2",))
def ceiling(rows: list[Row]) -> Figure:
    """A column a kind of model, its seeds side by side; -1 and 1 the ends of the ceiling."""
    found = places(list({str(row.model) for row in rows}))
    kinds = list(dict.fromkeys(kind_of(model) for model in found))
    drawn = Figure(figsize=(3.35 if len(kinds) <= 8 else 6.7, 2.9))
    axes = drawn.subplots()
    for end in (-1, 1):
        axes.axhline(end, label="certified ceiling (L2)", **CERTIFIED)
    for model, (column, aside) in found.items():
        low, high = ends(rows, model)
        for row in (row for row in rows if row.model == model):
            marker, colour, label = LOOKS[str(at(row, "kind")).split()[0]]
            height = (2 * attained(row) - low - high) / (high - low)
            fill = {} if marker == "x" else OPEN
            axes.plot(column + aside, height, marker, color=colour, label=label, **fill)
    axes.set_xticks(range(len(kinds)), kinds, rotation=40, ha="right", rotation_mode="anchor")
    axes.set(ylabel="(prediction − c) / R", ylim=(-1.15, 1.15), xlim=(-0.6, len(kinds) - 0.4))
    below(drawn)
    return drawn
