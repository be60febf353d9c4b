"""`python -m theory`: pages, suggestions, exit codes; and that importing theory is cheap."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from theory import Interval, theorems
from theory.__main__ import ALIASES, find, main, run, zoo_model
from theory.errors import TheoryError
from theory.page import numbers, page, tree, value_lines

ROOT = Path(__file__).resolve().parent.parent.parent
ZOO = sorted((ROOT / "verify" / "zoo").glob("*.safetensors"))


def command(*arguments):
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300
    )


def test_importing_theory_is_cheap_and_loads_no_torch():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = command("-c", "import theory, sys; print('torch' in sys.modules)")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.strip() == "False"
    # processor time: the clock of a shared machine says little
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 1


@pytest.mark.parametrize("id_", ["L2", "S6", "N1", "P2", "F1"])
def test_a_page_holds_its_verdicts(id_):
    record = page(theorems()[id_])
    assert json.loads(json.dumps(record))["id"] == id_
    assert all(step["proved"] for step in record["steps"])
    assert all(step["refuses_mutant"] in (True, None) for step in record["steps"])
    assert all(w["holds"] and w["refutes_mutant"] for w in record["witnesses"])
    assert all(mutant["refuted"] for mutant in record["mutants"])
    assert bool(record["lemmas"]) != bool(record["not_formal"])


def test_page_as_text(capsys):
    assert run(["L2"]) == 0
    shown = capsys.readouterr().out
    for part in (
        "readout ceiling",
        "(tight)",
        "L1 range of LayerNorm",
        "Readout.ceiling",
        "refuted",
    ):
        assert part in shown
    assert "NOT" not in shown
    assert ("ceiling  [" in shown) == bool(ZOO)


def test_json_of_one_theorem(capsys):
    assert run(["l4", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["id"] == "L4" and record["needs"] == ["L1", "L2"]
    assert ("values" in record) == bool(ZOO)


def test_the_proof_tree_goes_down_to_the_leaves():
    lines = list(tree("N2", theorems()))
    assert lines[0].startswith("N2") and any(line.strip().startswith("S2") for line in lines)


def test_aliases_and_suggestions():
    assert find("e1").id == "W1"
    assert set(ALIASES) == {"E1", "E2"}
    for typo, hint in (("L22", "L2"), ("ceiling", "L2"), ("S44", "S4")):
        with pytest.raises(TheoryError, match=f"did you mean.*{hint}"):
            find(typo)
    with pytest.raises(TheoryError, match="lists them all"):
        find("zzz")


def test_values_and_reasons_as_lines():
    assert list(value_lines("no attention")) == ["  does not apply: no attention"]
    assert list(value_lines({"a": Interval(1.0, 2.0)})) == ["  a  [1, 2]"]
    assert numbers({"a": Interval(0.0, float("inf"))}) == {"a": {"low": 0.0, "high": "inf"}}


@pytest.mark.skipif(not ZOO, reason="no committed model yet")
def test_certificate_of_a_committed_model(capsys):
    assert run(["certify", str(ZOO[0]), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert list(record) == list(theorems())
    chosen = zoo_model(theorems()["L2"])
    assert chosen is not None and chosen[1].final_norm.kind != "none"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["L99x"], "no theorem"),
        (["certify"], "one checkpoint"),
        (["L1", "L2"], "one theorem at a time"),
        (["certify", "/nonexistent"], "no checkpoint"),
        (["L2", "--model", str(ROOT / "README.md")], "no checkpoint"),
        (["L2", "--model", str(ROOT)], "no checkpoint"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["theory", *arguments])
    assert main() == 2
    told = capsys.readouterr()
    assert message in told.err and told.err.count("\n") == 1 and "Traceback" not in told.err


def test_a_reader_that_stops_early_is_no_error():
    code = "import sys; from theory.__main__ import main; sys.argv[1:] = ['L1']; sys.exit(main())"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, timeout=300
    )
    os.close(writing)
    assert done.returncode == 0 and b"Traceback" not in done.stderr
