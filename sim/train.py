"""`python -m sim.train [PRESET] [options]`: train a transformer on polynomials in context.

A bare command trains `toy` (about a minute on two cores). Ctrl-C saves; the same command resumes,
bit for bit at the same number of threads. A finished run is not trained again: stderr says how to
get another one. stdout holds nothing but the checkpoint's path. `torchrun --nproc-per-node 2 -m
sim.train ..` trains one model on several processes or GPUs.
"""

import difflib
import os
import signal
import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from sim import seeds
from sim.checkpoint import path_of, steps_in
from sim.config import Train
from sim.device import choose
from sim.distributed import ALONE, Group, group
from sim.errors import UserError
from sim.loop import Interrupted, train
from sim.metrics import SinkName
from sim.presets import PRESETS
from sim.runs import finish, folder, is_finished, locked


@dataclass(frozen=True)
class Settings:
    """How to run, as opposed to what: none of these decides the result, but for the threads."""

    seeds: tuple[int, ...] = ()
    """Several models that differ in the seed: one stack on a GPU, one process a core on a CPU."""
    runs: Path = Path("runs")
    """Where the run's folder is made."""
    device: str | None = None
    """cpu, cuda, cuda:1, ..; default: a GPU when there is one."""
    threads: int | None = None
    """CPU threads; default: torch's. Results are bit-identical at the same number only."""
    log_to: tuple[SinkName, ...] = ()
    """Trackers beside metrics.jsonl: tensorboard, wandb, trackio."""
    quiet: bool = False
    """No progress bar."""


def preset(name: str) -> Train:
    """The preset of this name.

    Raises:
        UserError: there is none; the nearest name is suggested.
    """
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(PRESETS)}"
        raise UserError(f"no preset {name!r}; {hint}")
    return PRESETS[name]


def already(checkpoint: Path, config: Train) -> str:
    """What to say of a run that is finished, and how to get another one."""
    return (
        f"already finished at step {config.steps}: nothing to train; the checkpoint is "
        f"{checkpoint}\n"
        f"longer: --steps {2 * config.steps}, a run of its own from step 0; another: --seed "
        f"{config.seed + 1}; the same anew: delete {checkpoint.parent}"
    )


def run(config: Train, settings: Settings, together: Group = ALONE) -> Path:
    """Train under the run's lock, or say that it is done; returns the last checkpoint's path.

    Raises:
        UserError, Interrupted: see sim.loop.train.
    """
    path, device = folder(config, settings.runs), settings.device
    with locked(path) if together.leads else nullcontext():
        done = together.leads and is_finished(path) and bool(steps_in(path))
        if together.any(done, device or "cpu"):
            if together.leads:
                print(already(path_of(path, config.steps), config), file=sys.stderr)
            return path_of(path, config.steps)
        last = train(
            config,
            settings.runs,
            device=device,
            quiet=settings.quiet,
            log_to=settings.log_to,
            group=together,
        )
        if together.leads:
            finish(path)
    return last


def command(arguments: list[str]) -> tuple[Train, Settings]:
    """The config and the settings that a command line asks for."""
    try:
        import tyro
    except ImportError as error:
        raise UserError(
            "the command line needs tyro (pip install tyro); without it call "
            "sim.loop.train(sim.presets.PRESETS['toy'], pathlib.Path('runs'))"
        ) from error
    named = bool(arguments) and not arguments[0].startswith("-")
    name, rest = (arguments[0], arguments[1:]) if named else ("toy", arguments)

    def parse(
        config: Annotated[Train, tyro.conf.arg(name="")] = preset(name),  # noqa: B008
        settings: Annotated[Settings, tyro.conf.arg(name="")] = Settings(),
    ) -> tuple[Train, Settings]:
        return config, settings

    about = f"{__doc__}\nPresets: {', '.join(PRESETS)}.\nThe defaults below are those of {name!r}."
    return tyro.cli(parse, args=rest, prog="python -m sim.train [PRESET]", description=about)


def perform(config: Train, settings: Settings) -> list[Path]:
    """What the command line asks for: one model, several seeds, or one model on many processes.

    Raises:
        UserError, Interrupted: see sim.loop.train.
    """
    with group(settings.device) as (together, device):
        settings = replace(settings, device=device)
        chosen = choose(device, settings.threads)
        if not settings.seeds:
            return [run(config, settings, together)]
        if together.size > 1:
            raise UserError("--seeds and torchrun: one model on many processes, or many models")
        configs = [replace(config, seed=seed) for seed in dict.fromkeys(settings.seeds)]
        if chosen.type == "cuda":
            return seeds.stack(configs, settings.runs, device, settings.quiet, settings.log_to)
        # what ends this process ends those that it started, with a checkpoint each
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        return seeds.processes(configs, settings.runs, settings.threads or 1, settings.log_to)


def main() -> None:
    """Exit 0 when trained, 2 on bad input, 130 when interrupted."""
    leads = os.environ.get("RANK", "0") == "0"
    try:
        paths = perform(*command(sys.argv[1:]))
    except (UserError, Interrupted, KeyboardInterrupt) as stop:
        bad = isinstance(stop, UserError)
        text = str(stop) or "stopped at once; the same command continues from the last checkpoint"
        if leads:
            print(f"error: {text}" if bad else text, file=sys.stderr)
        sys.exit(2 if bad else 130)
    if leads:
        print(*paths, sep="\n")


if __name__ == "__main__":
    main()
