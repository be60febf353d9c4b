"""Where a run lives: its folder, its lock, its mark of being finished."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); choose another folder with --runs"
        ) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
