"""Where a run lives: its folder, its lock, its mark of being finished."""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sim.atomic import unwritable
from sim.errors import UserError

FINISHED = "finished"


def folder(config: Any, root: Path) -> Path:
    """The run's folder, root/<name>-<run_id>."""
    return root / f"{config.name}-{config.run_id}"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file lock of a run; the system frees it when the holder dies, however it dies.

    Raises:
        UserError: the folder cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle = open(path / "lock", "w")
    except OSError as error:
        raise unwritable(path, error) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{path}: another process trains this run; waiting for it", file=sys.stderr)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def is_finished(path: Path) -> bool:
    """Whether the run in this folder was trained to its end."""
    return (path / FINISHED).exists()


def finish(path: Path) -> None:
    """Leave the mark.

    Raises:
        UserError: the folder cannot be written to.
    """
    try:
        (path / FINISHED).touch()
    except OSError as error:
        raise UserError(
            f"{path}: trained, but cannot be marked as finished ({error.strerror}); free some "
            "space and run the same command again: it only marks"
        ) from error
