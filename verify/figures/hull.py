"""S3: the outputs that an attention head can reach, inside the hull of its values."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import BLACK, BLUE, CERTIFIED, VERMILION, Style, at, below
from verify.rows import Row

Point = tuple[float, float]
HULL: Style = {"color": "#b8b8b8", "linestyle": "-", "linewidth": 3.5, "zorder": 2}
FACED: Style = {"markerfacecolor": "white", "markersize": 4.5}
STAR: Style = {"markersize": 9, "zorder": 6, "markeredgecolor": "white", "markeredgewidth": 0.6}


def points(rows: list[Row], kind: str) -> list[Point]:
    """(u, v) of the rows of one kind, in the order of their index."""
    mine = sorted((r for r in rows if at(r, "kind") == kind), key=lambda r: at(r, "index"))
    return [(at(row, "u"), at(row, "v")) for row in mine]


def convex_hull(cloud: list[Point]) -> list[Point]:
    """Corners of the convex hull, anticlockwise (monotone chain)."""

    def chain(ordered: list[Point]) -> list[Point]:
        kept: list[Point] = []
        for p in ordered:
            while len(kept) > 1 and turn(kept[-2], kept[-1], p) <= 0:
                kept.pop()
            kept.append(p)
        return kept[:-1]

    ordered = sorted(set(cloud))
    return chain(ordered) + chain(ordered[::-1]) if len(ordered) > 2 else ordered


def turn(a: Point, b: Point, c: Point) -> float:
    """Twice the signed area of the triangle a b c."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def closed(axes: Axes, corners: list[Point], style: dict, label: str) -> None:
    """A polygon as a line."""
    if corners:
        axes.plot(*zip(*corners, corners[0], strict=True), label=label, **style)


def named(row: Row) -> str:
    """Which model, and which of its heads where the row says it (counted from 1)."""
    if not row.model:
        return "made-up values"
    heads = [f", {part} {row.at[part] + 1}" for part in ("layer", "head") if part in row.at]
    return f"model {row.model}{''.join(heads)}"


@figure("S3_hull", curve="hull", reads=("S2", "S3"))
def hull(rows: list[Row]) -> Figure:
    """Hull of the values, the part that the head's score range lets it reach, its output."""
    drawn = Figure(figsize=(3.35, 3.1))
    axes = drawn.subplots()
    values = points(rows, "value")
    delta = rows[0].at.get("delta")
    name = "reachable (S3)" if delta is None else f"reachable at score range {delta:.3g} (S3)"
    # wide and pale: still seen where what is reachable fills the hull
    closed(axes, convex_hull(values), HULL, "hull of the values (S2)")
    closed(axes, points(rows, "reachable"), CERTIFIED, name)
    axes.plot(*zip(*values, strict=True), "s", color=BLACK, label="values", zorder=4, **FACED)
    mean = [sum(c) / len(values) for c in zip(*values, strict=True)]
    axes.plot(*mean, "+", color=VERMILION, markersize=7, zorder=5, label="mean of the values")
    if seen := points(rows, "output"):
        axes.plot(*zip(*seen, strict=True), "*", color=BLUE, label="output seen", **STAR)
    axes.set(xlabel="values along direction u", ylabel="along direction v")
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.1)
    axes.set_title(named(rows[0]))
    below(drawn)
    return drawn
