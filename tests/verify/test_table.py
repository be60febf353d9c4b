"""The table of claims says on which side of its bound what was seen must be."""

import operator

import pytest

from theory import theorems
from verify import table
from verify.claims import claims
from verify.ledger import declared, statements
from verify.record import Recorder, used
from verify.rows import Row
from verify.table import SIGNS, closest, proved, summaries

SIDES = {"<=": operator.le, ">=": operator.ge}


def recorded(name: str, **numbers: float) -> Row:
    """The row that a claim of this name writes."""
    (claim,) = [c for c in claims() if c.name.startswith(name)]
    record = Recorder(claim, None)
    record(holds=True, **numbers)
    return record.rows[0]


def test_a_bound_from_below_reads_as_one():
    row = recorded("claim_P1", bound=2.0, attained=4.0)
    (line,) = table.claim_table([row])[1:]
    assert line.split()[-5:] == ["4", "≥", "2", "0.500", "holds"]
    row = recorded("claim_N8", bound=4.0, attained=2.0)
    (line,) = table.claim_table([row])[1:]
    assert line.split()[-5:] == ["2", "≤", "4", "0.500", "holds"]


def test_lower_bounds_are_declared_as_such():
    lower = {claim.id for claim in claims() if claim.must == ">=" and claim.id in theorems()}
    assert lower == {"P1", "P2", "P3", "G4", "G6"}
    assert {claim.id for claim in claims() if claim.must == "="} == {"W1", "W2"}
    assert {claim.id for claim in claims() if claim.must == "~"} == {"G5"}
    assert {claim.id for claim in claims() if claim.must == "!="} == {"F2"}


def test_a_row_that_does_not_say_its_side_takes_that_of_its_claim():
    new = recorded("claim_P2", bound=1.0, attained=2.0)
    old = Row(new.id, new.claim, "theorem", "m", True, 1.0, 2.0)
    assert new.must == ">=" and old.must == "" and proved(new) == proved(old) == "≥ 1"
    assert proved(Row("C-none", "no such claim", "theorem", "", True, 1.0)) == "1"
    assert proved(Row("P2", new.claim, "theorem", "", True)) == "-"


def test_points_of_curves_are_compared_with_nothing():
    (claim,) = [c for c in claims() if c.name.startswith("claim_P2")]
    record = Recorder(claim, None)
    record(holds=True, bound=2.0, attained=1.0, series=True)
    assert record.rows[0].must == "" and record.rows[0].ratio == 0.5


@pytest.mark.parametrize(
    ("must", "bound", "attained", "share"),
    [
        ("<=", 4.0, 1.0, 0.25),
        (">=", 1.0, 4.0, 0.25),
        ("=", 4.0, 4.0, 1.0),
        ("!=", 4.0, 1.0, None),
        ("<=", 0.0, 1.0, None),
        (">=", 1.0, 0.0, None),
        ("<=", None, 1.0, None),
    ],
)
def test_the_ratio_is_how_much_of_the_bound_is_used(must, bound, attained, share):
    assert used(must, bound, attained) == share


def test_the_row_shown_for_a_bound_from_below_is_the_one_nearest_to_it():
    near, far = (recorded("claim_P1", bound=1.0, attained=x) for x in (1.1, 5.0))
    assert closest([far, near]) is near
    assert summaries([far, near])[0].row is near


def test_a_statement_that_holds_is_on_the_side_that_the_table_shows():
    for statement in statements().values():
        if not statement.accept:
            assert statement.must == ""
            continue
        assert statement.threshold is not None
        for effect in (statement.threshold - 1.0, statement.threshold + 1.0):
            side = SIDES[statement.must](effect, statement.threshold)
            assert (statement.verdict(effect, effect, effect) == "holds") == side, statement.id


def test_every_claim_with_a_bound_has_a_side():
    assert set(declared().values()) <= {*SIGNS, ""}
    without = {id_ for (id_, _), must in declared().items() if not must}
    assert without == {id_ for id_, s in statements().items() if not s.accept}
