"""Cases, recorders, shards: what runs, what is written down, what a violation prints."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch

import verify.record
from tests.verify.tiny import tiny_checkpoint
from verify.cases import Candidate, Case, MutantSurvived, cases, merged, subject_of
from verify.claims import SMALLER, Claim, claims
from verify.record import Recorder
from verify.rows import ROOT, Row


@pytest.fixture(scope="module")
def candidate(tmp_path_factory):
    return Candidate(tiny_checkpoint(tmp_path_factory.mktemp("tiny")))


def made(run, mutants=(), **changes) -> Claim:
    fields = {"role": None, "together": (), "modelfree": False, "needs": None} | changes
    return Claim("L2", "made up", "theorem", mutants, run=run, **fields)


def tight(model, record, shrink):
    bound = 1 - shrink
    record(bound=bound, attained=1.0, holds=bound >= 1)
    assert bound >= 1, "too small"


def blind(model, record, shrink):
    record(holds=True)


def test_a_mutant_that_fails_passes_and_leaves_one_failing_row(candidate):
    case = Case(made(tight, (SMALLER,)), candidate, mutant=SMALLER)
    record = case.recorder()
    case.run(record)
    (row,) = record.rows
    assert row.mutant and not row.holds and row.note == SMALLER


def test_a_mutant_that_survives_is_an_error(candidate):
    case = Case(made(blind, (SMALLER,)), candidate, mutant=SMALLER)
    record = case.recorder()
    with pytest.raises(MutantSurvived, match="holds although: bound 1 % smaller"):
        case.run(record)
    assert record.rows[-1].holds and record.rows[-1].mutant


def test_a_failing_claim_leaves_no_row_that_holds(candidate):
    def fails(model, record):
        record(holds=True, bound=1.0, attained=0.5)
        raise AssertionError("seen otherwise")

    case = Case(made(fails), candidate)
    record = case.recorder()
    with pytest.raises(AssertionError):
        case.run(record)
    assert [row.holds for row in record.rows] == [False]
    assert record.rows[0].note == "seen otherwise"


def test_cases_of_a_claim(candidate):
    found = list(cases(made(tight, (SMALLER, "other")), [candidate, candidate]))
    # other mutants run on the first model only
    assert [case.mutant for case in found] == ["", SMALLER, "other", "", SMALLER]
    grouped = list(cases(made(tight, ("x",), together=("small",)), [candidate]))
    assert [case.missing for case in grouped] == [("small",)]


def test_one_seed_of_each_kind_has_its_bound_shrunken(candidate, tmp_path):
    again = Candidate(Path(shutil.copy(candidate.path, tmp_path / "seed-1.safetensors")), ("a",))
    seeds = [dataclasses.replace(candidate, roles=("a",)), again]
    assert [c.mutant for c in cases(made(tight, (SMALLER,)), seeds)] == ["", SMALLER, ""]


def test_only_sampling_claims_are_cut_into_shards(candidate):
    def shards_of(model, record, shard):
        pass

    assert len(list(cases(made(shards_of), [candidate], 3 * 10**6))) == 3
    assert len(list(cases(made(tight), [candidate], 3 * 10**6))) == 1


def test_the_first_model_and_ones_own_are_sampled_ten_times_as_much(candidate):
    def drawn(*roles):
        models = [dataclasses.replace(candidate, roles=(role,) if role else ()) for role in roles]
        return [case.samples for case in cases(made(tight), models)]

    assert drawn("small", "ssa", "") == [10**6, 10**5, 10**6]


def test_shards_merge_to_the_row_nearest_to_its_bound():
    def row(shard, ratio, holds=True):
        at = {"shard": shard, "prompts": 10}
        return Row("L2", "c", "theorem", "m", holds, 1.0, ratio, ratio, at=at)

    rows = [row(0, 0.2), row(1, 0.9), row(2, 0.5)]
    for order in (rows, rows[::-1]):
        (only,) = merged(order)
        assert only.ratio == 0.9 and only.at == {"prompts": 30}
    (failed,) = merged([row(0, 2.0), row(1, 0.1, holds=False)])
    assert not failed.holds
    plain = dataclasses.replace(rows[0], at={})
    assert merged([plain, plain]) == [plain, plain]


def test_a_violation_prints_input_bound_recheck_and_command(candidate, monkeypatch, capsys):
    from verify.attack import main

    folder = ROOT / "verify" / "attacks" / "test"
    monkeypatch.setattr(verify.record, "ATTACKS", folder)
    model = subject_of(candidate)
    record = Recorder(claims()[0], model, candidate.path)
    tokens = torch.tensor([1.0, 2.0, 0.5])
    said = record.violation(tokens, "[0, 1]", 7.0)
    assert "input: [1.0, 2.0, 0.5]" in said and "outside [0, 1]" in said and "exactly: " in said
    command = said.splitlines()[-1]
    assert command.startswith("again: python -m verify.attack replay verify/attacks/test/")
    (stored,) = folder.iterdir()
    assert json.loads(stored.read_text())["tokens"] == [1.0, 2.0, 0.5]
    assert main(["replay", str(stored)]) == 0
    assert "float64" in capsys.readouterr().out
    assert main(["replay", str(candidate.path)]) == 2
    assert "no stored attack" in capsys.readouterr().err
    stored.unlink()
    folder.rmdir()


def test_a_mutant_stores_nothing(candidate, monkeypatch, tmp_path):
    monkeypatch.setattr(verify.record, "ATTACKS", tmp_path)
    record = Recorder(claims()[0], subject_of(candidate), candidate.path, SMALLER)
    record.violation([1.0], "b", 2.0)
    assert not list(tmp_path.iterdir())


def test_one_seed_of_each_kind(candidate):
    zoo = [dataclasses.replace(candidate, roles=roles) for roles in (("a",), ("a",), ("b",), ())]
    found = list(cases(made(tight), zoo, all_seeds=False))
    assert [case.candidate for case in found] == [zoo[0], zoo[2], zoo[3]]
    grouped = next(cases(made(tight, together=("a",)), zoo, all_seeds=False))
    assert len(grouped.group) == 2
