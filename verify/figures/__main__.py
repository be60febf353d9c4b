"""`python -m verify.figures [--rows FILE] [--out FOLDER] [--png]`: draw what has rows."""

import argparse
import sys
from pathlib import Path

from verify.figures import FigureError, drawings, render
from verify.rows import ROOT, read


def main(arguments: list[str] | None = None) -> int:
    """Draw every figure that has rows; exit 2 with one line when a row lacks a field."""
    parser = argparse.ArgumentParser(prog="python -m verify.figures", description=__doc__)
    parser.add_argument("--rows", type=Path, default=ROOT / "verify" / "rows.jsonl")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "figures")
    parser.add_argument("--png", action="store_true", help="bitmaps of 200 dpi beside the SVG")
    options = parser.parse_args(arguments)
    if not options.rows.is_file():
        print(f"{options.rows}: no rows; run `pytest verify/` first", file=sys.stderr)
        return 2
    rows = read(options.rows)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, drawing in drawings().items():
        chosen = drawing.rows(rows)
        if not chosen:
            print(f"{name}: no rows of curve {drawing.curve!r} (claims {', '.join(drawing.reads)})")
            continue
        try:
            for kind in ("svg", "png")[: 1 + options.png]:
                (options.out / f"{name}.{kind}").write_bytes(render(drawing, chosen, kind))
        except FigureError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 2
        print(f"{name}: {len(chosen)} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
