"""Several seeds of one config: as one stack on a GPU, as processes on a CPU."""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from sim.checkpoint import path_of
from sim.config import Train
from sim.engines import engine
from sim.errors import UserError
from sim.loop import train_together
from sim.metrics import SinkName
from sim.runs import finish, folder, is_finished, locked
from sim.sweep import Outcome, sweep
from sim.sweep_cli import tell, train_job


def stack(
    configs: Sequence[Train],
    root: Path,
    device: str | None = None,
    quiet: bool = False,
    log_to: tuple[SinkName, ...] = (),
) -> list[Path]:
    """Train those that are not finished as one model of models; see sim.ensemble.

    Raises:
        UserError, Interrupted: see sim.loop.train_together.
    """
    with ExitStack() as locks:
        # in one order everywhere, so that two commands never wait for each other
        for path in sorted(folder(config, root) for config in configs):
            locks.enter_context(locked(path))
        left = [config for config in configs if not is_finished(folder(config, root))]
        if left:
            train_together(left, root, device=device, quiet=quiet, log_to=log_to)
        for config in left:
            finish(folder(config, root))
    return [path_of(folder(config, root), config.steps) for config in configs]


def processes(
    configs: Sequence[Train], root: Path, threads: int = 1, log_to: tuple[SinkName, ...] = ()
) -> list[Path]:
    """Train each in a process of its own, as many at a time as there are cores.

    Raises:
        UserError: one of them failed, twice; the others are trained.
    """

    def report(outcome: Outcome) -> None:
        print(tell(outcome), file=sys.stderr, flush=True)

    workers = min(len(configs), max(1, (os.cpu_count() or 1) // threads))
    job = partial(train_job, threads, log_to=log_to)
    with engine("processes", workers) as submit:
        outcomes = sweep(configs, root.resolve(), submit, job, report=report)
    if failed := [outcome for outcome in outcomes if outcome.state == "failed"]:
        raise UserError(f"{len(failed)} of {len(outcomes)} failed: {failed[0].message}")
    return [path_of(folder(config, root), config.steps) for config in configs]
