"""Figures are pure functions of rows, and readable: nothing cut, nothing on top of anything."""

import subprocess
import sys
from itertools import combinations

import matplotlib.style
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.text import Text

from tests.example_rows import example_rows, point
from verify.figures import STYLE, FigureError, drawings, render
from verify.figures.__main__ import main
from verify.figures.tightness import LEAST, bounded, shares
from verify.rows import ROOT, Row, write

ROWS = example_rows()
CURVES = """failure ceiling plateau blindness slope saturation hull dispersion growth extreme heat
unseen published tightness equivariant speed boxes""".split()
DRAWINGS = drawings()
# of column width and more, in points
SMALLEST_TYPE = 6.0


@pytest.fixture(scope="module")
def drawn():
    """Every figure, laid out once; the style must be on while ticks are made."""
    found = {}
    with matplotlib.style.context(STYLE):
        for name, drawing in DRAWINGS.items():
            found[name] = drawing.draw(drawing.rows(ROWS))
            FigureCanvasAgg(found[name]).draw()
    return found


def shown(figure):
    """Text that is drawn: ticks outside the view and empty labels are not."""
    ticks = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        for label in (tick.label1, tick.label2)
    }
    inside = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            inside |= {tick.label1 for tick in axis._update_ticks()}
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and (text not in ticks or text in inside):
            yield text


def test_every_figure_of_the_paper_is_there():
    assert sorted(d.curve for d in DRAWINGS.values()) == sorted(CURVES)
    assert len({d.path for d in DRAWINGS.values()}) == len(DRAWINGS)


@pytest.mark.parametrize("name", ["P3_failure", "P3_heat", "S3_hull"])
def test_same_rows_same_bytes(name):
    rows = DRAWINGS[name].rows(ROWS)
    first, second = (render(DRAWINGS[name], rows) for _ in range(2))
    assert first == second
    assert b"<dc:date>" not in first


@pytest.mark.parametrize("name", DRAWINGS)
def test_no_text_is_cut_or_covered(drawn, name):
    figure = drawn[name]
    boxes = [(t.get_text(), t.get_window_extent()) for t in shown(figure)]
    for text, box in boxes:
        assert figure.bbox.x0 - 1 <= box.x0 and box.x1 <= figure.bbox.x1 + 1, text
        assert figure.bbox.y0 - 1 <= box.y0 and box.y1 <= figure.bbox.y1 + 1, text
    for (one, a), (other, b) in combinations(boxes, 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        # rotated labels have boxes larger than their ink
        rotated = name == "L2_ceiling"
        assert min(wide, high) <= (12 if rotated else 2), f"{one!r} on {other!r}"


@pytest.mark.parametrize("name", DRAWINGS)
def test_type_is_large_enough_and_a_claim_is_named(drawn, name):
    texts = list(shown(drawn[name]))
    assert min(t.get_fontsize() for t in texts) >= SMALLEST_TYPE
    ids = [id_ for id_ in DRAWINGS[name].reads if not id_.startswith("C-")]
    words = " ".join(t.get_text() for t in texts)
    assert not ids or any(id_ in words for id_ in ids)
    for axes in drawn[name].axes:
        assert axes.get_xlabel() or axes.get_ylabel() or axes.get_title(), "axes without a name"


@pytest.mark.parametrize("name", DRAWINGS)
def test_theory_is_a_line_and_measurement_a_marker(drawn, name):
    for axes in drawn[name].axes:
        for line in axes.get_lines():
            has_line = line.get_linestyle() not in ("None", "")
            has_marker = line.get_marker() not in ("None", "", None)
            assert has_line != has_marker, line.get_label()


@pytest.mark.parametrize("name", DRAWINGS)
def test_legend_entries_differ_without_colour(drawn, name):
    for legend in drawn[name].legends:
        looks = [
            (h.get_marker(), h.get_linestyle(), h.get_markerfacecolor() == "none", grey(h))
            for h in legend.legend_handles
            if isinstance(h, Line2D)
        ]
        assert len(looks) == len(set(looks)), looks


def grey(handle):
    """Luminance in steps of a fifth: what a printer leaves of a colour."""
    red, green, blue = to_rgb(handle.get_color())
    return round(5 * (0.21 * red + 0.72 * green + 0.07 * blue))


def test_a_missing_field_is_named():
    row = point("failure", "P3", 0.5, 0.4, model="small-0", degree=1, predictor="model")
    message = "curve failure, row of P3 on small-0: at lacks 'scale'"
    with pytest.raises(FigureError, match=message):
        render(DRAWINGS["P3_failure"], [row])


def test_command_line_draws_what_has_rows(tmp_path, capsys):
    rows = [row for row in ROWS if row.at.get("curve") in ("slope", "speed")]
    write(rows, tmp_path / "rows.jsonl")
    out = ["--rows", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "out"), "--png"]
    assert main(out) == 0
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {"N5_slope.svg", "N5_slope.png", "C-speed.svg", "C-speed.png"}
    assert "P3_failure: no rows of curve 'failure'" in capsys.readouterr().out
    assert main(["--rows", str(tmp_path / "none.jsonl")]) == 2


