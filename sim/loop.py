"""Training from wherever a run stands to its end: resumable, interruptible, recorded."""

import dataclasses
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from sim import runs, schedules
from sim.checkpoint import (
    Checkpoint,
    differences,
    environment,
    load,
    path_of,
    save_checkpoint,
    steps_in,
    write_atomically,
)
from sim.config import Train
from sim.errors import CheckpointError, UserError
from sim.metrics import Metrics, SinkName, cut_back
from sim.progress import progress
from sim.result import final_error
from sim.trainer import Trainer

LOG_EVERY = 20


class Interrupted(Exception):
    """Ctrl-C or SIGTERM: the run's state is on the disk, the same command continues it."""


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """A list that a first SIGINT or SIGTERM fills; a second one acts as it always does."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def remember(number: int, frame: object) -> None:
        caught.append(number)
        signal.signal(number, before[number])

    for number in before:
        signal.signal(number, remember)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def warn(text: str) -> None:
    """One line on stderr."""
    print(f"warning: {text}", file=sys.stderr)


def resume(trainer: Trainer, folder: Path) -> int:
    """Load the newest checkpoint of the folder, if there is one; returns the steps done.

    Raises:
        CheckpointError: it is damaged, or was made with another config.
    """
    done = steps_in(folder)
    if not done:
        return 0
    path = path_of(folder, done[-1])
    checkpoint = load(path)
    if checkpoint.config.run_id != trainer.config.run_id:
        raise CheckpointError(
            f"{path} belongs to run {checkpoint.config.run_id}, this is {trainer.config.run_id}: "
            "the config changed since; train in another folder (--runs) or restore the config"
        )
    if different := differences(checkpoint.environment, environment(trainer.device)):
        warn(
            f"{path.name} was made elsewhere ({'; '.join(different)}): not bit-identical from here"
        )
    try:
        trainer.load(checkpoint.tensors)
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"{path}: does not hold this model's state: {error}") from error
    return checkpoint.step


class Recorder:
    """Losses between two looks at them: no step waits for the device to finish."""

    def __init__(self, config: Train, folder: Path, metrics: Metrics, done: int) -> None:
        """`done` steps were done before."""
        self.config, self.folder, self.metrics = config, folder, metrics
        self.pending: list[Tensor] = []
        self.done, self.since = done, time.monotonic()

    def add(self, loss: Tensor) -> None:
        """The loss of the next step."""
        self.pending.append(loss)

    def look(self) -> str:
        """Log the mean loss since the last look; a text for the progress line.

        Raises:
            UserError: a loss was NaN or infinite; the last checkpoint is good.
        """
        if not self.pending:
            return ""
        losses = torch.stack(self.pending).double().cpu()
        bad = (~torch.isfinite(losses)).nonzero()
        if len(bad):
            first = int(bad[0])
            kept = steps_in(self.folder)
            where = f"the checkpoint of step {kept[-1]} is good" if kept else "none was saved yet"
            raise UserError(
                f"the loss is {losses[first]:g} at step {self.done + first}: training stopped, "
                f"{where}; try a lower --optimizer.rate"
            )
        now = time.monotonic()
        speed = len(losses) * self.config.batch / max(now - self.since, 1e-9)
        self.done += len(losses)
        mean = float(losses.mean())
        rate = schedules.rate(self.config, self.done - 1)
        self.metrics.log(
            self.done, {"loss": mean, "rate": rate, "samples_per_second": round(speed, 1)}
        )
        self.pending, self.since = [], now
        return f"loss {mean:.5f}  {speed:.0f} prompts/s"


def keep(trainer: Trainer, folder: Path, step: int) -> Path:
    """Write the checkpoint of a step, then drop all but it and the one before.

    Raises:
        UserError: a parameter is no number (nothing is written), or the disk refuses.
    """
    path = path_of(folder, step)
    if not trainer.finite():
        raise UserError(f"a parameter became NaN before step {step}: no checkpoint was written")
    state = Checkpoint(trainer.config, step, trainer.tensors(), environment(trainer.device))
    save_checkpoint(path, state)
    for old in steps_in(folder)[:-2]:
        path_of(folder, old).unlink(missing_ok=True)
    return path


def train(
    config: Train,
    root: Path,
    *,
    device: torch.device | str | None = None,
    quiet: bool = False,
    log_to: tuple[SinkName, ...] = (),
) -> Path:
    """Train to the end and return the last checkpoint's path; the caller holds the run's lock.

    Raises:
        UserError: NaN loss, a folder or disk that cannot be written to, a foreign checkpoint.
        Interrupted: after Ctrl-C or SIGTERM, with everything saved.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    folder = runs.folder(config, root)
    written = json.dumps(dataclasses.asdict(config), indent=1) + "\n"
    write_atomically(folder / "config.json", written.encode())
    trainer = Trainer(config, device)
    done = resume(trainer, folder)
    cut_back(folder / "metrics.jsonl", done)
    metrics = Metrics(folder, dataclasses.asdict(config), log_to)
    recorder = Recorder(config, folder, metrics, done)
    path = path_of(folder, done) if done else None
    with interruptible() as caught, progress(config.steps, done, quiet) as tell:
        for step in range(done, config.steps):
            recorder.add(trainer.advance(step))
            last, save = step + 1 == config.steps, (step + 1) % config.checkpoint_every == 0
            if last or save or caught or (step + 1) % LOG_EVERY == 0:
                tell(step + 1, recorder.look())
            if last or save or caught:
                path = keep(trainer, folder, step + 1)
            if caught:
                raise Interrupted(f"stopped after step {step + 1}; the same command continues")
    assert path is not None, "a run has at least one step"
    metrics.log(config.steps, final_error(trainer.model.eval(), config))
    return path
