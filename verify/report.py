"""One self-contained HTML file: claims, figures, theorems, provenance, and a model to play with."""

import argparse
import base64
import json
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jinja2 import Environment, FileSystemLoader

from sim.errors import UserError
from theory import TheoryError, Weights, theorems
from theory.layernorm import needs_bounded_readout, readout_ceiling
from theory.plateau import needs_plateau, plateau
from theory.weights import Attention, Norm
from verify.applies import why_unchecked
from verify.figures import FigureError, drawings, render
from verify.ledger import ledger
from verify.rows import Row, commit, read, write_text
from verify.subject import Subject, load_subject
from verify.table import ledger_lines, number, proved, summaries

HERE = Path(__file__).resolve().parent
COLUMN = 300  # points: a figure of one column is 241 wide
MOST_NUMBERS = 10**6  # a larger model is not put into the page
# (id in panel.js, name, least, most, step, start); the scale is a power of ten
Slider = tuple[str, str, float, float, float, float]
SLIDERS: tuple[Slider, ...] = (
    ("query", "query x_q", -1, 1, 0.01, 0.5),
    ("scale", "scale", -1, 6, 0.05, 0.6),
    ("points", "context", 1, 1, 1, 1),
    ("c0", "constant of f", -1, 1, 0.05, 0.2),
    ("c1", "slope of f", -1, 1, 0.05, 0.8),
    ("c2", "square of f", -1, 1, 0.05, 0),
    ("c3", "cube of f", -1, 1, 0.05, 0),
)


@dataclass(frozen=True)
class Shown:
    """A theorem as the page shows it."""

    id: str
    name: str
    statement: str
    assumptions: tuple[str, ...]
    needs: tuple[str, ...]
    tight: bool
    objection: str
    unchecked: str
    numbers: list[tuple[str, str]]


def packed(array: np.ndarray) -> dict[str, str]:
    """A float32 array in base64, as demo.js reads it."""
    data = np.ascontiguousarray(array, dtype="<f4").tobytes()
    return {"array": base64.b64encode(data).decode()}


def norm_data(norm: Norm) -> dict:
    """A norm for demo.js."""
    fields = {"kind": norm.kind, "eps": norm.eps, "alpha": norm.alpha}
    return fields | {"gamma": packed(norm.gamma), "beta": packed(norm.beta)}


def model_data(weights: Weights) -> dict:
    """Everything that demo.js computes a prediction from."""
    blocks = []
    for block in weights.blocks:
        if isinstance(block, Attention):
            d = block.output_bias.size
            found: dict = {"kind": "attention", "score": block.score, "ssa": list(block.ssa)}
            found["heads"] = len(block.query)
            for name in ("query", "key", "value"):
                found[name] = packed(getattr(block, name).reshape(-1, d))
                found[f"{name}_bias"] = packed(getattr(block, f"{name}_bias").reshape(-1))
            found["output"] = packed(np.concatenate(list(block.output), axis=1))
            found["output_bias"] = packed(block.output_bias)
        else:
            found = {"kind": "mlp", "activation": block.activation}
            found |= {n: packed(getattr(block, n)) for n in ("up", "up_bias", "down", "down_bias")}
        blocks.append(found | {"norm": norm_data(block.norm)})
    names = ("read_in", "read_in_bias", "positions", "read_out")
    return {name: packed(getattr(weights, name)) for name in names} | {
        "blocks": blocks,
        "final_norm": norm_data(weights.final_norm),
        "read_out_bias": weights.read_out_bias,
        "post_norm": weights.post_norm,
        "residual": weights.residual,
    }


def panel_data(model: Subject) -> dict:
    """The model with its ceiling and plateaus, where it has them."""
    weights = model.weights
    data: dict = {"model": model_data(weights)}
    if needs_bounded_readout(weights) is None:
        ceiling = readout_ceiling(weights)
        data["ceiling"] = [ceiling.low, ceiling.high]
    if needs_plateau(weights) is None:
        data["plateau"] = [plateau(weights, sign).midpoint for sign in (-1, 1)]
    return data


def numbers_in(weights: Weights) -> int:
    """How many numbers the page would carry."""
    from theory.weights import named_arrays

    return sum(array.size for _, array in named_arrays(weights))


