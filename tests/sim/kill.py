"""`python -m tests.sim.kill [KILLS]`: kill -9 a training at random moments, again and again.

One process imports torch and forks the trainings, so a kill costs a tenth of a second. Prints the
number of kills and how many hit a checkpoint half written, once everything agreed bit for bit with
a run that nobody disturbed.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch

from sim import result
from sim.checkpoint import load, path_of
from sim.config import Curriculum, Model, Train
from sim.runs import FINISHED, folder
from sim.train import Settings, run

CONFIG = Train(
    name="killed",
    model=Model(width=8, layers=2, points=7),
    batch=4,
    steps=40,
    curriculum=Curriculum(points=3),
    checkpoint_every=1,
)


def start(root: Path) -> int:
    """A training in a process of its own; returns its id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        run(CONFIG, Settings(runs=root, quiet=True))
        status = 0
    finally:
        os._exit(status)


def finished(root: Path) -> bool:
    return (folder(CONFIG, root) / FINISHED).exists()


def record(root: Path) -> list[dict[str, float]]:
    """The metrics without the speed."""
    lines = (folder(CONFIG, root) / "metrics.jsonl").read_text().splitlines()
    return [
        {key: value for key, value in json.loads(line).items() if key != "samples_per_second"}
        for line in lines
    ]


def same(root: Path, other: Path) -> None:
    """Every tensor of the last checkpoint and every logged loss, bit for bit."""
    a, b = (load(path_of(folder(CONFIG, r), CONFIG.steps)) for r in (root, other))
    assert a.tensors.keys() == b.tensors.keys() and len(a.tensors) > 50
    for name, tensor in a.tensors.items():
        assert torch.equal(tensor, b.tensors[name]), name
    assert record(root) == record(other)
    assert not list(folder(CONFIG, root).glob("*.part"))


def killed(root: Path, left: int, patience: float) -> tuple[int, int]:
    """Train to the end with at most `left` kills; returns kills and half written files seen."""
    kills = halves = 0
    while not finished(root):
        child = start(root)
        if kills < left:
            time.sleep(random.uniform(0.0, patience))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        kills += os.WIFSIGNALED(status)
        assert os.WIFSIGNALED(status) or status == 0, status
        halves += bool(list(folder(CONFIG, root).glob("*.part")))
    return kills, halves


def main(total: int) -> None:
    torch.set_num_threads(1)
    result.PROMPTS = 4
    with tempfile.TemporaryDirectory() as place:
        # what torch imports at the first step is imported before anything forks
        run(CONFIG, Settings(runs=Path(place) / "warm", quiet=True))
        calm = Path(place) / "calm"
        began = time.monotonic()
        os.waitpid(start(calm), 0)
        took = time.monotonic() - began
        kills = halves = runs = 0
        while kills < total:
            root = Path(place) / f"run-{runs}"
            more = killed(root, total - kills, patience=took / 2)
            kills, halves, runs = kills + more[0], halves + more[1], runs + 1
            same(root, calm)
        for number in (signal.SIGINT, signal.SIGTERM):
            root = Path(place) / f"signal-{number}"
            child = start(root)
            while not (folder(CONFIG, root) / "step-3.safetensors").exists():
                time.sleep(0.002)
            os.kill(child, number)
            _, status = os.waitpid(child, 0)
            assert os.WEXITSTATUS(status) == 1 and not finished(root)
            os.waitpid(start(root), 0)
            same(root, calm)
    print(f"{kills} kills, {halves} with a file half written, {runs} runs: bit-identical")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
