"""Checkpoints come back bit for bit; what is none is refused in one line, and nothing is lost."""

import errno
import json
import os
import resource
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sim import checkpoint
from sim.atomic import write_atomically
from sim.checkpoint import (
    Checkpoint,
    build,
    environment,
    load,
    load_model,
    path_of,
    save_checkpoint,
    steps_in,
)
from sim.config import Optimizer, Train
from sim.errors import CheckpointError, UserError
from sim.loop import train
from sim.metrics import Metrics
from sim.presets import PRESETS
from sim.runs import folder
from sim.trainer import Trainer


@contextmanager
def full_disk(free=1000):
    """Files cannot grow beyond some bytes: a write that the system itself refuses."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}


@pytest.fixture
def saved(tiny, tmp_path):
    trainer = Trainer(tiny)
    trainer.advance(0)
    path = path_of(tmp_path, 1)
    save_checkpoint(path, Checkpoint(tiny, 1, trainer.tensors(), environment()))
    return path


def changed(path, tensors=None, **header):
    """The same file with other tensors, or with other entries of its header."""
    old = load(path)
    save_checkpoint(path, replace(old, tensors=old.tensors | (tensors or {})))
    if header:
        entries = {
            "config": json.loads(json.dumps(asdict(old.config))),
            "step": 1,
            "environment": {},
        }
        save_file(old.tensors, path, {checkpoint.KEY: json.dumps(entries | header)})
    return path


def test_what_was_saved_comes_back_bit_for_bit(tiny, saved):
    again = load(saved)
    trainer = Trainer(tiny)
    trainer.advance(0)
    assert again.config == tiny and again.step == 1
    assert again.environment["threads"] == 1 and again.environment["torch"] == torch.__version__
    assert again.tensors.keys() == trainer.tensors().keys()
    for name, tensor in trainer.tensors().items():
        assert torch.equal(again.tensors[name], tensor), name
    model = load_model(saved)
    assert not model.training
    assert torch.equal(model.read_in.weight, trainer.model.read_in.weight)
    umask = os.umask(0)
    os.umask(umask)
    assert saved.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
def test_every_preset_survives_json(config):
    text = json.dumps(asdict(config))
    assert build(Train, json.loads(text)) == config


def test_a_rate_that_is_an_integer_survives_json_with_its_run_id():
    config = Train(optimizer=Optimizer(rate=1, betas=(0, 0.5)))
    again = build(Train, json.loads(json.dumps(asdict(config))))
    assert again.run_id == config.run_id


def test_a_file_cut_off_anywhere_is_refused(saved):
    whole = saved.read_bytes()
    for length in (0, 1, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="damaged"):
            load(saved)
    saved.write_bytes(b"\xff" * 64 + whole[64:])
    with pytest.raises(CheckpointError, match="damaged"):
        load(saved)


@pytest.mark.parametrize(
    "header, says",
    [
        ({"config": {"name": "x", "colour": "red"}}, "no field 'colour'"),
        ({"config": {"batch": "many"}}, "'many' is no"),
        ({"config": {"batch": 0}}, "batch is 0"),
        ({"config": {"model": {"block_norm": "batchnorm"}}}, "batchnorm"),
        ({"config": {"optimizer": {"betas": [0.9]}}}, r"\[0.9\]"),
        ({"config": []}, "damaged"),
        ({"step": "soon"}, "soon"),
        ({"environment": 3}, "damaged"),
    ],
)
def test_headers_of_other_versions_are_refused(saved, header, says):
    with pytest.raises(CheckpointError, match=says) as error:
        load(changed(saved, **header))
    assert "\n" not in str(error.value) and str(saved) in str(error.value)


def test_missing_and_foreign_files_are_named(tmp_path):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load(tmp_path / "none.safetensors")
    save_file({"weight": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="not one of this project"):
        load(tmp_path / "foreign.safetensors")


@pytest.mark.parametrize(
    "tensors, says",
    [
        ({"model.read_in.weight": torch.full((8, 1), torch.nan)}, "read_in.weight holds NaN"),
        ({"model.read_in.weight": torch.zeros(1)}, "do not fit"),
        ({"model.extra": torch.zeros(1)}, "do not fit"),
    ],
)
def test_networks_that_are_no_good_are_refused(saved, tensors, says):
    with pytest.raises(CheckpointError, match=says) as error:
        load_model(changed(saved, tensors))
    assert "\n" not in str(error.value)


def refused(config, root, says):
    """Training says what is wrong, and touches nothing."""
    path = folder(config, root)
    before = contents(path)
    with pytest.raises(UserError, match=says) as error:
        train(config, root, quiet=True)
    assert "\n" not in str(error.value)
    assert contents(path) == before


@pytest.fixture
def started(tiny, tmp_path):
    """A run that was stopped after step 8 of 12."""
    train(tiny, tmp_path, quiet=True)
    path = folder(tiny, tmp_path)
    path_of(path, 12).unlink()
    return path


@pytest.mark.parametrize(
    "tensors, says",
    [
        ({"model.read_in.bias": torch.full((8,), torch.inf)}, "NaN or infinite"),
        ({"optimizer.exp_avg.read_in.bias": torch.full((8,), torch.nan)}, "NaN or infinite"),
        ({"model.read_in.bias": torch.zeros(1)}, r"read_in.bias is \(1,\), not \(8,\)"),
        ({"optimizer.exp_avg.read_in.bias": torch.zeros(8, 1)}, r"\(8, 1\), not \(8,\)"),
        ({"model.extra": torch.zeros(1)}, "not known here"),
    ],
)
def test_training_continues_from_no_bad_checkpoint(tiny, tmp_path, started, tensors, says):
    changed(path_of(started, 8), tensors)
    refused(tiny, tmp_path, says)


def test_training_continues_from_no_checkpoint_without_moments(tiny, tmp_path, started):
    path = path_of(started, 8)
    old = load(path)
    model = {name: t for name, t in old.tensors.items() if name.startswith("model.")}
    save_checkpoint(path, replace(old, tensors=model))
    refused(tiny, tmp_path, "optimizer.* is missing")


def test_training_continues_from_no_other_runs_checkpoint(tiny, tmp_path, started):
    other = replace(tiny, batch=5)
    started.rename(folder(other, tmp_path))
    refused(other, tmp_path, f"belongs to run {tiny.run_id}, this is {other.run_id}")


def test_training_continues_from_no_misnamed_or_damaged_checkpoint(tiny, tmp_path, started):
    path_of(started, 8).rename(path_of(started, 9))
    refused(tiny, tmp_path, "a wrong name")
    path_of(started, 9).write_bytes(b"{}")
    refused(tiny, tmp_path, "damaged")


def test_a_full_disk_costs_nothing_and_space_heals_it(tiny, tmp_path, started):
    before = contents(started)
    with full_disk(), pytest.raises(UserError, match="File too large") as error:
        train(tiny, tmp_path, quiet=True)
    assert "\n" not in str(error.value)
    kept = ("step-8.safetensors", "config.json")
    assert {name: contents(started)[name] for name in kept} == {n: before[n] for n in kept}
    assert not list(started.glob("*.part"))
    assert train(tiny, tmp_path, quiet=True) == path_of(started, 12)


def test_a_disk_that_is_full_for_the_log_is_one_line_too(tmp_path):
    log = Metrics(tmp_path, {})
    log.path = Path("/dev/full")
    with pytest.raises(UserError, match="No space left"):
        log.log(1, {"loss": 1.0})


def test_a_disk_that_fills_up_at_the_last_moment(monkeypatch, tmp_path):
    target = tmp_path / "file"
    write_atomically(target, b"old")
    for name in ("fsync", "replace"):
        with monkeypatch.context() as broken:

            def full(*arguments):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            broken.setattr(os, name, full)
            with pytest.raises(UserError, match="No space left on device"):
                write_atomically(target, b"new")
        assert contents(tmp_path) == {"file": b"old"}
    with pytest.raises(UserError, match="file/below: cannot be written"):
        write_atomically(target / "below", b"new")


def test_only_the_last_two_checkpoints_are_kept_and_old_parts_go(tiny, tmp_path, started):
    (started / "step-12.safetensors.123.part").write_bytes(b"half")
    train(tiny, tmp_path, quiet=True)
    assert steps_in(started) == [8, 12]
    assert not list(started.glob("*.part"))
