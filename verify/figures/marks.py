"""What the figures share: fields of rows, the looks of predictors, theory lines, error bars."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from verify.figures import FigureError
from verify.rows import Row

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#000000", "#707070"
Style = dict[str, Any]
CERTIFIED: Style = {"color": BLACK, "linestyle": "-", "linewidth": 1.2, "zorder": 3}
PREDICTED: Style = {"color": GREY, "linestyle": "--", "linewidth": 1.2, "zorder": 3}
OPEN: Style = {"markerfacecolor": "none"}
# (marker, colour): distinct in grey by shape
PREDICTORS = {
    "model": ("o", BLUE),
    "equivariant": ("s", GREEN),
    "least-squares": ("v", PURPLE),
    "1-nn": ("^", ORANGE),
    "3-nn": ("<", ORANGE),
    "zero": ("x", GREY),
}
# looks of predictors that are not listed, none of them a shape of the list
OTHERS = [("D", VERMILION), ("P", SKY), ("h", BLUE), ("*", GREEN)]
CYCLE = [("o", BLUE), ("s", GREEN), ("^", VERMILION), ("D", PURPLE), ("v", ORANGE), ("P", SKY)]


def at(row: Row, name: str) -> Any:
    """row.at[name].

    Raises:
        FigureError: the row has no such coordinate.
    """
    if name not in row.at:
        curve = row.at.get("curve")
        raise FigureError(
            f"curve {curve}, row of {row.id} on {row.model or 'no model'}: at lacks {name!r}"
        )
    return row.at[name]


def attained(row: Row) -> float:
    """What was measured; a row of a curve without it is an error."""
    if row.attained is None:
        raise FigureError(f"curve {row.at.get('curve')}, row of {row.id}: attained is missing")
    return row.attained


def grouped(rows: Iterable[Row], *names: str) -> dict[tuple, list[Row]]:
    """Rows by the values of coordinates, groups in sorted order, file order inside."""

    def key(row: Row) -> tuple:
        return tuple(at(row, name) for name in names)

    ordered = sorted(rows, key=lambda row: tuple(map(str, key(row))))
    groups = {k: list(v) for k, v in groupby(ordered, key=key)}
    return dict(sorted(groups.items(), key=lambda item: tuple(map(sortable, item[0]))))


def sortable(value: Any) -> tuple:
    """Numbers by size, then words."""
    return (0, value, "") if isinstance(value, int | float) else (1, 0, str(value))


def of_one_model(rows: Sequence[Row]) -> tuple[str, list[Row]]:
    """The first model of the reference architecture ("small-..."), else the first; its rows."""
    names = list(dict.fromkeys(row.model for row in rows))
    name = next((name for name in names if name.startswith("small")), names[0])
    return name, [row for row in rows if row.model == name]


def look(predictor: str, index: int = 0) -> tuple[str, str]:
    """(marker, colour) of a predictor; ``index`` tells unlisted ones apart."""
    if predictor.startswith("equivariant"):
        return PREDICTORS["equivariant"]
    return PREDICTORS.get(predictor, OTHERS[index % len(OTHERS)])


def beside(index: int, count: int, width: float) -> float:
    """Where the ``index``-th of ``count`` marks stands in a column, off its middle."""
    return width * (index - (count - 1) / 2) / count


def with_bars(axes: Axes, rows: Sequence[Row], coordinate: str, **style: Any) -> None:
    """Markers, and the interval [low, high] where the rows have one; never a line."""
    rows = sorted(rows, key=lambda row: at(row, coordinate))
    x, y = [at(row, coordinate) for row in rows], [attained(row) for row in rows]
    shape: Style = {"linestyle": "none"} | style
    axes.plot(x, y, **shape)
    ends = [(at(r, coordinate), r.at["low"], r.at["high"]) for r in rows if "low" in r.at]
    if ends:
        axes.vlines(*zip(*ends, strict=True), colors=style.get("color"), linewidth=0.8)


def theory_line(
    axes: Axes, rows: Sequence[Row], coordinate: str, style: dict, label: str, name: str = ""
) -> None:
    """The bound (or at[name]) as a line over a coordinate, where it is there."""
    drawn = ((at(row, coordinate), row.at.get(name) if name else row.bound) for row in rows)
    points = sorted((x, y) for x, y in drawn if y is not None)
    if points:
        axes.plot(*zip(*points, strict=True), label=label, **style)


def below(figure: Figure, ncols: int = 2) -> None:
    """One legend for all panels, under them, where it hides no point; theory first."""
    entries = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    ordered = sorted(entries, key=lambda label: not drawn_as_line(entries[label]))
    handles = [entries[label] for label in ordered]
    figure.legend(handles, ordered, loc="outside lower center", ncols=ncols)


def drawn_as_line(artist: Any) -> bool:
    """Theory is a line, measurement is not."""
    return isinstance(artist, Line2D) and artist.get_linestyle() != "None"


def decades(axis: Axis) -> None:
    """Ticks 0.1, 0.2, 0.5, 1 on a log axis that spans little, without a crowd of powers."""
    axis.set_major_locator(LogLocator(10, (1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