def test_pyplot_and_torch_are_not_loaded():
    code = "import verify.figures, sys; verify.figures.drawings(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not {"matplotlib.pyplot", "torch"} & set(done.stdout.split())


def test_markers_of_one_figure_are_not_joined(drawn):
    lines = [line for line in drawn["P3_failure"].axes[0].get_lines() if isinstance(line, Line2D)]
    assert {"--", "-"} <= {line.get_linestyle() for line in lines}


def bound_row(id_: str, model: str, ratio: float | None, **more) -> Row:
    """An ordinary row of a claim."""
    fields = {"kind": "theorem", "must": "<=", "bound": 1.0, "attained": ratio, "ratio": ratio}
    return Row(id=id_, claim=f"claim of {id_}", model=model, holds=True, **(fields | more))


def test_tightness_takes_every_bound_that_has_a_share():
    rows = [
        bound_row("P2", "a", 0.5, must=">="),
        bound_row("N4", "a", 0.1),
        bound_row("N4", "a", 0.3),
        bound_row("N4", "b", 0.2),
        bound_row("L2", "a", 1.0),
        point("tightness", "L2", 0.7, 1.0, model="a", where="attacked prompts"),
        bound_row("W2", "a", 1.0, must="="),
        bound_row("F2", "a", None),
        bound_row("S1", "a", 0.9, mutant=True),
        bound_row("S2", "a", 0.9, series=True),
        bound_row("C-poly", "", 0.9, kind="empirical"),
        bound_row("S4", "a", 0.9, must=""),
    ]
    # L2's claim says which of its rows measure the certificate; a model counts once, at its best
    expected = {"L2": [0.7], "N4": [0.3, 0.2], "P2": [0.5]}
    assert shares(bounded(rows)) == expected
    assert list(shares(bounded(rows))) == list(expected)


def test_tightness_marks_each_median_and_what_is_off_the_axis():
    ratios = {"a": 0.1, "b": 0.4, "c": 0.5, "d": LEAST / 100}
    rows = [bound_row("N4", model, ratio) for model, ratio in ratios.items()]
    with matplotlib.style.context(STYLE):
        (axes,) = DRAWINGS["tightness"].draw(rows).axes
    lines = {line.get_marker(): np.asarray(line.get_xdata()) for line in axes.get_lines()}
    assert list(lines["o"]) == [0.1, 0.4, 0.5] and list(lines["|"]) == [0.25]
    assert list(lines["<"]) == [LEAST]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["N4"]


def test_the_output_of_a_head_is_seen_over_hull_and_values(drawn):
    (axes,) = drawn["S3_hull"].axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    output = lines["output seen"]
    assert output.get_markersize() >= 6
    others = [line for label, line in lines.items() if label != "output seen"]
    assert output.get_zorder() > max(line.get_zorder() for line in others)
    # where what is reachable fills the hull, both lines are seen
    hull, reachable = lines["hull of the values (S2)"], lines["reachable at score range 2 (S3)"]
    assert hull.get_linewidth() > 2 * reachable.get_linewidth()
