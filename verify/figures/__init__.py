"""Figures as pure functions of rows: theory is a line, measurement is a marker, ids in the legend.

    @figure("P3_failure", curve="failure", reads=("P3",))
    def failure(rows: list[Row]) -> Figure: ...

One figure a file of this package. It gets the rows of its curve (``series`` rows that say
``at["curve"] == curve``, no mutants) and nothing else, so the same rows give the same bytes.
"""

import importlib
import io
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import matplotlib.style
from matplotlib.figure import Figure

from verify.rows import ROOT, Row

STYLE = ROOT / "paper" / "icl.mplstyle"
Draw = Callable[[list[Row]], Figure]
Choose = Callable[[Sequence[Row]], list[Row]]


class FigureError(Exception):
    """A row does not say what its curve needs; the message names the row and the field."""


@dataclass(frozen=True)
class Drawing:
    """A registered figure: ``reads`` are the theorems or claims whose rows it shows.

    ``choose`` finds them among all rows; without it they are the points of ``curve``.
    """

    name: str
    curve: str
    reads: tuple[str, ...]
    draw: Draw
    path: Path
    choose: Choose | None = None

    def rows(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that this figure shows, in file order."""
        return self.choose(rows) if self.choose else points_of(rows, self.curve)


def points_of(rows: Sequence[Row], curve: str) -> list[Row]:
    """The points of a curve, in file order; mutants are none."""
    return [r for r in rows if r.series and not r.mutant and r.at.get("curve") == curve]


def figure(
    name: str, *, curve: str, reads: tuple[str, ...], choose: Choose | None = None
) -> Callable[[Draw], Draw]:
    """Register a function from rows to a Figure under the name of its file."""

    def register(function: Draw) -> Draw:
        path = Path(function.__code__.co_filename)
        function.drawing = Drawing(name, curve, reads, function, path, choose)  # type: ignore[attr-defined]
        return function

    return register


@cache
def drawings() -> dict[str, Drawing]:
    """Every figure of the package by name."""
    import verify.figures as package

    found: dict[str, Drawing] = {}
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith("__"):
            continue
        for value in vars(importlib.import_module(f"{package.__name__}.{info.name}")).values():
            drawing = getattr(value, "drawing", None)
            if isinstance(drawing, Drawing):
                if found.setdefault(drawing.name, drawing) is not drawing:
                    raise FigureError(f"two figures are called {drawing.name}")
    return dict(sorted(found.items()))


def draw(drawing: Drawing, rows: Sequence[Row]) -> Figure:
    """The Figure of these rows (already chosen by ``drawing.rows``), in the one style."""
    with matplotlib.style.context(STYLE):
        return drawing.draw(list(rows))


def render(drawing: Drawing, rows: Sequence[Row], kind: str = "svg", dpi: int = 200) -> bytes:
    """The figure as SVG or PNG; the same bytes for the same rows."""
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with matplotlib.style.context(STYLE):
        drawn, out = drawing.draw(list(rows)), io.BytesIO()
        drawn.savefig(out, format=kind, dpi=dpi, metadata=metadata)
    return out.getvalue()
