"""Every theorem keeps the promises that its record makes."""

from dataclasses import replace
from fractions import Fraction

import pytest

from theory import TheoryError, theorems
from theory.theorem import ancestors

ALL = theorems()


@pytest.mark.parametrize("theorem", ALL.values(), ids=ALL.keys())
def test_every_step_is_proved_and_refuses_its_mutant(theorem):
    for step in theorem.steps:
        assert step.proved, step.claim
        if step.bears_constant:
            assert step.refuses_mutant, f"accepts a constant 1 % too small: {step.claim}"


@pytest.mark.parametrize("theorem", ALL.values(), ids=ALL.keys())
def test_witness_attains_and_refutes_the_mutant(theorem):
    for witness in theorem.witnesses:
        attainment = witness.attain()
        assert not attainment.refutes(), witness.where
        assert attainment.refutes(Fraction(99, 100)), witness.where


@pytest.mark.parametrize("theorem", ALL.values(), ids=ALL.keys())
def test_named_mutants_are_refuted(theorem):
    for mutant in theorem.mutants:
        assert mutant.refuted(), mutant.change


def needing(**needs: tuple[str, ...]):
    """Theorems of those names that rest on each other as said."""
    return {id_: replace(ALL["L1"], id=id_, needs=above) for id_, above in needs.items()}


def test_a_proof_rests_on_all_that_its_premises_rest_on():
    known = needing(L1=(), L2=("L1",), L3=("L1",), L4=("L3", "L2"))
    assert ancestors("L4", known) == ("L3", "L1", "L2") and ancestors("L1", known) == ()


def test_circular_and_dangling_proofs_are_refused():
    with pytest.raises(TheoryError, match="circular proof: L1 -> L2 -> L3 -> L1"):
        ancestors("L1", needing(L1=("L2",), L2=("L3",), L3=("L1",)))
    with pytest.raises(TheoryError, match="L2 needs L9, which is no theorem"):
        ancestors("L1", needing(L1=("L2",), L2=("L9",)))


def test_a_theorem_must_show_how_sharp_it_is():
    bearing = next(t for t in ALL.values() if not t.tight)
    with pytest.raises(TheoryError, match="called tight and has no witness"):
        replace(ALL["L1"], witnesses=())
    with pytest.raises(TheoryError, match="no step refuses a smaller constant"):
        replace(bearing, steps=())
    # one of the two is enough
    replace(bearing, witnesses=())
    replace(ALL["L1"], steps=())
