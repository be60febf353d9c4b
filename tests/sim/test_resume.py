"""A run that is killed, interrupted or moved goes on as if nothing had happened, or says so."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sim import resume
from sim.checkpoint import environment, load, path_of
from sim.config import Optimizer
from sim.loop import train
from sim.metrics import cut_back
from sim.runs import folder

ROOT = Path(__file__).resolve().parents[2]


def test_kill_9_at_20_random_moments_changes_no_bit():
    # `python -m tests.sim.kill 50` is the same with 50
    found = subprocess.run(
        [sys.executable, "-m", "tests.sim.kill", "20"], capture_output=True, text=True, cwd=ROOT
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("20 kills") and "bit-identical" in found.stdout


def cut(config, root, step):
    """Take a finished run back to a checkpoint."""
    path = folder(config, root)
    for file in path.glob("step-*.safetensors"):
        if file != path_of(path, step):
            file.unlink()


@pytest.mark.parametrize("kind", ["muon", "adam"])
def test_the_second_half_alone_ends_where_the_whole_run_ended(tiny, tmp_path, kind):
    config = replace(tiny, optimizer=Optimizer(kind))
    last = train(config, tmp_path, quiet=True)
    whole = load(last).tensors
    cut(config, tmp_path, 8)
    again = load(train(config, tmp_path, quiet=True)).tensors
    assert all(torch.equal(again[name], tensor) for name, tensor in whole.items())


def test_another_thread_count_says_so_and_goes_on(tiny, tmp_path, capsys):
    train(tiny, tmp_path, quiet=True)
    cut(tiny, tmp_path, 8)
    torch.set_num_threads(2)
    train(tiny, tmp_path, quiet=True)
    warning = "step-8.safetensors was made elsewhere (threads 1 there, 2 here): not bit-identical"
    assert warning in capsys.readouterr().err
    assert load(path_of(folder(tiny, tmp_path), 12)).environment["threads"] == 2


def test_another_device_or_stack_says_so_and_goes_on(tiny, tmp_path, capsys, monkeypatch):
    train(tiny, tmp_path, quiet=True)
    cut(tiny, tmp_path, 8)
    elsewhere = environment() | {"device": "NVIDIA H100", "stack": [3, 4]}
    monkeypatch.setattr(resume, "surroundings", lambda trainer: elsewhere)
    train(tiny, tmp_path, quiet=True)
    told = capsys.readouterr().err
    assert "device cpu there, NVIDIA H100 here; stack None there, [3, 4] here" in told


def test_what_was_logged_after_the_checkpoint_is_logged_once(tiny, tmp_path):
    train(tiny, tmp_path, quiet=True)
    path = folder(tiny, tmp_path) / "metrics.jsonl"
    whole = path.read_text()
    cut(tiny, tmp_path, 8)
    with open(path, "a") as file:
        file.write('{"step": 1')
    train(tiny, tmp_path, quiet=True)

    def told(text):
        rows = [json.loads(line) for line in text.splitlines()]
        return [{k: v for k, v in row.items() if k != "samples_per_second"} for row in rows]

    assert told(path.read_text()) == told(whole)


def test_cut_back_keeps_what_is_whole_and_before(tmp_path):
    path = tmp_path / "metrics.jsonl"
    cut_back(path, 5)
    assert not path.exists()
    kept = '{"step": 4, "loss": 1.0}\n{"step": 5, "loss": 0.5}\n'
    path.write_bytes(
        (kept + '{"step": 6, "loss": 0.4}\n[1]\n{"loss": 3}\n{"step": 5, "error": 0.1}\n').encode()
        + b"\xff\xfe{"
    )
    cut_back(path, 5)
    assert path.read_text() == kept
