"""`python -m sim.sweep`: train a grid of configs, each once, on the engine of your choice.

A job is a config and its name is the hash of the config. Jobs that are finished on disk are
skipped; those that fail are reported and retried; those that are interrupted resume from their
last checkpoint, on whichever worker takes them up. A lock in the run's folder keeps two workers
from the same config at the same time (a cluster may reschedule a job whose worker is only thought
dead), so nothing is done twice.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sim.engines import Submit
from sim.runs import finish, folder, is_finished, locked

Job = Callable[[Any, Path], None]


class Outcome(NamedTuple):
    """What became of one config; state is finished, skipped (it was finished before) or failed."""

    run_id: str
    name: str
    state: str
    attempts: int
    seconds: float
    message: str = ""


def perform(job: Job, config: Any, root: Path) -> str:
    """Run one job under its lock unless it is finished; returns "finished" or "skipped"."""
    path = folder(config, root)
    with locked(path):
        if is_finished(path):
            return "skipped"
        job(config, root)
        finish(path)
        return "finished"


@dataclass
class _Attempt:
    config: Any
    number: int = 1
    started: float = field(default_factory=time.monotonic)

    def outcome(self, state: str, message: str = "") -> Outcome:
        seconds = time.monotonic() - self.started
        return Outcome(self.config.run_id, self.config.name, state, self.number, seconds, message)


def sweep(
    configs: Iterable[Any],
    root: Path,
    submit: Submit,
    job: Job,
    *,
    retries: int = 1,
    report: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Run job(config, root) for every config that is not finished; one outcome for each, in order.

    `report` hears each outcome as it comes, also of attempts that failed and are tried again.
    """
    outcomes: dict[str, Outcome] = {}
    running: dict[Future, _Attempt] = {}
    configs = {config.run_id: config for config in configs}
    for config in configs.values():
        running[submit(perform, job, config, root)] = _Attempt(config)
    while running:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in [known for known in running if known in done]:
            attempt = running.pop(future)
            error = future.exception()
            if error is None:
                outcome = attempt.outcome(future.result())
            else:
                outcome = attempt.outcome("failed", str(error) or type(error).__name__)
            report(outcome)
            if error is not None and attempt.number <= retries:
                again = _Attempt(attempt.config, attempt.number + 1, attempt.started)
                running[submit(perform, job, attempt.config, root)] = again
            else:
                outcomes[outcome.run_id] = outcome
    return [outcomes[run_id] for run_id in configs]


if __name__ == "__main__":
    from sim.sweep_cli import main

    main()
