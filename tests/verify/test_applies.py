"""Why a theorem that applies to a model has no row of it."""

import dataclasses

from tests.verify.tiny import tiny_checkpoint
from theory import theorems
from verify.applies import why_not, why_unchecked
from verify.cases import Candidate, subject_of
from verify.claims import claims


def test_each_kind_of_claim_says_why_it_does_not_run(tmp_path):
    weights = subject_of(Candidate(tiny_checkpoint(tmp_path))).weights
    (claim,) = [c for c in claims() if c.name.startswith("claim_P1")]
    assert why_not(claim, weights) is None
    objecting = dataclasses.replace(claim, needs=lambda weights: "needs two layers")
    assert why_not(objecting, weights) == "needs two layers"
    for change in ({"role": "small"}, {"together": ("small",)}):
        assert "zoo" in str(why_not(dataclasses.replace(claim, **change), weights))
    assert "without a model" in str(why_not(dataclasses.replace(claim, modelfree=True), weights))


def test_a_theorem_is_unchecked_only_when_no_claim_of_it_runs(tmp_path):
    weights = subject_of(Candidate(tiny_checkpoint(tmp_path))).weights
    applying = [id_ for id_, t in theorems().items() if t.applies(weights) is None]
    unchecked = {id_ for id_ in applying if why_unchecked(id_, weights)}
    assert unchecked == {"G5", "P3", "P4"}
    assert why_unchecked("no such id", weights) == "no claim: only its proof is checked"
