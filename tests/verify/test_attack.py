"""Gradient ascent: never below its start, restarts around the best, fixed tokens stay."""

import torch

from tests.verify.tiny import tiny_checkpoint
from verify.attack import ascend, attack, begin, restarts, towards
from verify.cases import Candidate, subject_of


def peak(tokens):
    return -(tokens - 3.0).square().sum(-1)


def test_ascent_finds_a_maximum_and_never_loses_its_start():
    start = begin(16, 3, 1)
    found = ascend(peak, start, steps=0)
    # tokens pass through asinh and sinh
    assert torch.allclose(found.values, peak(start), rtol=1e-4)
    climbed = attack(peak, start, 1, rounds=((0.3, 60), (0.03, 60)))
    assert climbed.best > -1e-2
    assert (ascend(peak, start, steps=5).values >= found.values).all()


def test_only_free_tokens_move():
    start = begin(8, 3, 1)
    start[:, -1] = 7.0
    free = torch.arange(5) < 4
    found = attack(peak, start, 1, free=free, rounds=((0.3, 5), (0.1, 5)))
    assert (found.tokens[:, -1] == 7.0).all()


def test_restarts_keep_the_best():
    found = ascend(peak, begin(16, 3, 1), steps=3)
    again = restarts(found, 16, 2)
    assert len(again) == 16
    assert torch.allclose(again[0].double(), torch.tensor(found.argbest).double(), rtol=1e-5)


def test_towards_grows_to_the_end_of_the_ceiling(tmp_path):
    network = subject_of(Candidate(tiny_checkpoint(tmp_path))).network
    tokens = begin(32, 3, 1)
    with torch.no_grad():
        y = network.tokens(tokens)[:, -1]
        up, down = towards(network, 2.0, 2.0)(tokens), towards(network, -2.0, -2.0)(tokens)
    assert up.argmax() == y.argmax() and down.argmax() == y.argmin()


def test_flushing_ends_with_the_search():
    ascend(peak, begin(2, 2, 1), steps=1)
    assert float(torch.tensor(1e-40) * 1.0) > 0
