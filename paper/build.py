"""rows -> figures, values.json, theorems.json, tables.json -> paper.pdf and paper.html.

    python -m paper.build [--rows FILE ...] [--out FOLDER] [--zoo-only]

Each output is remade when the content of what it is made from changed, and only then: the digests
are kept in hashes.json. The same rows and sources give the same bytes.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import typst

from paper import tables, theorems
from verify import values
from verify.figures import STYLE, FigureError, drawings, render
from verify.measured import FOLDER as FOLDER_OF_MEASUREMENTS
from verify.measured import MeasurementError, measured_rows
from verify.rows import ROOT, Row, read
from verify.zoo import FOLDER

HERE = ROOT / "paper"
SHARED = (STYLE, ROOT / "verify/figures/__init__.py", ROOT / "verify/figures/marks.py")


class Outputs:
    """Files of one folder with the digests of what they were made from."""

    def __init__(self, folder: Path) -> None:
        """Make the folder; read the digests of the last build."""
        self.folder, self.path = folder, folder / "hashes.json"
        folder.mkdir(parents=True, exist_ok=True)
        self.known = json.loads(self.path.read_text()) if self.path.is_file() else {}

    def stale(self, name: str, digest: str) -> bool:
        """Whether a file is missing or was made from something else."""
        return self.known.get(name) != digest or not (self.folder / name).is_file()

    def done(self, name: str, digest: str) -> None:
        """Remember what a file was made from."""
        self.known[name] = digest
        self.path.write_text(json.dumps(self.known, indent=1, sort_keys=True))

    def data(self, name: str, content: Any) -> None:
        """Write JSON, but leave a file that says the same as it is."""
        path, text = self.folder / name, json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)


def digest(*parts: bytes) -> str:
    """SHA-256 of all parts, each with its length."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


def contents(paths: Sequence[Path]) -> list[bytes]:
    """The bytes of the files, in order of path."""
    return [path.read_bytes() for path in sorted(paths)]


def of_the_zoo(rows: Sequence[Row]) -> list[Row]:
    """Rows of committed models, and rows of no model."""
    names = {path.stem for path in FOLDER.glob("*.safetensors")}
    return [row for row in rows if not row.model or row.model in names]


def draw_figures(rows: Sequence[Row], out: Outputs) -> list[str]:
    """Draw what is stale; delete what has no rows; the names drawn."""
    drawn = []
    for name, drawing in drawings().items():
        chosen, file = drawing.rows(rows), f"{name}.svg"
        if not chosen:
            (out.folder / file).unlink(missing_ok=True)
            continue
        facts = json.dumps([vars(row) for row in chosen], sort_keys=True, default=str).encode()
        key = digest(facts, *contents([*SHARED, drawing.path]))
        if out.stale(file, key):
            (out.folder / file).write_bytes(render(drawing, chosen))
            out.done(file, key)
            drawn.append(name)
    return drawn


def write_data(rows: Sequence[Row], out: Outputs) -> None:
    """values.json and tables.json always; theorems.json when theory/ or the printer changed."""
    out.data("values.json", values.document(rows))
    out.data("tables.json", tables.document(rows))
    sources = [*(ROOT / "theory").glob("*.py"), HERE / "theorems.py", HERE / "typeset.py"]
    key = digest(*contents(sources))
    if out.stale("theorems.json", key):
        out.data("theorems.json", theorems.boxes())
        out.done("theorems.json", key)


def compile_paper(out: Outputs) -> list[str]:
    """Typst on main.typ, once for each format whose inputs changed; the files written."""
    inputs = [*HERE.rglob("*.typ"), *HERE.glob("*.bib"), *HERE.glob("*.css")]
    made = [p for p in out.folder.iterdir() if p.suffix == ".svg" or p.name in DATA]
    key = digest(*contents(inputs), *contents(made), version("typst").encode())
    folder, written = out.folder.resolve(), []
    for kind in ("pdf", "html"):
        name = f"paper.{kind}"
        if not out.stale(name, key):
            continue
        data, warnings = typst.compile_with_warnings(
            str(HERE / "main.typ"),
            root=folder.anchor,
            format=kind,
            ignore_system_fonts=True,
            sys_inputs={"build": folder.as_posix(), "format": kind},
        )
        expected = "html export is under active development"
        if unexpected := [w.message for w in warnings if expected not in w.message]:
            raise SystemExit(f"typst warns about {name}: {'; '.join(unexpected)}")
        assert isinstance(data, bytes)
        (out.folder / name).write_bytes(data)
        out.done(name, key)
        written.append(name)
    return written


DATA = ("values.json", "tables.json", "theorems.json")


def main(arguments: list[str] | None = None) -> int:
    """Build what is stale; exit 2 with one line on rows that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m paper.build", description=__doc__)
    default = ROOT / "verify" / "rows.jsonl"
    parser.add_argument("--rows", type=Path, nargs="+", default=[default])
    parser.add_argument("--out", type=Path, default=HERE / "build")
    parser.add_argument("--measured", type=Path, default=FOLDER_OF_MEASUREMENTS)
    parser.add_argument("--zoo-only", action="store_true", help="leave out rows of other models")
    options = parser.parse_args(arguments)
    if missing := [path for path in options.rows if not path.is_file()]:
        print(f"{missing[0]}: no rows; run `pytest verify/` first", file=sys.stderr)
        return 2
    rows = [row for path in options.rows for row in read(path)]
    rows = of_the_zoo(rows) if options.zoo_only else rows
    out = Outputs(options.out)
    try:
        rows += measured_rows(options.measured)
        drawn = draw_figures(rows, out)
    except (FigureError, MeasurementError) as error:
        print(error, file=sys.stderr)
        return 2
    write_data(rows, out)
    written = compile_paper(out)
    print(f"{len(rows)} rows, {len(drawn)} figures drawn, {', '.join(written) or 'paper is fresh'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
