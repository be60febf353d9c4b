"""Checks that Coq refuses every mutant of mutants.txt (the compiled files must be there: `make`).

A refused mutant shows that this proof fails for the changed statement, not that the statement is
false; for that the sources carry sharpness theorems. Exit status 1 when a mutant is accepted.
"""

import pathlib
import subprocess
import sys
import tempfile
from typing import NamedTuple

# Errors that say nothing about the statement: a typing slip, a missing name, stale compiled files.
NOT_A_VERDICT = ("Syntax error", "was not found", "Cannot find a", "inconsistent assumptions")
HERE = pathlib.Path(__file__).resolve().parent


class Mutant(NamedTuple):
    """One changed statement: the file's name without .v, the true text, the changed text."""

    file: str
    true: str
    changed: str


def mutants() -> list[Mutant]:
    """The lines of mutants.txt."""
    lines = (HERE / "mutants.txt").read_text().splitlines()
    return [Mutant(*line.split(" | ")) for line in lines if line and not line.startswith("#")]


def refusal(mutant: Mutant) -> str | None:
    """Coq's error for the mutant, None when Coq accepts it.

    Raises ValueError when the true text is no longer in the file or the mutant is not even
    well formed: both would make the refusal say nothing.
    """
    text = (HERE / f"{mutant.file}.v").read_text()
    if mutant.true not in text:
        raise ValueError(f"{mutant.file}.v has no `{mutant.true}`: bring mutants.txt up to date")
    with tempfile.TemporaryDirectory() as folder:
        for compiled in HERE.glob("*.vo"):
            if compiled.stem != mutant.file:
                pathlib.Path(folder, compiled.name).symlink_to(compiled)
        path = pathlib.Path(folder, f"{mutant.file}.v")
        path.write_text(text.replace(mutant.true, mutant.changed))
        command = ["coqc", "-q", "-Q", ".", "ICL", path.name]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if done.returncode == 0:
        return None
    message = done.stderr[done.stderr.find("Error:") :].strip()
    if any(cause in message for cause in NOT_A_VERDICT):
        raise ValueError(f"{mutant.file}: `{mutant.changed}` is not a statement: {message}")
    return message


def main() -> int:
    """Try all mutants."""
    accepted = 0
    for mutant in mutants():
        message = refusal(mutant)
        accepted += message is None
        verdict = "ACCEPTED" if message is None else "refused"
        print(f"{verdict}: {mutant.file}: {mutant.changed}")
    return bool(accepted)


if __name__ == "__main__":
    sys.exit(main())