def panel(model: Subject | None) -> dict | None:
    """What the live panel needs, or None where there is no model or too large a one."""
    if model is None or numbers_in(model.weights) > MOST_NUMBERS:
        return None
    data = json.dumps(panel_data(model))
    points = max(1, min(40, (model.context - 1) // 2))
    sliders = [s if s[0] != "points" else (*s[:3], points, 1, points // 2 or 1) for s in SLIDERS]
    return {"name": model.name, "data": data, "sliders": sliders}


def is_wide(svg: bytes) -> bool:
    """Whether a drawing is more than a column wide: a phone scrolls it, in a box of its own."""
    found = re.search(rb'<svg[^>]* width="([\d.]+)pt"', svg)
    return found is not None and float(found[1]) > COLUMN


def figures(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Every figure that has rows, as SVG in base64."""
    found = []
    for name, drawing in drawings().items():
        chosen = drawing.rows(rows)
        if not chosen:
            continue
        try:
            data = render(drawing, chosen)
        except FigureError:
            continue
        caption = (drawing.draw.__doc__ or "").splitlines()[0]
        shown = {"name": name, "caption": f"{name}: {caption}", "wide": is_wide(data)}
        found.append(shown | {"data": base64.b64encode(data).decode()})
    return found


def shown_theorems(model: Subject | None) -> list[Shown]:
    """All theorems; with a model its certified numbers, or why a theorem does not apply."""
    found = []
    for theorem in theorems().values():
        objection, unchecked, values = "", "", []
        if model is not None:
            unchecked = why_unchecked(theorem.id, model.weights) or ""
            try:
                objection = theorem.applies(model.weights) or ""
                if not objection:
                    evaluated = theorem.evaluate(model.weights)
                    values = [(name, str(value)) for name, value in evaluated.items()]
            except TheoryError as error:
                objection = str(error)
        texts = (theorem.id, theorem.name, theorem.statement)
        lists = (theorem.assumptions, theorem.needs)
        found.append(Shown(*texts, *lists, theorem.tight, objection, unchecked, values))
    return found


def provenance(rows: Sequence[Row], model: Subject | None, command: str) -> list[tuple[str, str]]:
    """Where the numbers are from; no path of this machine."""
    found = [("command", command)] if command else []
    if model is not None:
        found += [("model", model.name), ("SHA-256 of the file", model.hash)]
    mutants = sum(row.mutant for row in rows)
    found += [
        ("commit", commit()),
        ("rows", f"{len(rows) - mutants}, and {mutants} of mutants"),
        ("torch", torch.__version__),
        ("python", platform.python_version()),
        ("processor", f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"),
    ]
    return found


def colour(verdict: str) -> str:
    """CSS class of a verdict."""
    if "VIOLATED" in verdict or "SURVIVED" in verdict:
        return "bad"
    return "good" if verdict.startswith("holds") and "amended" not in verdict else "amended"


def share(row: Row) -> str:
    """The ratio as the table prints it."""
    return "-" if row.ratio is None else f"{row.ratio:.3f}"


def report(
    rows: Sequence[Row], model: Subject | None, title: str, command: str = "", about: str = ""
) -> str:
    """The page; ``about`` says what the model is."""
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True)
    filters = {"number": number, "colour": colour, "proved": proved, "ratio": share}
    environment.filters |= filters
    claims = summaries(rows)
    wrong = sum(colour(entry.verdict) == "bad" for entry in claims)
    decided = [entry for entry in ledger(rows) if entry.kind != "theorem"]
    scripts = "\n".join((HERE / name).read_text() for name in ("demo.js", "panel.js"))
    return environment.get_template("report.html.j2").render(
        title=title,
        about=about,
        summary=f"{len(claims)} claims, {wrong} violated.",
        verdicts=ledger_lines(rows),
        panel=panel(model),
        claims=claims,
        statements=[entry for entry in decided if entry.verdict != "not run"],
        figures=figures(rows),
        theorems=shown_theorems(model),
        provenance=provenance(rows, model, command),
        scripts=scripts,
    )


def write_report(
    rows: Sequence[Row],
    model: Subject | None,
    path: Path,
    title: str,
    command: str = "",
    about: str = "",
) -> None:
    """Write the page, atomically."""
    write_text(path, report(rows, model, title, command, about))


def main(arguments: list[str] | None = None) -> int:
    """`python -m verify.report`: the page of the last `pytest verify/`, with a zoo model to try."""
    parser = argparse.ArgumentParser(prog="python -m verify.report", description=main.__doc__)
    parser.add_argument("--rows", type=Path, default=HERE / "rows.jsonl")
    parser.add_argument("--model", type=Path, default=HERE / "zoo" / "small-0.safetensors")
    parser.add_argument("--out", type=Path, default=Path("verify-report") / "report.html")
    options = parser.parse_args(arguments)
    try:
        if not options.rows.is_file():
            raise UserError(f"{options.rows}: no rows; run `pytest verify/` first")
        model, rows = load_subject(options.model), read(options.rows)
        title = "Limits of in-context learning: every claim, and what was seen"
        write_report(rows, model, options.out, title, "pytest verify/; python -m verify.report")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
