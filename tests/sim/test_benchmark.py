"""The benchmark's table: its arithmetic, its limits, and that the reference is the same model."""

import json
import sys
from dataclasses import replace

import pytest
import torch

from sim import limits
from sim.benchmark import Row, Settings, Work, numbers, run
from sim.config import Model, Train
from sim.errors import UserError
from sim.model import Transformer
from sim.reference import reference_loop, reference_model

CPU = torch.device("cpu")
TINY = Train(model=Model(width=8, layers=1, points=4), batch=4)


def test_a_table_of_a_tiny_model_as_text_and_as_json(monkeypatch):
    monkeypatch.setattr(limits, "multiplications", lambda *arguments: 1e9)
    work = Work("tiny", TINY, models=2, variants=(("plain", {}), ("fast", {"compile": True})))
    settings = Settings(device="cpu", rounds=2, steps=1, compile=False, clock="cpu")
    text = run(settings, [work]).splitlines()
    assert [line.split()[0] for line in text] == ["tiny", "reference", "plain"]
    assert "limit ms" in text[0] and text[1].split()[-1] == "-"
    found = json.loads(run(replace(settings, json=True), [work]))
    rows = found["tables"]["tiny"]
    assert rows[0]["speedup_min"] == 1.0 and rows[1]["models"] == 2
    assert rows[1]["samples_per_second"] == pytest.approx(4 * 2e3 / rows[1]["ms_median"])
    assert found["settings"]["rounds"] == 2


def test_speedups_are_for_the_same_number_of_models():
    row, reference = Row("ours", models=4, seconds=(2.0, 1.0, 3.0), floor=0.1), Row("reference")
    reference.seconds = (5.0, 6.0, 4.0)
    found = numbers(row, reference, batch=10)
    assert found["speedup_min"] == 4 * 4.0 / 1.0 and found["speedup_median"] == 4 * 5.0 / 2.0
    assert found["samples_per_second"] == 20.0 and found["of_floor"] == pytest.approx(0.4)


def test_the_work_of_a_step_is_what_one_counts_by_hand():
    d, n, b = 8, 4, 4
    model = replace(TINY.model, mlp=False)
    tokens, queries = 2 * n - 1, n
    maps = 2 * d * d * (2 * tokens + 2 * queries)  # keys and values of all, the rest of half
    attention = 2 * 2 * queries * tokens * d
    ends = 2 * tokens * d + 2 * queries * d
    # backward: twice the forward pass, less the gradient of the tokens, which nobody needs
    expected = b * (3 * (maps + attention + ends) - 2 * tokens * d)
    assert limits.work(replace(TINY, model=model)) == expected


def test_the_reference_is_a_model_of_the_same_size_that_learns():
    config = Model(width=8, layers=2, points=4)
    step = reference_loop(config, 16, CPU)
    losses = [step(number) for number in range(3)]
    assert all(isinstance(loss, float) and 0 < loss < 100 for loss in losses)
    theirs = {name: p.numel() for name, p in reference_model(config).named_parameters()}
    embedding = theirs.pop("backbone.wte.weight")
    ours = sum(p.numel() for p in Transformer(replace(config, context=8)).parameters())
    assert sum(theirs.values()) == ours and embedding > 0


def test_what_cannot_be_measured_is_said(monkeypatch):
    with pytest.raises(UserError, match="at least one"):
        run(Settings(rounds=0))
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no GPU"):
            run(Settings(device="cuda"))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match="--no-reference"):
        reference_loop(TINY.model, 4, CPU)


def test_floors_of_a_cpu_and_of_a_gpu(monkeypatch):
    monkeypatch.setattr(limits, "multiplications", lambda *arguments: 1e12)
    monkeypatch.setattr(limits, "copies", lambda *arguments: 1.0)
    assert limits.floor(TINY, CPU) == limits.work(TINY) / 1e12
    assert limits.floor(TINY, torch.device("cuda")) == limits.traffic(TINY)
    assert limits.traffic(replace(TINY, precision="bf16")) == 96 * 4 * 7 * 8 * 2
