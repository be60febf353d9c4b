"""S3: the outputs that an attention head can reach, inside the hull of its values."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from verify.figures import figure
from verify.figures.marks import BLUE, CERTIFIED, GREY, OPEN, PREDICTED, VERMILION, at, below
from verify.rows import Row

Point = tuple[float, float]


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


@figure("S3_hull", curve="hull", reads=("S2", "S3"))
def hull(rows: list[Row]) -> Figure:
    """Hull of the values, the polygon certified for the head's score range, outputs seen."""
    drawn = Figure(figsize=(3.35, 3.1))
    axes = drawn.subplots()
    values = points(rows, "value")
    delta = rows[0].at.get("delta")
    name = "reachable (S3)" if delta is None else f"reachable at score range {delta:.3g} (S3)"
    closed(axes, convex_hull(values), PREDICTED, "hull of the values (S2)")
    closed(axes, points(rows, "reachable"), CERTIFIED, name)
    axes.plot(*zip(*values, strict=True), "s", color=GREY, label="values", **OPEN)
    if seen := points(rows, "output"):
        axes.plot(*zip(*seen, strict=True), ".", color=BLUE, label="outputs seen", markersize=2.5)
    mean = [sum(c) / len(values) for c in zip(*values, strict=True)]
    axes.plot(*mean, "+", color=VERMILION, markersize=6, label="mean of the values")
    axes.set(xlabel="values along direction u", ylabel="along direction v")
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_title(f"model {rows[0].model}" if rows[0].model else "made-up values")
    below(drawn)
    return drawn
