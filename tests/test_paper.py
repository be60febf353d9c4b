"""The paper: no typed number, every reference resolves, the same bytes from the same rows."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper import build, tables
from paper.typeset import runs
from tests.example_rows import example_rows
from theory.lemmas import LEMMAS
from theory.theorem import Step
from verify.figures import drawings
from verify.measured import MeasurementError, measured_rows
from verify.numbers import VALUES
from verify.rows import ROOT, Row, write
from verify.values import document, rounded

PAPER = ROOT / "paper"
SECTIONS = sorted((PAPER / "sections").glob("*.typ"))
TEXT = {path.name: path.read_text() for path in [*SECTIONS, PAPER / "main.typ"]}
ALL = "\n".join(TEXT.values())
ROWS = example_rows()
LARGEST = 1e300


def run(rows, out: Path) -> str:
    """One build of these rows into a folder; what it printed."""
    write(rows, out / "rows.jsonl")
    options = ["--out", str(out), "--measured", str(out / "none")]
    assert build.main(["--rows", str(out / "rows.jsonl"), *options]) == 0
    return (out / "paper.html").read_text()


def drawn(drawing, rows) -> bytes:
    """A picture that costs nothing and still depends on the rows; real ones: test_figures."""
    height = 100 + sum(row.attained or 0.0 for row in rows) % 100
    frame = f'<rect width="240" height="{height:.6g}" fill="#eee"/>'
    size = 'width="240pt" height="200pt" viewBox="0 0 240 200"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{frame}</svg>'.encode()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A build of the example rows. Steps are decided in tests/theory; here they count as proved."""
    out = tmp_path_factory.mktemp("paper")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "render", drawn)
        patch.setattr(Step, "proved", property(lambda step: True))
        patch.setattr(Step, "refuses_mutant", property(lambda step: True))
        run(ROWS, out)
        yield out


@pytest.fixture
def again(built, tmp_path):
    """A copy of that build, to build on."""
    shutil.copytree(built, tmp_path / "again")
    return tmp_path / "again"


def prose(source: str) -> str:
    """What a reader reads as text: no code, names, citations, listings; digits there are typed.

    The rule. Digits may stand in: ids of theorems (L2), labels and citations (@naim2025), names of
    values and figures, code in backticks, comments, and formulas, where a single digit is part of
    the mathematics (x^2) but a decimal point or two digits are not.
    """
    formulas = re.findall(r"\$[^$]*\$", source)
    assert not [f for f in formulas if re.search(r"\d\.\d|\d\d", f)], "a number in a formula"
    for pattern in (
        r"(?s)```.*?```",
        r"//[^\n]*",
        r"`[^`]*`",
        r"\$[^$]*\$",
        r"(?s)#sheet\(.*?\n\)\n",
        r"(?s)#let .*?\n\n",
        r"#import[^\n]*",
        r"#(?:v|theorem|fig)\(\"[^\"]*\"",
        r"\bfig\(\"[^\"]*\"",
        r"<[\w-]+>",
        r"@[\w-]+",
        r"\b[LSNGWPF]\d\b",
        r"\bfloat32\b",
    ):
        source = re.sub(pattern, " ", source)
    return source


@pytest.mark.parametrize("name", TEXT)
def test_no_digit_is_typed_in_prose(name):
    typed = re.findall(r".{0,30}\d.{0,30}", prose(TEXT[name]))
    assert not typed, typed


def test_the_rule_sees_a_typed_number():
    assert re.search(r"\d", prose("reaches 0.987 of it"))
    assert not re.search(r"\d", prose('L2, @naim2025limits, `a1`, $x^2$ and #v("L2.R.most")'))
    with pytest.raises(AssertionError, match="a number in a formula"):
        prose("$R = 2.68$")


def test_every_number_of_the_prose_is_defined_and_every_definition_used():
    used = set(re.findall(r'#v\("([^"]+)"\)', ALL))
    defined = [value.name for value in VALUES]
    assert len(defined) == len(set(defined))
    assert used == set(defined)


