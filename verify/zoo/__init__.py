"""The committed models and their manifest (verify/zoo/manifest.json)."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Entry:
    """A zoo model: ``roles`` say which claims use it; the rest is provenance."""

    name: str
    roles: tuple[str, ...]
    sha256: str
    command: str
    device: str
    seed: int
    steps: int
    in_distribution_error: float
    nearest_neighbour_error: float
    note: str = ""


@cache
def entries() -> tuple[Entry, ...]:
    """All entries, in the manifest's order."""
    listed = json.loads((FOLDER / "manifest.json").read_text())
    return tuple(Entry(**(entry | {"roles": tuple(entry["roles"])})) for entry in listed)
