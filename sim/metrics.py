"""metrics.jsonl is the record of a run, always; other sinks are extras that cannot stop it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from sim.atomic import unwritable, write_atomically

SinkName = Literal["tensorboard", "wandb", "trackio"]
PROJECT = "icl-limits"
Sink = Callable[[int, dict[str, float]], None]


def cut_back(path: Path, step: int) -> None:
    """Drop what was logged after the step that a run resumes from, and a torn last line.

    Also the final error, which a run that resumes will measure again.
    """
    if not path.exists():
        return
    kept = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            row = json.loads(line)
            if row["step"] <= step and "error" not in row:
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            continue
    write_atomically(path, "".join(f"{line}\n" for line in kept).encode())


def sink(name: SinkName, folder: Path, config: dict[str, Any]) -> Sink:
    """A function that sends numbers to a tracker; the package is imported here and not before."""
    if name == "tensorboard":
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(folder))

        def write(step: int, values: dict[str, float]) -> None:
            for key, value in values.items():
                writer.add_scalar(key, value, step)

        return write
    if name == "wandb":
        import wandb  # pyright: ignore[reportMissingImports]

        # one run a folder: a stack has several at a time, a resumed training goes on with its own
        run = wandb.init(
            project=PROJECT, id=folder.name, name=folder.name, dir=folder, config=config,
            resume="allow", reinit="create_new",
        )  # fmt: skip
        return lambda step, values: run.log(values, step=step)
    import trackio  # pyright: ignore[reportMissingImports]

    tracked = trackio.init(project=PROJECT, name=folder.name, config=config, resume="allow")
    return lambda step, values: tracked.log(values, step=step)


class Metrics:
    """Appends rows to metrics.jsonl and offers them to the sinks asked for."""

    def __init__(self, folder: Path, config: dict[str, Any], to: tuple[SinkName, ...] = ()) -> None:
        """A sink that cannot be opened is named on stderr and left out."""
        self.path = folder / "metrics.jsonl"
        self.sinks: dict[str, Sink] = {}
        for name in to:
            try:
                self.sinks[name] = sink(name, folder, config)
            except Exception as error:
                self.complain(name, error)

    def complain(self, name: str, error: Exception) -> None:
        """One line; the run goes on."""
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"warning: no more logging to {name}: {reason}", file=sys.stderr)

    def log(self, step: int, values: dict[str, float]) -> None:
        """One row, given to the system before the next step begins.

        Raises:
            UserError: the disk is full, or the folder cannot be written to.
        """
        try:
            with open(self.path, "a") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")
        except OSError as error:
            raise unwritable(self.path, error) from error
        for name in list(self.sinks):
            try:
                self.sinks[name](step, values)
            except Exception as error:
                self.complain(name, error)
                del self.sinks[name]
