"""One model on two processes (gloo): the same losses as on one, to rounding."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sim.config import Model, Train
from sim.distributed import ALONE, Group, group
from sim.errors import UserError
from sim.loop import train
from sim.runs import folder
from sim.train import Settings, perform
from sim.trainer import Trainer

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = "toy --model.width 8 --model.layers 1 --model.points 5 --batch 6 --steps 24 --quiet"


def losses(path):
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return [row["loss"] for row in rows if "loss" in row]


def test_torchrun_on_two_processes(tmp_path):
    config = Train(model=Model(width=8, layers=1, points=5), batch=6, steps=24)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    found = subprocess.run(
        [sys.executable, *launch, "-m", "sim.train", *OPTIONS.split(), "--runs", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    path = folder(config, tmp_path)
    assert found.stdout.split() == [str(path / "step-24.safetensors")]
    alone = tmp_path / "alone"
    train(config, alone, quiet=True)
    assert losses(path) == pytest.approx(losses(folder(config, alone)), rel=1e-5)
    assert len(losses(path)) == 2


def test_the_parts_of_a_batch_are_the_batch(tiny):
    trainer = Trainer(tiny)
    xs, _ = trainer.prompts(0)
    parts = [Group(rank, 2).share(xs) for rank in range(2)]
    assert torch.equal(torch.cat(parts), xs)
    assert ALONE.share(xs) is not None and torch.equal(ALONE.share(xs), xs)


def test_what_torchrun_cannot_do_is_said(tiny, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="each takes its own"), group("cuda:1"):
        pass
    monkeypatch.setattr("sim.train.group", PretendTwo)
    with pytest.raises(UserError, match="--seeds and torchrun"):
        perform(tiny, Settings(seeds=(1, 2)))
    with pytest.raises(UserError, match=r"batch of 4 .* 3 processes"):
        Trainer(tiny, "cpu", Group(0, 3))


class PretendTwo:
    def __init__(self, device):
        self.device = device

    def __enter__(self):
        return Group(0, 2), self.device

    def __exit__(self, *error):
        return None
