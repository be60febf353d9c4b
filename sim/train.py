"""`python -m sim.train [PRESET] [options]`: train a transformer on polynomials in context.

A bare command trains `toy` (about a minute on two cores). Ctrl-C saves; the same command resumes,
bit for bit at the same number of threads.
"""

import difflib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch

from sim.checkpoint import path_of, steps_in
from sim.config import Train
from sim.errors import UserError
from sim.loop import Interrupted, train
from sim.metrics import SinkName
from sim.presets import PRESETS
from sim.runs import FINISHED, folder, locked


@dataclass(frozen=True)
class Settings:
    """How to run, as opposed to what: none of these decides the result, but for the threads."""

    runs: Path = Path("runs")
    """Where the run's folder is made."""
    device: str | None = None
    """cpu, cuda, cuda:1, ..; default: a GPU when there is one."""
    threads: int | None = None
    """CPU threads; default: torch's. Results are bit-identical at the same number only."""
    log_to: tuple[SinkName, ...] = ()
    """Trackers beside metrics.jsonl: tensorboard, wandb, trackio."""
    quiet: bool = False


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


def run(config: Train, settings: Settings) -> Path:
    """Train under the run's lock, or say that it is done; returns the last checkpoint's path.

    Raises:
        UserError, Interrupted: see sim.loop.train; also a device that is not there.
    """
    if settings.threads is not None:
        if settings.threads < 1:
            raise UserError(f"--threads {settings.threads}: at least one is needed")
        torch.set_num_threads(settings.threads)
    if settings.device is not None:
        try:
            torch.empty(1, device=settings.device)
        except (RuntimeError, AssertionError) as error:
            raise UserError(f"--device {settings.device}: {str(error).splitlines()[0]}") from error
    path = folder(config, settings.runs)
    with locked(path):
        if (path / FINISHED).exists() and steps_in(path):
            return path_of(path, steps_in(path)[-1])
        last = train(
            config,
            settings.runs,
            device=settings.device,
            quiet=settings.quiet,
            log_to=settings.log_to,
        )
        (path / FINISHED).touch()
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


def main() -> None:
    """Exit 0 when trained, 2 on bad input, 130 when interrupted."""
    try:
        config, settings = command(sys.argv[1:])
        print(run(config, settings))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
