"""A table fault x claim: every planted fault is noticed, and by whom."""

import pytest

from sim.errors import UserError
from tests.verify.tiny import tiny_checkpoint
from verify.cases import Candidate, subject_of
from verify.faults import FAULTS, caught, faulty

# who must notice at the least; the claims may notice more
NOTICED = {
    "final norm skipped": {"L2_sampled", "L2_attacked", "L3_sampled", "G1", "N2", "F1_predictions"},
    "block norms skipped": {"N1", "N2", "S4", "F1_predictions"},
    "mask off by one": {"S1", "S2", "S3", "F1_predictions"},
    "readout sign flipped": {"N2", "N9", "L4", "F1_predictions"},
    "softmax not normalised": {"S1", "S2", "S5", "F1_predictions"},
    "bound from other weights": {"N2", "N9", "L4", "L6", "F1_predictions"},
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return caught(tiny_checkpoint(tmp_path_factory.mktemp("tiny")), samples=2000)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_noticed(table, fault):
    for prefix in NOTICED[fault]:
        assert any(name.startswith(f"claim_{prefix}") for name in table[fault]), table[fault]


def test_unknown_fault_names_the_known_ones(tmp_path):
    model = subject_of(Candidate(tiny_checkpoint(tmp_path)))
    with pytest.raises(UserError, match="readout sign flipped"):
        faulty(model, "none such")


def test_a_faulty_model_is_one_object(tmp_path):
    model = subject_of(Candidate(tiny_checkpoint(tmp_path)))
    assert faulty(model, "mask off by one") is faulty(model, "mask off by one")
