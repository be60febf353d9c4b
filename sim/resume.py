"""A run's state on the disk: what it may continue from, and what it leaves behind."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from sim.atomic import unwritable, write_atomically
from sim.checkpoint import (
    Checkpoint,
    check_finite,
    differences,
    environment,
    load,
    not_finite,
    path_of,
    save_checkpoint,
    steps_in,
)
from sim.config import Train
from sim.errors import CheckpointError, UserError
from sim.metrics import cut_back
from sim.trainer import Trainer


def warn(text: str) -> None:
    """One line on stderr."""
    print(f"warning: {text}", file=sys.stderr)


def surroundings(trainer: Trainer) -> dict[str, object]:
    """What the state is bit-identical for; a stack and torchrun's processes are part of it."""
    seeds = [config.seed for config in trainer.configs]
    return environment(
        trainer.device,
        stack=seeds if len(seeds) > 1 else None,
        processes=trainer.group.size if trainer.group.size > 1 else None,
    )


def read(trainer: Trainer, config: Train, path: Path, step: int) -> Checkpoint:
    """A checkpoint that this run may continue from.

    Raises:
        CheckpointError: it is damaged, or was made with another config.
    """
    checkpoint = load(path)
    check_finite(checkpoint, path)
    if checkpoint.config.run_id != config.run_id:
        raise CheckpointError(
            f"{path} belongs to run {checkpoint.config.run_id}, this is {config.run_id}: "
            "the config changed since; train in another folder (--runs) or restore the config"
        )
    if checkpoint.step != step or step > config.steps:
        raise CheckpointError(
            f"{path} holds step {checkpoint.step} of {config.steps}: a wrong name"
        )
    if different := differences(checkpoint.environment, surroundings(trainer)):
        warn(
            f"{path.name} was made elsewhere ({'; '.join(different)}): not bit-identical from here"
        )
    return checkpoint


def resume(trainer: Trainer, folders: Sequence[Path]) -> int:
    """Load the newest checkpoints of the folders, if there are some; returns the steps done.

    Raises:
        CheckpointError: damaged, foreign, or the models of a stack stand at different steps.
    """
    found = [set(steps_in(folder)) for folder in folders]
    if not any(found):
        return 0
    common = set.intersection(*found)
    if not common:
        newest = ", ".join(
            f"{folder.name} at {max(steps, default=0)}"
            for folder, steps in zip(folders, found, strict=True)
        )
        raise CheckpointError(
            f"the models of the stack stand at different steps ({newest}): finish each alone "
            "(--seed), then train the others together"
        )
    step = max(common)
    paths = [path_of(folder, step) for folder in folders]
    states = [
        read(trainer, config, path, step).tensors
        for config, path in zip(trainer.configs, paths, strict=True)
    ]
    try:
        trainer.load(states)
    except ValueError as error:
        raise CheckpointError(f"{paths[0]}: does not hold this model's state: {error}") from error
    return step


def keep(trainer: Trainer, folders: Sequence[Path], step: int) -> list[Path]:
    """Write the checkpoints of a step, then drop all but them and those before.

    Raises:
        UserError: a parameter is no number (nothing is written), or the disk refuses.
    """
    made = surroundings(trainer)
    states = [
        Checkpoint(config, step, tensors, made)
        for config, tensors in zip(trainer.configs, trainer.states(), strict=True)
    ]
    paths = [path_of(folder, step) for folder in folders]
    for state, path in zip(states, paths, strict=True):
        if name := not_finite(state.tensors):
            raise UserError(
                f"{name} became NaN or infinite before step {step}: {path} was not written, the "
                "checkpoint before it is good; try a lower --optimizer.rate"
            )
    for state, path in zip(states, paths, strict=True):
        save_checkpoint(path, state)
    for folder in folders:
        for old in steps_in(folder)[:-2]:
            path_of(folder, old).unlink(missing_ok=True)
    return paths


def settle(folder: Path, config: Train, done: int) -> None:
    """Leave nothing in the folder of what a killed process was about to write.

    Raises:
        UserError: the folder cannot be written to.
    """
    try:
        for part in folder.glob("*.part"):
            part.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    written = json.dumps(dataclasses.asdict(config), indent=1) + "\n"
    write_atomically(folder / "config.json", written.encode())
    cut_back(folder / "metrics.jsonl", done)
