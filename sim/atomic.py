"""Files that are the old one or the new one at any moment, never half of one."""

import os
from contextlib import suppress
from pathlib import Path

from sim.errors import UserError


def write_atomically(path: Path, data: bytes) -> None:
    """The old file or the new one, never half; the folder is made if it is not there.

    Raises:
        UserError: the folder cannot be written to, or the disk is full; the old file is as it was.
    """
    # No tempfile: its files are readable by their owner only, whatever the umask says.
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as new:
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
        os.replace(part, path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> UserError:
    """What to say when the system refuses to write a file of a run."""
    return UserError(
        f"{path}: cannot be written ({error.strerror or error}); what was there is as it was: "
        "free some space or choose another folder, and run the same command again"
    )
