"""metrics.jsonl is written whatever happens to the trackers."""

import json
import sys
from types import SimpleNamespace

import pytest

from sim.loop import train
from sim.metrics import Metrics
from sim.runs import folder


class Tracker:
    """Stands for wandb, trackio or a SummaryWriter; fails when it is told to."""

    def __init__(self, fails=()):
        self.fails, self.opened, self.heard = fails, [], []

    def init(self, **options):
        if "open" in self.fails:
            raise RuntimeError("no network,\nnor an account")
        self.opened.append(options)
        return self

    def log(self, values, step):
        if "log" in self.fails and len(self.heard) == 2:
            raise ValueError("quota exceeded")
        self.heard.append((step, values))

    def add_scalar(self, key, value, step):
        self.log({key: value}, step)


def installed(monkeypatch, name, tracker):
    module = SimpleNamespace(init=tracker.init, SummaryWriter=lambda path: tracker.init(path=path))
    path = "torch.utils.tensorboard" if name == "tensorboard" else name
    monkeypatch.setitem(sys.modules, path, module)


def rows(path):
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "trackio"])
def test_a_tracker_hears_what_is_logged(monkeypatch, tmp_path, name):
    tracker = Tracker()
    installed(monkeypatch, name, tracker)
    metrics = Metrics(tmp_path, {"seed": 1}, (name,))
    metrics.log(20, {"loss": 0.5})
    assert rows(tmp_path) == [{"step": 20, "loss": 0.5}]
    assert tracker.heard == [(20, {"loss": 0.5})]
    (options,) = tracker.opened
    if name != "tensorboard":
        assert options["name"] == tmp_path.name and options["config"] == {"seed": 1}
        assert options["resume"] == "allow"


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "trackio"])
@pytest.mark.parametrize("fails", ["open", "log", "import"])
def test_a_tracker_that_fails_stops_nothing(monkeypatch, capsys, tiny, tmp_path, name, fails):
    tracker = Tracker(fails)
    installed(monkeypatch, name, tracker)
    if fails == "import":
        path = "torch.utils.tensorboard" if name == "tensorboard" else name
        monkeypatch.setitem(sys.modules, path, None)
    last = train(tiny, tmp_path, quiet=True, log_to=(name,))
    assert last.exists()
    assert [row["step"] for row in rows(folder(tiny, tmp_path))] == [4, 8, 12, 12]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: no more logging to {name}: ")
    assert len(tracker.heard) == (2 if fails == "log" else 0)


def test_one_failing_tracker_leaves_the_other_alone(monkeypatch, capsys, tiny, tmp_path):
    bad, good = Tracker("open"), Tracker()
    installed(monkeypatch, "wandb", bad)
    installed(monkeypatch, "trackio", good)
    train(tiny, tmp_path, quiet=True, log_to=("wandb", "trackio"))
    assert [step for step, _ in good.heard] == [4, 8, 12, 12]
    assert len(capsys.readouterr().err.splitlines()) == 1