def test_every_theorem_has_one_box_and_every_figure_one_place():
    boxes = re.findall(r'#theorem\("([^"]+)"\)', ALL)
    assert sorted(boxes) == sorted(LEMMAS)
    figures = re.findall(r'\bfig\("([^"]+)"\)', ALL)
    assert sorted(figures) == sorted(drawings())


def test_every_entry_is_cited_and_no_package_is_fetched():
    entries = set(re.findall(r"@\w+\{(\w+),", (PAPER / "refs.bib").read_text()))
    cited = set(re.findall(r"@(\w+)\b", ALL)) & entries
    assert cited == entries
    assert "@preview" not in ALL + (PAPER / "style.typ").read_text()


def test_both_formats_are_there_and_stand_alone(built):
    page = (built / "paper.html").read_text()
    assert (built / "paper.pdf").read_bytes().startswith(b"%PDF")
    assert not re.search(r'(?:src|href)="(?!data:|#|https://doi)', page)
    assert "<script" not in page and "<math" in page
    assert page.count("data:image/svg+xml") == len(drawings())
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))


def test_same_rows_same_bytes_elsewhere(built, tmp_path):
    other = tmp_path / "a folder of another name"
    # the figures are compared in test_figures; here they are taken over, the text is made again
    shutil.copytree(built, other, ignore=shutil.ignore_patterns("paper.*", "*.json"))
    shutil.copy(built / "theorems.json", other)
    shutil.copy(built / "hashes.json", other)
    run(ROWS, other)
    for name in ("paper.pdf", "paper.html"):
        assert (built / name).read_bytes() == (other / name).read_bytes(), name


def test_nothing_fresh_is_rebuilt_and_nothing_stale_is_kept(again, capsys):
    before = {p.name: p.stat().st_mtime_ns for p in again.iterdir() if p.suffix in (".svg", ".pdf")}
    run(ROWS, again)
    assert "0 figures drawn, paper is fresh" in capsys.readouterr().out
    assert before == {name: (again / name).stat().st_mtime_ns for name in before}
    changed = [r if r.at.get("curve") != "slope" else replace(r, attained=r.bound) for r in ROWS]
    run(changed, again)
    assert "1 figures drawn, paper.pdf, paper.html" in capsys.readouterr().out


def test_a_claim_that_did_not_run_shows_as_such(again):
    page = run([row for row in ROWS if row.id != "N9"], again)
    assert "no figure: claim N3, N9 not run" in re.sub(r"<[^>]+>", "", page)
    assert "claim N9 not run" in re.sub(r"<[^>]+>", "", page)
    assert not (again / "N9_blindness.svg").exists()


def test_a_failed_claim_shows_no_number(again):
    known = document(ROWS)["N9.certified.1000"]["text"]
    failing = [replace(row, holds=False) if row.id == "N9" else row for row in ROWS]
    assert document(failing)["N9.certified.1000"] == {
        "text": "", "unit": "", "claim": "N9", "state": "failed",
    }  # fmt: skip
    page = re.sub(r"<[^>]+>", "", run(failing, again))
    assert "claim N9 failed" in page and known not in page


def test_the_paper_is_built_from_no_rows_at_all(again):
    page = re.sub(r"<[^>]+>", "", run([], again))
    assert "claim L2 not run" in page and "no rows: the claims were not run" in page


