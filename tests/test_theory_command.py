"""`python -m theory`: what to type next, what a typo was meant to be, exit status 2."""

import json
import sys

import pytest

from tests.verify.tiny import tiny_checkpoint
from theory import theorems
from theory.__main__ import main, suggestions


def command(monkeypatch, capsys, *arguments) -> tuple[int | str | None, str, str]:
    """(exit status, stdout, stderr) of the command, in this process."""
    monkeypatch.setattr(sys, "argv", ["theory", *map(str, arguments)])
    try:
        status = main()
    except SystemExit as stop:
        status = stop.code
    return status, *capsys.readouterr()


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("L22", ["L2"]), ("2L", ["L2"]), ("l-2", ["L2"]), ("LL2", ["L2"]), ("L7", ["L6"]),
        ("w3", ["W2"]), ("G0", ["G1"]), ("S99", ["S6"]), ("celing", ["L2", "L6"]),
        ("plateu", ["N2"]), ("zz", []), ("?", []), ("", []),
    ],
)  # fmt: skip
def test_the_nearest_theorem_is_suggested(typo, meant):
    assert suggestions(typo) == meant


def test_ids_suggested_exist():
    for number in range(12):
        for letter in "LSNGWPFX":
            assert set(suggestions(f"{letter}{number}")) <= {*theorems(), "E1", "E2"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["L22"], "did you mean L2?"),
        (["certfy", "x"], "did you mean: python -m theory certify x"),
        (["certifi"], "did you mean: python -m theory certify PATH"),
        (["README.md"], "for its numbers: python -m theory certify README.md"),
        (["--model", "x"], "--model goes with one theorem"),
        (["certify", "x", "--model", "y"], "--model goes with one theorem"),
        (["--model"], "expected one argument"),
        (["L2", "--jsno"], "--jsno"),
    ],
)
def test_bad_input_is_exit_2_and_says_what_to_do(monkeypatch, capsys, arguments, says):
    status, out, err = command(monkeypatch, capsys, *arguments)
    assert status == 2 and not out and says in err and "Traceback" not in err


def test_each_answer_ends_with_what_to_type_next(monkeypatch, capsys, tmp_path):
    status, out, _ = command(monkeypatch, capsys, "L2")
    last = out.splitlines()[-1]
    assert status == 0 and last.startswith("next: python -m theory L2 --model PATH; ")
    assert last.endswith("python -m theory certify PATH")
    path = tiny_checkpoint(tmp_path)
    status, out, _ = command(monkeypatch, capsys, "L2", "--model", path)
    assert status == 0 and "next:" not in out and f"on {path}" in out
    status, out, _ = command(monkeypatch, capsys, "L2", "--json")
    assert json.loads(out)["id"] == "L2"


def test_the_list_and_the_certificate_end_with_it_too(monkeypatch, capsys, tmp_path):
    import theory.__main__ as module

    few = {"L2": theorems()["L2"]}
    monkeypatch.setattr(module, "theorems", lambda: few)
    status, out, _ = command(monkeypatch, capsys)
    assert status == 0
    assert out.splitlines()[-1] == "next: python -m theory L2; python -m theory certify PATH"
    path = tiny_checkpoint(tmp_path)
    status, out, _ = command(monkeypatch, capsys, "certify", path)
    assert status == 0
    expected = f"next: python -m theory L2 --model {path}; python -m verify {path}"
    assert out.splitlines()[-1] == expected


def test_help_names_every_form_option_and_exit_status(monkeypatch, capsys):
    status, out, _ = command(monkeypatch, capsys, "--help")
    assert status == 0
    for part in ("python -m theory L2", "certify PATH", "--model PATH", "--json", "Exit code 0",
                 "1: a step", "2: bad input", "python -m verify PATH"):  # fmt: skip
        assert part in out, part
