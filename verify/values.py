"""rows -> values.json: every number of the prose, with its unit and the claim that it comes from.

    python -m verify.values [--rows FILE] [--out FILE]

A number is rounded so that its sentence gets weaker, never stronger: a certified bound outward,
what was attained towards zero, an interval outward. A claim that did not run, or that failed, gives
a marker instead of a number; the paper prints the marker.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Context
from pathlib import Path
from typing import Any, Literal

from verify.rows import ROOT, Row, read

Rounding = Literal["up", "down", "inward", "nearest"]
MODES = {
    "up": ROUND_CEILING,
    "down": ROUND_FLOOR,
    "inward": ROUND_DOWN,
    "nearest": ROUND_HALF_EVEN,
}
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
Found = float | tuple[float, float, float] | None
Rows = Sequence[Row]


@dataclass(frozen=True)
class Value:
    """``pick(rows)`` finds the number: None when there is no such row.

    A triple is (measured, low, high), printed as an interval.
    """

    name: str
    claim: str
    pick: Callable[[Rows], Found]
    rounding: Rounding = "nearest"
    digits: int = 3
    unit: str = ""


@dataclass(frozen=True)
class Printed:
    """What the paper prints: ``text`` is empty unless ``state`` is "holds"."""

    text: str
    unit: str
    claim: str
    state: Literal["holds", "missing", "failed"]


def rounded(value: float, digits: int, rounding: Rounding) -> str:
    """``digits`` significant digits in the direction given, 10 ** n as ×10ⁿ; "∞" when infinite."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    number = Context(prec=digits, rounding=MODES[rounding]).create_decimal(value)
    if number == 0:
        return "0"
    exponent = number.adjusted()
    if -3 <= exponent < 6:
        text = f"{number:f}"
        return text.replace("-", "−") if exponent < 4 else f"{int(number):,}".replace(",", " ")
    mantissa = f"{number.scaleb(-exponent):f}".replace("-", "−")
    power = f"10{str(exponent).translate(SUPERSCRIPTS)}"
    return power if mantissa.rstrip("0").rstrip(".") == "1" else f"{mantissa} × {power}"


def printed(value: Value, rows: Rows) -> Printed:
    """The value as the paper shows it."""
    found = value.pick([row for row in rows if not row.mutant])
    if found is None or (isinstance(found, float) and math.isnan(found)):
        return Printed("", value.unit, value.claim, "missing")
    if any(not row.holds and not row.mutant for row in rows if row.id == value.claim):
        return Printed("", value.unit, value.claim, "failed")
    if isinstance(found, tuple):
        middle, low, high = found
        low_text, high_text = (
            rounded(end, value.digits, way)  # type: ignore[arg-type]
            for end, way in ((low, "down"), (high, "up"))
        )
        text = f"{rounded(middle, value.digits, 'nearest')} [{low_text}, {high_text}]"
    else:
        text = rounded(float(found), value.digits, value.rounding)
    return Printed(text, value.unit, value.claim, "holds")


def curve(rows: Rows, name: str, **where: Any) -> list[Row]:
    """The rows of one curve at the coordinates given."""
    wanted = {"curve": name} | where
    return [r for r in rows if r.series and wanted.items() <= r.at.items()]


def best(numbers: Iterable[float | None], choose: Callable = max) -> float | None:
    """Largest (or least) number that is there, or None."""
    there = [n for n in numbers if n is not None]
    return float(choose(there)) if there else None


def measured(row: Row | None) -> Found:
    """(attained, low, high) of a row with an interval, else what it attained."""
    if row is None or row.attained is None:
        return None
    if "low" not in row.at:
        return row.attained
    return row.attained, float(row.at["low"]), float(row.at["high"])


def first(rows: Rows) -> Row | None:
    """The first row, or None."""
    return rows[0] if rows else None


def document(rows: Rows) -> dict[str, dict]:
    """The content of values.json: name -> text, unit, claim, state."""
    from verify.numbers import VALUES

    return {value.name: asdict(printed(value, rows)) for value in VALUES}


def main(arguments: list[str] | None = None) -> int:
    """Write values.json; exit 2 with one line when there are no rows."""
    parser = argparse.ArgumentParser(prog="python -m verify.values", description=__doc__)
    parser.add_argument("--rows", type=Path, default=ROOT / "verify" / "rows.jsonl")
    parser.add_argument("--out", type=Path, default=ROOT / "paper" / "build" / "values.json")
    options = parser.parse_args(arguments)
    if not options.rows.is_file():
        print(f"{options.rows}: no rows; run `pytest verify/` first", file=sys.stderr)
        return 2
    text = json.dumps(document(read(options.rows)), indent=1, ensure_ascii=False)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