def test_missing_rows_get_one_line(tmp_path, capsys):
    assert build.main(["--rows", str(tmp_path / "none.jsonl"), "--out", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "pytest verify/" in message


def test_make_rebuilds_only_what_changed(built, tmp_path):
    """In a copy: a touched row file with the same rows leaves the paper's bytes as they were."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    copy = tmp_path / "copy"
    for part in ("paper", "verify", "theory", "sim"):
        ignored = shutil.ignore_patterns("build", "__pycache__", "formal", "*.safetensors")
        shutil.copytree(ROOT / part, copy / part, ignore=ignored)
    shutil.copytree(built, copy / "paper" / "build")
    (copy / "paper" / "build" / "mode-full").touch()
    shutil.copy(built / "rows.jsonl", copy / "verify" / "rows.jsonl")
    first = make(copy)
    assert "paper is fresh" in first or "paper.pdf" in first
    assert "paper.build" not in make(copy)
    os.utime(copy / "verify" / "rows.jsonl")
    assert "0 figures drawn, paper is fresh" in make(copy)
    assert "paper.build" not in make(copy)


def make(folder: Path) -> str:
    """`make -C paper` there; what it printed."""
    command = ["make", "-C", str(folder / "paper"), f"PYTHON={sys.executable}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


finite = st.floats(-LARGEST, LARGEST, allow_nan=False).filter(lambda v: v == 0 or abs(v) > 1e-300)


def number(text: str) -> Decimal:
    """The number that a reader reads."""
    powers = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    text = text.replace("−", "-").replace(" ", "")
    if "10" in text and set(text) & set("⁻⁰¹²³⁴⁵⁶⁷⁸⁹"):
        mantissa, _, power = text.rpartition("10")
        sign = mantissa.replace("×", "") or "1"
        return Decimal(sign) * Decimal(10) ** int(power.translate(powers))
    return Decimal(text)


@given(value=finite, digits=st.integers(1, 7))
def test_rounding_goes_where_it_says(value, digits):
    exact = Decimal(value)
    assert number(rounded(value, digits, "up")) >= exact
    assert number(rounded(value, digits, "down")) <= exact
    assert abs(number(rounded(value, digits, "inward"))) <= abs(exact)
    unit = Decimal(10) ** (exact.adjusted() - digits + 1) if value else Decimal(1)
    assert abs(number(rounded(value, digits, "nearest")) - exact) <= unit


def test_statements_are_set_in_type():
    found = runs("|y - c| ≤ R = sqrt(d)|P(gamma*w)|, c = b + w.beta, a word (a) P_k -> inf, r0²")
    text = "".join(word for _, word in found)
    assert text == "|y − c| ≤ R = √d|P(γ∘w)|, c = b + w·β, a word (a) Pk → ∞, r02"
    assert ["sub", "k"] in found and ["super", "2"] in found and ["sub", "0"] in found
    assert ["italic", "R"] in found and ["italic", "a"] not in found


def test_rows_of_foreign_models_are_left_out_on_demand():
    rows = [Row("L2", "c", "theorem", m, True) for m in ("", "no-such-model")]
    assert [row.model for row in build.of_the_zoo(rows)] == [""]


def test_measurements_of_other_machines_become_rows(tmp_path):
    point = {"what": "H100", "variant": "ours", "attained": 3e5, "device": "H100"}
    record = {"id": "C-speed", "curve": "speed", "command": "python -m sim.benchmark"}
    path = tmp_path / "speed.json"
    path.write_text(json.dumps(record | {"points": [point]}))
    (row,) = measured_rows(tmp_path)
    assert (row.attained, row.device, row.at["what"], row.series) == (3e5, "H100", "H100", True)
    path.write_text("{}")
    with pytest.raises(MeasurementError, match=r"speed\.json"):
        measured_rows(tmp_path)


def test_hashes_are_of_content(tmp_path):
    out = build.Outputs(tmp_path)
    out.data("a.json", {"x": 1})
    before = (tmp_path / "a.json").stat().st_mtime_ns
    out.data("a.json", {"x": 1})
    assert (tmp_path / "a.json").stat().st_mtime_ns == before
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}


def test_a_mutants_verdict_is_not_the_statements():
    at = {"statement": "s", "source": "v1", "verdict": "holds", "amended": ""}
    true = Row("C-poly", "c", "empirical", "", True, 0.05, 0.01, at=at)
    mutant = replace(true, mutant=True, holds=False, attained=2.0)
    (line,) = tables.ledger([true, mutant])
    assert line["verdict"] == "holds" and line["effect"].startswith("0.01")
