"""One measured fact a row: what was proved, what was seen, on which model, at which commit."""

import dataclasses
import json
import math
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sim.atomic import write_atomically

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Row:
    """``bound`` is certified (or predicted, or preregistered), ``attained`` is measured.

    ``must`` says on which side of the bound attained must be ("<=", ">=", "=", "~" for equal once
    rounded, "!="; "" where nothing is compared). ``ratio`` is how much of the bound is used up:
    attained / bound, and bound / attained where attained must be ">="; so 1 touches the bound, and
    what is far from it is near 0. ``slack`` is the derived float rounding that the comparison
    allows; ``at`` the coordinates of the measurement (scale, degree, x_q, ...); ``series`` True for
    a point of a curve, which figures read and the claim table leaves out.
    """

    id: str
    claim: str
    kind: str
    model: str
    holds: bool
    bound: float | None = None
    attained: float | None = None
    ratio: float | None = None
    must: str = ""
    slack: float = 0.0
    at: dict = field(default_factory=dict)
    unit: str = ""
    note: str = ""
    series: bool = False
    mutant: bool = False
    seed: int | None = None
    device: str = "cpu"
    model_hash: str = ""
    commit: str = ""


@cache
def commit() -> str:
    """Short hash of the checkout, "-dirty" when files differ, "unknown" outside git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def jsonable(value: object) -> object:
    """JSON has no infinity: "inf", "-inf", "nan" as strings, at any depth."""
    if isinstance(value, dict):
        return {name: jsonable(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def write_text(path: Path, text: str) -> None:
    """Atomically: a reader sees the old file or the new one.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    write_atomically(path, text.encode())


def line(row: Row) -> str:
    """The row as one line of JSON."""
    return json.dumps(jsonable(dataclasses.asdict(row)), allow_nan=False)


def write(rows: Iterable[Row], path: Path) -> None:
    """The rows as JSON lines, atomically."""
    write_text(path, "".join(line(row) + "\n" for row in rows))


def read(path: Path) -> list[Row]:
    """The rows of a file written by ``write``."""
    rows = []
    for line in path.read_text().splitlines():
        record = json.loads(line)
        for name in ("bound", "attained", "ratio", "slack"):
            if isinstance(record[name], str):
                record[name] = float(record[name])
        rows.append(Row(**record))
    return rows
