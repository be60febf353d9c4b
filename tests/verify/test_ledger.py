"""The ledger: verdicts from numbers, and nothing without a claim, a threshold or a reason."""

import dataclasses

import pytest

from theory import theorems
from verify.claims import claims
from verify.ledger import Statement, decide, ledger, statements, theorem_verdict
from verify.record import Recorder
from verify.rows import Row

AT_LEAST = Statement("C-x", "w", "s", "empirical", "m", "p", ">=", 0.5, "r", amended="instead")


@pytest.mark.parametrize(
    ("numbers", "verdict"),
    [
        ((0.7, 0.6, 0.8), "holds"),
        ((0.5, 0.5, 0.5), "holds"),
        ((0.2, 0.1, 0.3), "contradicted"),
        ((0.55, 0.4, 0.7), "holds as amended"),
    ],
)
def test_verdicts_come_from_effect_and_interval(numbers, verdict):
    assert AT_LEAST.verdict(*numbers) == verdict
    mirrored = dataclasses.replace(AT_LEAST, accept="<=", threshold=-0.5)
    assert mirrored.verdict(*(-n for n in numbers)) == verdict


def test_what_a_refused_statement_is_called_is_part_of_it():
    amended = dataclasses.replace(AT_LEAST, accepted="holds as amended", refused="holds")
    assert amended.verdict(0.9, 0.9, 0.9) == "holds as amended"
    assert amended.verdict(0.1, 0.1, 0.1) == "holds"


def test_every_statement_has_a_claim_and_every_claim_a_statement():
    known = set(statements()) | set(theorems()) | {"G5"}
    assert {claim.id for claim in claims()} <= known
    assert set(statements()) <= {claim.id for claim in claims()}


def test_statements_say_why_before_what():
    for statement in statements().values():
        if statement.accept == "":
            assert statement.threshold is None and statement.amended
        else:
            assert statement.threshold is not None and statement.reason


def test_every_claim_can_fail():
    for claim in claims():
        undecidable = claim.id in statements() and statements()[claim.id].accept == ""
        drawn_only = claim.name == "claim_C_published_rows_of_models"
        assert claim.mutants or undecidable or drawn_only, claim.name


def test_decide_writes_one_summary_row():
    (claim,) = [c for c in claims() if c.name == "claim_C_percent_inside_two_sigma"]
    record = Recorder(claim, None)
    decide(record, "C-percent", effect=0.861, low=0.861, high=0.861)
    (row,) = record.rows
    assert row.at["verdict"] == "contradicted" and row.at["amended"] and row.bound == 0.95


def test_one_violation_refutes_a_theorem():
    good = Row("L2", "c", "theorem", "m", True)
    bad = dataclasses.replace(good, holds=False)
    assert theorem_verdict([good, bad]) == "contradicted"
    assert theorem_verdict([good]) == "holds" and theorem_verdict([]) == "not run"
    entries = {entry.id: entry for entry in ledger([good, bad])}
    assert entries["L2"].verdict == "contradicted" and entries["C-gpt4"].verdict == "not run"
