"""The command line of sim.sweep: a preset, a grid over its fields, an engine."""

import json
import os
import signal
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sim.engines import engine
from sim.errors import UserError
from sim.grid import expand, parse_axis
from sim.runs import folder, is_finished
from sim.sweep import Outcome, sweep


@dataclass(frozen=True)
class Settings:
    """Train every combination of the grid once; finished runs are skipped."""

    preset: str = "toy"
    """The config that the grid varies."""
    grid: tuple[str, ...] = ()
    """Axes, e.g. model.layers=1,2,3 seed=0,1,2; nested fields by dots, tuples as (1,3),(1,2,3)."""
    engine: Literal["processes", "dask", "slurm", "ray"] = "processes"
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    """Jobs at once; the default is one a core."""
    address: str | None = None
    """Dask scheduler, Slurm partition ("local": no Slurm), Ray head; default: start one here."""
    threads: int = 1
    """Threads of each job. Results are bit-identical only at the same number of threads."""
    runs: Path = Path("runs")
    retries: int = 1
    dry_run: bool = False
    """Only list the runs."""
    json: bool = False


def train_job(threads: int, config: Any, root: Path, log_to: tuple[Any, ...] = ()) -> None:
    """Train one config where it stands: from its last checkpoint, or from the start.

    Without a progress bar: several jobs share one terminal.
    """
    import torch

    from sim.loop import train

    torch.set_num_threads(threads)
    train(config, root, quiet=True, log_to=log_to)


def tell(outcome: Outcome) -> str:
    """One line on what became of an attempt."""
    text = f"{outcome.state:8}  {outcome.name}-{outcome.run_id}  attempt {outcome.attempts}"
    text += f"  {outcome.seconds:.1f} s"
    return text if not outcome.message else f"{text}  {outcome.message}"


def run(settings: Settings) -> list[Outcome]:
    """The whole command; failures are told as they come, and left in the outcomes.

    Raises:
        UserError: no such preset, field or engine.
    """
    from sim.presets import PRESETS

    if settings.preset not in PRESETS:
        raise UserError(f"no preset {settings.preset!r}; known: {', '.join(PRESETS)}")
    configs = expand(PRESETS[settings.preset], dict(map(parse_axis, settings.grid)))
    if settings.dry_run:
        for config in configs:
            path = folder(config, settings.runs)
            print(f"{'finished' if is_finished(path) else 'to do':8}  {path}")
        return []

    def report(outcome: Outcome) -> None:
        print(tell(outcome), file=sys.stderr, flush=True)

    job = partial(train_job, settings.threads)
    root = settings.runs.resolve()
    with engine(settings.engine, settings.workers, settings.address) as submit:
        return sweep(configs, root, submit, job, retries=settings.retries, report=report)


def command() -> Settings:
    """What the command line asks for; from here on SIGTERM is a Ctrl-C."""
    try:
        import tyro
    except ImportError as error:
        raise UserError("the command line needs tyro: pip install tyro") from error
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return tyro.cli(Settings, prog="python -m sim.sweep")


def main() -> None:
    """`python -m sim.sweep --grid model.layers=1,2,3 seed=0,1`; exit 1 if any run failed."""
    try:
        outcomes = run(settings := command())
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; the same command continues from the last checkpoints", file=sys.stderr)
        sys.exit(130)
    if settings.json:
        print(json.dumps([outcome._asdict() for outcome in outcomes], indent=1))
    elif outcomes:
        states = [outcome.state for outcome in outcomes]
        counts = (f"{states.count(s)} {s}" for s in ("finished", "skipped", "failed"))
        print(", ".join(counts))
    sys.exit(any(outcome.state == "failed" for outcome in outcomes))
