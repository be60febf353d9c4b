"""`python -m tests.sim.kill_worker ENGINE`: a sweep of real trainings that loses a worker.

Runs `python -m sim.sweep` on two workers, kills -9 the process that is at work on one of the runs,
and compares everything with the same runs trained one after the other: nothing lost (the same bits
in every last checkpoint), nothing twice (every step is logged once, and a second sweep skips all).
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from sim.checkpoint import load, path_of, steps_in
from sim.config import Model, Train
from sim.loop import train
from sim.runs import folder, is_finished

STEPS = 150
CONFIGS = [
    Train(model=Model(width=8, layers=1, points=5), batch=4, steps=STEPS, seed=seed)
    for seed in range(4)
]
GRID = ["model.width=8", "model.layers=1", "model.points=5", "batch=4", f"steps={STEPS}",
        "seed=0,1,2,3", "checkpoint_every=2"]  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


def command(root: Path, engine: str) -> list[str]:
    """A sweep over four seeds of a tiny model."""
    options = ["--engine", engine, "--workers", "2", "--runs", str(root), "--json"]
    return [sys.executable, "-m", "sim.sweep", "--grid", *GRID, *options]


def holder(lock: Path) -> int | None:
    """The process that has the lock of a run open."""
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if entry.resolve() == lock:
                return int(entry.parts[2])
        except OSError:
            continue
    return None


def kill_one(root: Path) -> int:
    """Kill the worker of the first run that has a checkpoint and is not done; returns its id."""
    while True:
        time.sleep(0.01)
        for config in CONFIGS:
            path = folder(config, root)
            if steps_in(path) and not is_finished(path):
                worker = holder(path / "lock")
                if worker is not None:
                    os.kill(worker, signal.SIGKILL)
                    return worker


def logged(root: Path, config: Train) -> list[int]:
    """The steps of the losses."""
    lines = (folder(config, root) / "metrics.jsonl").read_text().splitlines()
    return [row["step"] for row in map(json.loads, lines) if "loss" in row]


def compare(root: Path, alone: Path) -> None:
    """The same bits as a run on its own, every step logged once."""
    for config in CONFIGS:
        train(config, alone, quiet=True)
        a, b = (load(path_of(folder(config, r), STEPS)).tensors for r in (root, alone))
        assert all(torch.equal(tensor, b[name]) for name, tensor in a.items())
        steps = logged(root, config)
        assert steps == sorted(set(steps)) and steps[-1] == STEPS, steps
        assert is_finished(folder(config, root))


def main(engine: str) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "sweep"
        first = subprocess.Popen(command(root, engine), cwd=ROOT, stdout=subprocess.PIPE, text=True)
        killed = kill_one(root)
        out, _ = first.communicate()
        states = [(outcome["state"], outcome["attempts"]) for outcome in json.loads(out)]
        assert first.returncode == 0 and [state for state, _ in states] == ["finished"] * 4, out
        again = subprocess.run(
            command(root, engine), cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert [o["state"] for o in json.loads(again.stdout)] == ["skipped"] * 4
        compare(root, Path(place) / "alone")
    attempts = [number for _, number in states]
    print(f"{engine}: worker {killed} killed, attempts {attempts}: nothing lost or twice")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "dask")
