"""The page on a phone and on a desk: nothing overflows or is cut, sliders say where they stand."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

from tests.example_rows import example_rows
from tests.verify.tiny import tiny_checkpoint
from verify.formats import recognise
from verify.report import SLIDERS, report
from verify.table import summaries

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
PHONE, DESK = 390, 1280
# Chromium's own window is never narrower than 500: the page is put into a frame, and tells it
FRAME = """<!doctype html><body><iframe src="page.html" style="border:0;width:{}px;height:844px">
</iframe><pre id="told"></pre><script>
onmessage = (e) => {{ document.getElementById("told").textContent = e.data; }};
</script></body>"""
PROBE = """<script>setTimeout(() => {
  document.querySelectorAll("details").forEach((e) => { e.open = true; });
  const wide = [...document.body.querySelectorAll("*")].filter((e) => {
    const box = e.getBoundingClientRect();
    return box.width > 0 && box.right > innerWidth + 0.5 && !e.parentElement.closest(".scroll");
  }).map((e) => e.tagName + "." + e.className);
  const cells = [...document.querySelectorAll("td")];
  const cut = cells.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent);
  const table = document.querySelector("table").parentElement;
  const state = () => Object.fromEntries([...document.querySelectorAll("input")].map((e) => [e.id, {
    label: e.labels[0].textContent, labels: e.labels.length,
    shown: document.querySelector(`output[for=${e.id}]`).textContent,
    spoken: e.getAttribute("aria-valuetext") }]));
  const move = (id, to) => {
    const e = document.getElementById(id);
    e.value = to;
    e.dispatchEvent(new Event("input"));
  };
  const before = state();
  move("query", 1);
  move("scale", 3);
  const canvas = document.getElementById("plot"), ink = canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v);
  parent.postMessage(JSON.stringify({ inner: innerWidth, all: document.documentElement.scrollWidth,
    wide, cut, table: table.scrollWidth - table.clientWidth, ink,
    canvas: canvas.getBoundingClientRect().width, before, after: state(),
    said: document.getElementById("said").textContent }), "*");
}, 300);</script></body>"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Width -> what the page tells of itself, and the page."""
    folder = tmp_path_factory.mktemp("page")
    found = recognise(tiny_checkpoint(folder))
    curves = ("extreme", "slope")
    rows = [r for r in example_rows() if not r.series or r.at.get("curve") in curves]
    title, about = f"What {found.short_path} cannot do", f"{found.format}: {found.description}."
    text = report(rows, found.subject, title, "python -m verify " + "long/" * 30, about)
    (folder / "page.html").write_text(text.replace("</body>", PROBE))
    return {width: told(folder, width) for width in (PHONE, DESK)} | {0: text}


def told(folder, width: int) -> dict:
    """What the page says in a frame of this width."""
    (folder / "frame.html").write_text(FRAME.format(width))
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000")
    command = [str(CHROMIUM), *flags, "--window-size=1400,900", "--dump-dom"]
    command.append((folder / "frame.html").as_uri())
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    match = re.search(r'<pre id="told">(.+?)</pre>', done.stdout, re.DOTALL)
    assert match, "the page's script did not run"
    return json.loads(unescape(match[1]))


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_is_wider_than_the_screen_or_cut(pages, width):
    page = pages[width]
    assert page["inner"] == width and page["all"] <= width, page["wide"]
    assert page["wide"] == [] and page["cut"] == []


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_table_needs_no_scrolling_and_the_plot_fits(pages, width):
    page = pages[width]
    assert page["table"] <= 0
    assert width / 2 < page["canvas"] <= width and page["ink"]


def test_a_wide_figure_scrolls_in_a_box_of_its_own(pages):
    images = re.findall(r'<div class="scroll"[^>]*><img( class="wide")? alt="(\w+)"', pages[0])
    assert {name: bool(mark) for mark, name in images} == {
        "G3_extreme": True,
        "N5_slope": False,
        "tightness": False,
    }


def test_every_slider_has_a_label_and_says_where_it_stands(pages):
    before, after = pages[PHONE]["before"], pages[PHONE]["after"]
    assert set(before) == {slider[0] for slider in SLIDERS}
    for id_, slider in before.items():
        assert slider["labels"] == 1 and slider["label"], id_
        assert slider["shown"] and slider["shown"] == slider["spoken"], id_
    assert before["query"]["shown"] == "x_q = 5.97" and after["query"]["shown"] == "x_q = 3000"
    assert before["scale"]["shown"] == "inputs in ±3.98"
    assert after["scale"]["shown"] == after["scale"]["spoken"] == "inputs in ±1000"
    assert before["points"]["shown"] == "2 pairs (x, y)" and before["c1"]["shown"] == "0.8 x"
    assert pages[PHONE]["said"].startswith("At x_q = 3000 the model says ")


def test_the_title_names_the_run_and_the_page_says_what_it_is(pages):
    assert re.search(r"<h1>What page\d+/tiny.safetensors cannot do</h1>", pages[0])
    assert "icl-limits checkpoint: &#39;tiny&#39;, 2 layers" in pages[0]
    assert "step 0 of" in pages[0]


def test_every_bound_shows_its_side(pages):
    shown = re.findall(r'data-name="proved to be">([^<]*)<', pages[0])
    rows = [entry.row for entry in summaries(example_rows())]
    assert len(shown) == len(rows)
    signs = [unescape(cell).split()[0] for cell, row in zip(shown, rows, strict=True) if row.must]
    assert signs and set(signs) <= {"≤", "≥", "="}
