"""`python -m sim.train`: what it makes, and what it says when it cannot."""

import json
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from sim import loop
from sim.checkpoint import load, path_of, steps_in
from sim.config import Model, Optimizer
from sim.errors import UserError
from sim.loop import Interrupted, train
from sim.presets import PRESETS
from sim.runs import FINISHED, folder, locked
from sim.train import Settings, command, main, run


def cli(monkeypatch, capsys, *arguments):
    """(exit status, stdout, stderr) of the command, in this process."""
    monkeypatch.setattr(sys, "argv", ["sim.train", *map(str, arguments)])
    try:
        main()
        status = 0
    except SystemExit as stop:
        status = stop.code
    return status, *capsys.readouterr()


def rows(path):
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def test_a_run_leaves_its_config_its_losses_and_its_error(
    monkeypatch, capsys, tiny_preset, tmp_path
):
    config = replace(tiny_preset, steps=30, seed=5)
    path = folder(config, tmp_path)
    command_line = ("tiny", "--steps", 30, "--seed", 5, "--runs", tmp_path, "--device", "cpu")
    status, out, err = cli(monkeypatch, capsys, *command_line)
    assert status == 0 and out.strip() == str(path_of(path, 30)), err
    assert "step 30/30  loss" in err
    assert json.loads((path / "config.json").read_text())["steps"] == 30
    assert load(path_of(path, 30)).config == config
    logged = rows(path)
    assert [row["step"] for row in logged] == [4, 8, 12, 16, 20, 24, 28, 30, 30]
    assert all(row["loss"] > 0 and row["rate"] > 0 for row in logged[:-1])
    degrees = {f"error_degree_{degree}" for degree in (1, 2, 3)}
    assert logged[-1].keys() == {"step", "error", "error_1nn", *degrees}
    # again: nothing is trained
    before = path_of(path, 30).stat()
    status, out, err = cli(monkeypatch, capsys, *command_line, "--quiet")
    assert status == 0 and out == f"{path_of(path, 30)}\n"
    assert path_of(path, 30).stat() == before
    assert err.startswith("already finished at step 30: ") and str(path_of(path, 30)) in err
    assert "--steps 60" in err and "--seed 6" in err and f"delete {path}\n" in err


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["tinny"], "did you mean 'tiny'?"),
        (["xyzzy"], "known: toy, small, paper"),
        (["tiny", "--device", "tpu"], "cpu or cuda"),
        (["tiny", "--device", "cpu:x"], "--device cpu:x"),
        (["tiny", "--threads", "0"], "--threads 0"),
        (["tiny", "--batch", "0"], "batch is 0"),
        (["tiny", "--model.heads", "3"], "no multiple of 3 heads"),
        (["tiny", "--model.context", "3"], "--model.context"),
        (["tiny", "--task.kind", "zeros"], "odd degrees"),
        (["tiny", "--runs", "taken"], "taken"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    monkeypatch, capsys, tiny_preset, tmp_path, arguments, says
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file, so no folder can be made in it")
    status, out, err = cli(monkeypatch, capsys, *arguments)
    assert status == 2 and not out
    assert err.startswith("error: ") and says in err and len(err.splitlines()) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(monkeypatch, capsys, tiny_preset, tmp_path):
    status, _, err = cli(monkeypatch, capsys, "tiny", "--device", "cuda", "--runs", tmp_path)
    assert status == 2 and err.startswith("error: --device cuda") and len(err.splitlines()) == 1


def test_options_with_typos_are_suggested(monkeypatch, capsys, tiny_preset):
    status, _, err = cli(monkeypatch, capsys, "tiny", "--optimizer.rat", "0.1")
    assert status == 2 and "--optimizer.rate" in err
    status, _, err = cli(monkeypatch, capsys, "tiny", "--model.score", "softmx")
    assert status == 2 and "softmax" in err


def test_help_names_every_switch_and_every_preset(monkeypatch, capsys):
    status, out, _ = cli(monkeypatch, capsys, "--help")
    assert status == 0
    told = " ".join(out.split())
    assert f"Presets: {', '.join(PRESETS)}." in told
    options = ("runs", "device", "threads", "seeds", "log-to", "quiet", "precision", "compile",
               "model.block-norm", "model.final-norm", "model.score", "model.norm-position",
               "model.residual", "model.mlp", "model.activation", "model.positions",
               "model.equivariant", "model.packed", "model.context", "task.kind", "task.degrees",
               "task.order", "task.x.kind", "task.coefficients.scale", "task.noise",
               "optimizer.kind", "optimizer.rate", "optimizer.clip",
               "curriculum.points")  # fmt: skip
    for option in options:
        assert f"--{option}" in out, option


def test_the_defaults_are_those_of_the_preset():
    config, settings = command(["paper", "--steps", "7", "--log-to", "wandb"])
    assert config == replace(PRESETS["paper"], steps=7)
    assert settings == Settings(log_to=("wandb",))
    assert command([])[0] == PRESETS["toy"]


def test_without_tyro_there_is_one_line_that_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tyro", None)
    status, _, err = cli(monkeypatch, capsys, "toy")
    assert status == 2 and "pip install tyro" in err and len(err.splitlines()) == 1


def test_a_mistake_ends_the_process_with_status_2_and_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "sim.train", "toi"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: no preset 'toi'; did you mean 'toy'?\n"


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_interrupted_runs_exit_130_with_everything_saved(
    monkeypatch, capsys, tiny_preset, tmp_path, signal_name
):
    add = loop.Recorder.add

    def interrupt(self, loss):
        add(self, loss)
        if len(self.pending) == 2:
            signal.raise_signal(getattr(signal, signal_name))

    monkeypatch.setattr(loop.Recorder, "add", interrupt)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    status, out, err = cli(monkeypatch, capsys, "tiny", "--runs", tmp_path, "--quiet")
    assert (status, out) == (
        130,
        "",
    ) and err == "stopped after step 2; the same command continues\n"
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    path = folder(tiny_preset, tmp_path)
    assert steps_in(path) == [2] and not (path / FINISHED).exists()


def test_a_second_interrupt_stops_at_once():
    # a job in the background of a shell starts with interrupts ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with loop.interruptible() as caught:
        signal.raise_signal(signal.SIGINT)
        assert caught == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("every", [1, 5])
def test_a_loss_that_is_no_number_stops_with_the_last_good_checkpoint(tiny, tmp_path, every):
    model = Model(width=8, layers=2, points=5, score="linear", block_norm="none", final_norm="none")
    optimizer = Optimizer("adam", rate=1e9, clip=1e9, warmup=0.0, schedule="constant")
    config = replace(tiny, model=model, optimizer=optimizer, steps=500, checkpoint_every=every)
    with pytest.raises(UserError, match=r"loss is (nan|inf) at step \d+") as error:
        train(config, tmp_path, quiet=True)
    text = str(error.value)
    path = folder(config, tmp_path)
    kept = steps_in(path)
    assert (f"the checkpoint of step {kept[-1]} is good" if kept else "none was saved yet") in text
    step = int(text.split("at step ")[1].split(":")[0])
    assert (kept[-1] if kept else 0) <= step
    for number in kept:
        assert all(torch.isfinite(t).all() for t in load(path_of(path, number)).tensors.values())
    assert all(row["step"] <= step for row in (rows(path) if kept else []))


def test_parameters_that_became_nan_unseen_are_not_saved(monkeypatch, tiny, tmp_path):
    advance = loop.Trainer.advance

    def spoil(self, step):
        loss = advance(self, step)
        if step == 7:
            self.named["read_in.bias"].data[0] = torch.nan
        return loss

    monkeypatch.setattr(loop.Trainer, "advance", spoil)
    with pytest.raises(UserError, match=r"read_in.bias became NaN or infinite before step 8"):
        train(tiny, tmp_path, quiet=True)
    assert steps_in(folder(tiny, tmp_path)) == [4]


def test_a_second_process_waits_for_the_first_and_says_so(tiny, tmp_path, capfd):
    path = folder(tiny, tmp_path)
    code = "import sys; from pathlib import Path; from sim.runs import locked\n"
    code += "with locked(Path(sys.argv[1])): print('mine')"
    with locked(path):
        other = subprocess.Popen(
            [sys.executable, "-c", code, path], stderr=subprocess.PIPE, text=True
        )
        assert other.stderr is not None
        with other.stderr as said:
            assert "another process trains this run; waiting" in said.readline()
    assert other.wait() == 0 and capfd.readouterr().out == "mine\n"


def test_run_resumes_where_an_interrupted_run_stood(monkeypatch, tiny, tmp_path):
    settings = Settings(runs=tmp_path, quiet=True)
    with monkeypatch.context() as broken:
        broken.setattr(loop, "interruptible", always)
        with pytest.raises(Interrupted, match="after step 1;"):
            run(tiny, settings)
    assert run(tiny, settings) == path_of(folder(tiny, tmp_path), 12)


class always:
    """An interruption that is there from the start."""

    def __enter__(self):
        return [2]

    def __exit__(self, *error):
        return None
