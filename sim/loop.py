"""Training from wherever a run stands to its end: resumable, interruptible, recorded."""

import dataclasses
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from sim import runs
from sim.baselines import Predictor
from sim.checkpoint import load_model, path_of
from sim.config import Train
from sim.distributed import ALONE, Group
from sim.ensemble import Ensemble
from sim.graphs import Graphs
from sim.metrics import Metrics, SinkName
from sim.progress import progress
from sim.recorder import Recorder
from sim.result import final_error
from sim.resume import keep, resume, settle
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


def on(device: torch.device, path: Path) -> Predictor:
    """The model of a checkpoint as a predictor that runs on a device and takes CPU prompts."""
    model = load_model(path, device)
    return lambda xs, ys: model(xs.to(device), ys.to(device)).cpu()


def prepare(configs: Sequence[Train], device: torch.device, group: Group = ALONE) -> Trainer:
    """One model or a stack of them, on a GPU with every step in one CUDA graph."""
    if device.type == "cuda":
        # what makes two runs on one kind of GPU bit-identical; must be set before the first product
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore
    if len(configs) > 1:
        trainer = Ensemble(configs, device)
    else:
        trainer = Trainer(configs[0], device, group)
    if device.type == "cuda" and group.size == 1:
        trainer.once = Graphs(trainer)
    return trainer


def follow(
    trainer: Trainer, folders: Sequence[Path], recorder: Recorder, quiet: bool = False
) -> None:
    """The steps that are left, with their logs and checkpoints.

    Raises:
        UserError, Interrupted: see ``train_together``.
    """
    group, config, done = trainer.group, trainer.config, recorder.done
    hush = quiet or not group.leads
    with interruptible() as caught, progress(config.steps, done, hush) as tell:
        for step in range(done, config.steps):
            recorder.add(trainer.advance(step))
            save = step + 1 == config.steps or (step + 1) % config.checkpoint_every == 0
            look = save or (step + 1) % LOG_EVERY == 0
            # several processes stop together: they ask each other, and not at every step
            stop = (look or group.size == 1) and group.any(bool(caught), trainer.device)
            if look or stop:
                tell(step + 1, recorder.look())
            if (save or stop) and group.leads:
                keep(trainer, folders, step + 1)
            if stop:
                raise Interrupted(f"stopped after step {step + 1}; the same command continues")


def train_together(
    configs: Sequence[Train],
    root: Path,
    *,
    device: torch.device | str | None = None,
    quiet: bool = False,
    log_to: tuple[SinkName, ...] = (),
    group: Group = ALONE,
) -> list[Path]:
    """Train to the end, several configs as one stack, and return the last checkpoints' paths.

    The caller holds the runs' locks.

    Raises:
        UserError: NaN loss, a folder or disk that cannot be written to, a foreign checkpoint.
        Interrupted: after Ctrl-C or SIGTERM, with everything saved.
    """
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    folders = [runs.folder(config, root) for config in configs]
    trainer = prepare(configs, device, group)
    done, metrics = 0, []
    if group.leads:
        done = resume(trainer, folders)
        for folder, config in zip(folders, configs, strict=True):
            settle(folder, config, done)
            metrics.append(Metrics(folder, dataclasses.asdict(config), log_to))
    done = group.follow(done, list(trainer.tensors().values()), device)
    recorder = Recorder(configs, folders, metrics, done)
    follow(trainer, folders, recorder, quiet)
    paths = [path_of(folder, configs[0].steps) for folder in folders]
    for config, path, log in zip(configs, paths, metrics, strict=False):
        log.log(config.steps, final_error(on(device, path), config))
    return paths


def train(
    config: Train,
    root: Path,
    *,
    device: torch.device | str | None = None,
    quiet: bool = False,
    log_to: tuple[SinkName, ...] = (),
    group: Group = ALONE,
) -> Path:
    """Train one model to the end; see ``train_together``."""
    (path,) = train_together([config], root, device=device, quiet=quiet, log_to=log_to, group=group)
    return path
