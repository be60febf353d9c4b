"""Rows survive the file; infinities have words; a folder that cannot be written gets one line."""

import math

import pytest

from sim.errors import UserError
from verify import table
from verify.rows import Row, read, write

ROW = Row("L2", "claim", "theorem", "m", True, 1.0, 0.5, 0.5, at={"x": 1.0})


def test_rows_round_trip(tmp_path):
    path = tmp_path / "deep" / "rows.jsonl"
    odd = Row("N2", "c", "theorem", "m", False, math.inf, -math.inf, None, at={"deep": [math.inf]})
    write([ROW, odd], path)
    first, second = read(path)
    assert first == ROW and second.bound == math.inf and second.attained == -math.inf
    assert second.at == {"deep": ["inf"]}


def test_an_unwritable_place_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write([ROW], tmp_path / "file" / "rows.jsonl")


def test_the_table_shows_the_worst_row_and_the_mutants():
    import dataclasses

    bad = dataclasses.replace(ROW, holds=False, attained=2.0, ratio=2.0, model="n")
    alive = dataclasses.replace(ROW, mutant=True, holds=True)
    lines = table.claim_table([ROW, bad, alive])
    assert "VIOLATED" in lines[1] and "MUTANT SURVIVED" in lines[1] and " 2 " in lines[1]
    killed = dataclasses.replace(alive, holds=False)
    assert "mutant killed" in table.claim_table([ROW, killed])[1]
