"""Prompts and passes: pure in (seed, part), finite, counted; maxima do not mind the order."""

from functools import reduce

import pytest
import torch

from tests.verify.tiny import tiny_checkpoint
from verify.cases import Candidate, subject_of
from verify.passes import STORE, merge, read_queries, sample_part, sampled, spread
from verify.sampling import FAMILIES, LARGEST, batches, generator_of, parts


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("points", [2, 5, 41])
def test_families_are_finite_and_of_their_shape(family, points):
    tokens = family(7, points, generator_of(1, 0))
    assert tokens.shape == (7, 2 * points - 1) and torch.isfinite(tokens).all()


def test_parts_are_pure_functions_and_differ():
    def first(part):
        return next(iter(batches(100, 5, 1, part)))[1]

    assert torch.equal(first(0), first(0)) and not torch.equal(first(0), first(1))
    assert parts(1) == 1 and parts(10**6) == 1 and parts(10**6 + 1) == 2 and parts(10**9) == 1000


def test_batches_draw_what_was_asked_for_from_every_family():
    drawn = list(batches(400_000, 41, 1))
    assert sum(t.shape[0] * (t.shape[1] + 1) // 2 for _, t in drawn) >= 400_000
    assert {name for name, _ in drawn} == {f.__name__ for f in FAMILIES}
    assert max(float(t.abs().max()) for _, t in drawn) <= LARGEST


def test_a_pass_is_the_maximum_of_its_parts_in_any_order(tmp_path):
    model = subject_of(Candidate(tiny_checkpoint(tmp_path)))
    measures = {"high": lambda batch: batch.y, "low": lambda batch: -batch.y}
    found = [sample_part(model, measures, 2000, part) for part in range(3)]
    forward, backward = reduce(merge, found), reduce(merge, found[::-1])
    assert forward.prompts == backward.prompts == sum(part.prompts for part in found)
    assert {k: v.value for k, v in forward.largest.items()} == {
        k: v.value for k, v in backward.largest.items()
    }
    best = forward["high"]
    with torch.no_grad():
        again = float(model.network.tokens(torch.tensor([best.prompt]))[0, -1])
    # other batch shapes may round otherwise
    assert again == pytest.approx(best.value, rel=1e-4)


def test_nan_counts_as_infinite(tmp_path):
    model = subject_of(Candidate(tiny_checkpoint(tmp_path)))
    found = sample_part(model, {"bad": lambda batch: batch.y * torch.nan}, 100, 0)
    assert found["bad"].value == float("inf")


def test_queries_are_the_x_tokens(tmp_path):
    model = subject_of(Candidate(tiny_checkpoint(tmp_path)))
    tokens = torch.randn(3, 9, generator=generator_of(1, 2))
    y, residual = read_queries(model.network, tokens)
    with torch.no_grad():
        everywhere = model.network.tokens(tokens)
    assert y.shape == (3, 5) and residual.shape == (3, 5, 8)
    assert torch.allclose(y, everywhere[:, ::2], atol=1e-6)


def test_parts_drawn_by_other_processes_are_the_same(tmp_path):
    path = tiny_checkpoint(tmp_path)
    model = subject_of(Candidate(path))
    spread(model, path, 3000, "processes", 2, None)
    elsewhere = STORE.pop((model, 3000, 0))
    here = sampled(model, 3000, 0)
    assert elsewhere.prompts == here.prompts
    for name, found in here.largest.items():
        assert elsewhere[name].prompt == found.prompt
        assert elsewhere[name].value == pytest.approx(found.value, rel=1e-5)
