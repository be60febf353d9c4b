"""Sweeps with jobs that only count: what is skipped, retried, resumed after a killed worker."""

import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from sim.engines import engine
from sim.errors import UserError
from sim.grid import expand, parse_axis
from sim.runs import FINISHED, folder
from sim.sweep import perform, sweep

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Inner:
    layers: int = 1
    kind: str = "muon"
    degrees: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Config:
    name: str = "count"
    steps: int = 5
    rate: float = 0.5
    model: Inner = Inner()

    @property
    def run_id(self) -> str:
        return f"{self.steps}-{self.rate}-{self.model.layers}-{self.model.kind}"


def steps_done(config, root):
    path = folder(config, root) / "steps"
    return [tuple(map(int, row.split())) for row in path.read_text().splitlines()]


def count(config, root):
    """Resumes at the first step that is not on file, as the trainer does."""
    path = folder(config, root) / "steps"
    path.touch()
    for step in range(len(steps_done(config, root)), config.steps):
        time.sleep(0.05)
        with open(path, "a") as handle:
            handle.write(f"{step} {os.getpid()}\n")


def fail_once(config, root):
    mark = folder(config, root) / "failed-once"
    if config.model.layers == 2 and not mark.exists():
        mark.touch()
        raise RuntimeError("out of luck")
    count(config, root)


def die(config, root):
    os.kill(os.getpid(), signal.SIGKILL)


def check(configs, root):
    """Nothing lost, nothing done twice."""
    for config in configs:
        assert [step for step, _ in steps_done(config, root)] == list(range(config.steps))
        assert (folder(config, root) / FINISHED).exists()


def inline(function, *arguments):
    """An engine without processes."""
    from concurrent.futures import Future

    future = Future()
    try:
        future.set_result(function(*arguments))
    except Exception as error:
        future.set_exception(error)
    return future


def test_a_grid_is_the_product_of_its_axes_without_repeats():
    axes = dict([parse_axis("model.layers=1,2"), parse_axis("rate=1,0.5,1.0")])
    assert [(c.model.layers, c.rate) for c in expand(Config(), axes)] == [
        (1, 1.0),
        (1, 0.5),
        (2, 1.0),
        (2, 0.5),
    ]
    assert parse_axis("model.degrees=(1,),(1, 3)") == ("model.degrees", [(1,), (1, 3)])
    assert parse_axis("model.kind=muon,adam") == ("model.kind", ["muon", "adam"])


@pytest.mark.parametrize(
    "axis, says",
    [
        ("model.layer=1", "it has layers, kind, degrees"),
        ("steps.layers=1", "plain value"),
        ("steps=many", "'many' cannot be"),
        ("steps", "write for example"),
        ("steps=1,,2", "write for example"),
    ],
)
def test_bad_axes_are_named(axis, says):
    with pytest.raises(UserError, match=says):
        expand(Config(), dict([parse_axis(axis)]))


def test_finished_jobs_are_skipped_and_failures_are_reported_and_retried(tmp_path):
    configs = expand(Config(), {"model.layers": [1, 2]})
    heard = []
    first = sweep(configs, tmp_path, inline, fail_once, report=heard.append)
    assert [o.state for o in heard] == ["finished", "failed", "finished"]
    assert "out of luck" in heard[1].message
    assert [(o.state, o.attempts) for o in first] == [("finished", 1), ("finished", 2)]
    again = sweep(configs, tmp_path, inline, fail_once)
    assert [o.state for o in again] == ["skipped", "skipped"]
    check(configs, tmp_path)


def test_local_processes_outlive_a_job_that_dies(tmp_path):
    config = Config()
    with engine("processes", workers=2) as submit:
        (dead,) = sweep([config], tmp_path, submit, die, retries=1)
        assert (dead.state, dead.attempts) == ("failed", 2)
        assert "exit code -9" in dead.message
        (done,) = sweep([config], tmp_path, submit, count)
    assert done.state == "finished"
    assert steps_done(config, tmp_path)[0][1] != os.getpid()
    check([config], tmp_path)


def test_two_workers_on_one_config_do_it_once(tmp_path):
    config = Config()
    states = []
    both = [
        threading.Thread(target=lambda: states.append(perform(count, config, tmp_path)))
        for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(states) == ["finished", "skipped"]
    check([config], tmp_path)


def kill_first_worker(root: Path, killed: list[int]) -> None:
    """SIGKILL the process that wrote the first step of all, while it is at work."""
    while not killed:
        time.sleep(0.02)
        for path in root.glob("*/steps"):
            if rows := path.read_text().splitlines():
                killed.append(int(rows[0].split()[1]))
                os.kill(killed[0], signal.SIGKILL)
                return


def test_a_dask_worker_killed_in_mid_sweep_loses_and_repeats_nothing(tmp_path):
    pytest.importorskip("distributed", reason="Dask is an extra: pip install -e '.[dask]'")
    configs = expand(Config(steps=12), {"model.layers": [1, 2, 3, 4]})
    killed: list[int] = []
    killer = threading.Thread(target=kill_first_worker, args=(tmp_path, killed))
    with engine("dask", workers=2) as submit:
        killer.start()
        outcomes = sweep(configs, tmp_path, submit, count)
        killer.join()
    assert [o.state for o in outcomes] == ["finished"] * 4
    check(configs, tmp_path)
    interrupted = [c for c in configs if steps_done(c, tmp_path)[0][1] == killed[0]]
    assert any(steps_done(c, tmp_path)[-1][1] != killed[0] for c in interrupted)


def test_slurm_adapter_in_submitits_local_mode(tmp_path, monkeypatch):
    pytest.importorskip("submitit", reason="submitit is an extra: pip install -e '.[slurm]'")
    monkeypatch.chdir(tmp_path)
    places = [str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    with engine("slurm", workers=1, address="local") as submit:
        (done,) = sweep([Config()], tmp_path, submit, count)
    assert done.state == "finished", done.message
    check([Config()], tmp_path)


def test_engines_that_cannot_be_had_say_so():
    with pytest.raises(UserError, match="known: processes, dask, slurm, ray"):
        engine("pbs", workers=1)
    with pytest.raises(UserError, match="at least one worker"):
        engine("processes", workers=0)
