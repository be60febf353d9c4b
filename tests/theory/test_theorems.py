"""Every theorem keeps the promises that its record makes."""

from fractions import Fraction

import pytest

from theory import theorems

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
