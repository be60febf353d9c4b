"""The committed models and their manifest (verify/zoo/manifest.json)."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Entry:
    """A zoo model: ``roles`` say which claims use it; the rest is provenance.

    Errors are mean squared errors at the last query over the zero model's, on the model's own
    training task; ``learned`` is whether it beats 1-NN there on the same prompts.
    """

    name: str
    roles: tuple[str, ...]
    preset: str
    seed: int
    steps: int
    command: str
    device: str
    torch: str
    sha256: str
    in_distribution_error: float
    nearest_neighbour_error: float
    learned: bool


@cache
def entries() -> tuple[Entry, ...]:
    """All entries, in the manifest's order."""
    listed = json.loads((FOLDER / "manifest.json").read_text())
    return tuple(Entry(**(entry | {"roles": tuple(entry["roles"])})) for entry in listed)
