"""What the tests of training share: a tiny run, one thread, a look at a run's files."""

from dataclasses import replace

import pytest
import torch

import sim.result
from sim.config import Model, Train
from sim.presets import PRESETS

TINY = Train(
    name="tiny",
    model=Model(width=8, layers=2, points=5),
    batch=4,
    steps=12,
    seed=3,
    checkpoint_every=4,
)


@pytest.fixture(autouse=True)
def one_thread():
    """Results are bit-identical at one number of threads; tests of threads change it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny():
    return TINY


@pytest.fixture(autouse=True)
def cheap_final_error(monkeypatch):
    """16 prompts in place of 2048 judge a tiny run."""
    monkeypatch.setattr(sim.result, "PROMPTS", 16)


@pytest.fixture
def tiny_preset(monkeypatch):
    """`python -m sim.train tiny` works."""
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    return replace(TINY)
