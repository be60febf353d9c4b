"""Measurements that CI does not repeat, from verify/measurements/*.json, as rows of their curves.

    {"id": "C-speed", "curve": "speed", "command": "...", "commit": "...", "unit": "samples/s",
     "points": [{"what": "H100 bf16", "variant": "ours", "attained": 3.1e5, "device": "..."}, ...]}

What a point says beside ``attained``, ``bound``, ``device``, ``seed`` and ``model`` goes to ``at``.
"""

import json
from pathlib import Path

from verify.rows import ROOT, Row

FOLDER = ROOT / "verify" / "measurements"
FIELDS = ("attained", "bound", "device", "seed", "model")


class MeasurementError(Exception):
    """A file of measurements that cannot be read; the message names it."""


def measured_rows(folder: Path = FOLDER) -> list[Row]:
    """The rows of every file, files in order of name.

    Raises:
        MeasurementError: no JSON, or a file or point without what the form above asks for.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            record = json.loads(path.read_text())
            for point in record["points"]:
                known = {"model": ""} | {k: point[k] for k in FIELDS if k in point}
                at = {k: v for k, v in point.items() if k not in FIELDS}
                at |= {"curve": record["curve"], "command": record["command"]}
                words = {"unit": record.get("unit", ""), "commit": record.get("commit", "")}
                claim = f"measured once: {record['curve']}"
                row = Row(record["id"], claim, "empirical", holds=True, at=at, series=True,
                          **known, **words)  # fmt: skip
                found.append(row)
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise MeasurementError(
                f"{path}: no measurements in the form asked for ({error})"
            ) from None
    return found
