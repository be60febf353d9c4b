"""`python -m verify PATH` and `pytest verify/`: exit codes, table, one line for bad input."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.verify.tiny import tiny_checkpoint
from verify import __main__ as command
from verify.cases import LOADED
from verify.rows import read

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkpoint(tmp_path):
    return tiny_checkpoint(tmp_path)


def test_a_good_model_passes_and_leaves_rows(checkpoint, tmp_path, capsys):
    out = tmp_path / "out"
    assert command.main([str(checkpoint), "--out", str(out), "--samples", "1e3"]) == 0
    said = capsys.readouterr().out
    assert "always in [" in said and "theorems that apply: L1 L2" in said and "not G2" in said
    rows = read(out / "rows.jsonl")
    assert {"L1", "L2", "N2", "S2", "F1"} <= {row.id for row in rows}
    assert all(row.holds for row in rows)
    # what is listed as applying was checked, and what was not says why
    (listed,) = [line for line in said.splitlines() if line.startswith("theorems that apply: ")]
    assert set(listed.removeprefix("theorems that apply: ").split()) == {row.id for row in rows}
    assert "not checked on one model G5 P3: decided on models of the zoo" in said
    assert "not checked on one model P4: checked without a model" in said
    for row in rows:
        if not row.series and row.bound is not None and row.attained is not None:
            assert on_its_side(row), row


def on_its_side(row) -> bool:
    """Whether what was seen is where the row says that it must be."""
    inside = {
        "<=": row.attained <= row.bound + row.slack,
        ">=": row.attained >= row.bound - row.slack,
        "=": row.attained == row.bound,
        "!=": row.attained != row.bound,
    }
    return inside[row.must]


def test_a_violated_claim_is_exit_1(checkpoint, tmp_path, capsys, monkeypatch):
    from verify.cases import Case
    from verify.faults import faulty

    def planted(self):
        return faulty(LOADED[self.candidate.path], "readout sign flipped")

    monkeypatch.setattr(Case, "subject", property(planted))
    monkeypatch.setattr("verify.record.ATTACKS", ROOT / "verify" / "attacks" / "test-main")
    assert command.main([str(checkpoint), "--out", str(tmp_path), "--samples", "1e3"]) == 1
    said = capsys.readouterr().out
    assert "VIOLATED N2" in said and "again: python -m verify.attack replay" in said
    for path in (ROOT / "verify" / "attacks" / "test-main").iterdir():
        path.unlink()
    (ROOT / "verify" / "attacks" / "test-main").rmdir()


@pytest.mark.parametrize("path", ["missing.safetensors", "text"])
def test_bad_input_is_exit_2_and_one_line(tmp_path, capsys, path):
    (tmp_path / "text").write_text("hello")
    assert command.main([str(tmp_path / path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1


def test_an_unwritable_folder_is_exit_2(checkpoint, tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(command, "claims", lambda: [])
    assert command.main([str(checkpoint), "--out", str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def run_pytest(*arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "verify/", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT, capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip


def test_pytest_takes_a_model_and_writes_rows_and_junit(checkpoint, tmp_path):
    rows, junit = tmp_path / "rows.jsonl", tmp_path / "junit.xml"
    done = run_pytest(
        f"--model={checkpoint}",
        "--samples=1e3",
        "-k",
        "L2",
        f"--rows={rows}",
        f"--junitxml={junit}",
    )
    assert done.returncode == 0, done.stdout
    assert "no sampled prediction leaves the ceiling" in done.stdout
    assert "mutant killed" in done.stdout
    assert {row.id for row in read(rows)} == {"L2"} and junit.stat().st_size > 0


def test_pytest_says_in_one_line_what_is_no_checkpoint(tmp_path):
    done = run_pytest(f"--model={tmp_path / 'nothing'}", "-k", "L2")
    assert done.returncode != 0
    assert "no such file or folder" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_models_claims_share_a_process():
    from verify.conftest import OneProcessAModel

    def scope(nodeid):
        return OneProcessAModel._split_scope(None, nodeid)  # type: ignore[arg-type]

    assert scope("verify/claim_far.py::claim_N2[small-0 | as stated]") == "small-0"
    assert scope("verify/claim_norms.py::claim_L1[small-0 | mutant: d -> d - 1]") == "small-0"
    assert scope("verify/claim_norms.py::claim_L1[small-0 | part 1 | as stated]") != "small-0"
    assert scope("verify/claim_paper.py::claim_C[mutant: x]") == "verify/claim_paper.py"
