"""The generated parts of README.md: `python -m verify.readme [--rows FILE] [--took NAME=TEXT ...]`.

A part stands between `<!-- generated: NAME -->` and `<!-- end: NAME -->`. The theorem table depends
on theory/ alone, and a test fails when it is stale; the others show the last run's rows.
"""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from theory import Theorem, theorems
from theory.lemmas import LEMMAS
from verify.figures import drawings
from verify.rows import ROOT, Row, commit, read
from verify.table import claim_table
from verify.values import curve, rounded
from verify.words import WORDS

README = ROOT / "README.md"
PART = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end: \2 -->)", re.DOTALL)
HEADLINES = ("L2", "N2", "N9", "P3", "G5", "W1")
WIDTH, DECADES = 48, 4


def escaped(text: str) -> str:
    """Plain text inside a Markdown table."""
    return re.sub(r"([|*_<>\[\]`~])", r"\\\1", text)


def proof(theorem: Theorem) -> str:
    """What checks it."""
    lemmas = len(LEMMAS.get(theorem.id, ()))
    coq = f", {lemmas} Coq lemma{'s' * (lemmas != 1)}" if lemmas else ""
    steps = len(theorem.steps)
    return f"{steps} sympy step{'s' * (steps != 1)}, arb{coq}"


def figure_of(id_: str) -> str:
    """A link to the figure that shows the theorem first of all, or that shows it at all."""
    showing = [d for d in drawings().values() if id_ in d.reads]
    if not showing:
        return ""
    drawing = min(showing, key=lambda d: d.reads.index(id_))
    return f"[{drawing.name}]({drawing.path.relative_to(ROOT)})"


def theorem_part() -> str:
    """One line a theorem: id, what it says, sharpness, what checks it, its figure."""
    lines = ["| id | theorem | tight | checked by | figure |", "| --- | --- | --- | --- | --- |"]
    for id_, theorem in theorems().items():
        words = f"**{theorem.name}.** {escaped(WORDS.get(id_, ''))}".strip()
        sharp = "tight" if theorem.tight else "one-sided"
        lines.append(f"| {id_} | {words} | {sharp} | {proof(theorem)} | {figure_of(id_)} |")
    return "\n".join(lines) + "\n"


def place(value: float) -> int:
    """Column of a relative error on the axis from 10^-4 to 1."""
    from math import log10

    return round(WIDTH * (1 + max(-1.0, min(0.0, log10(max(value, 1e-99)) / DECADES))))


def failure_part(rows: Sequence[Row]) -> str:
    """The failure curve as text: o the trained models, | the certified floor, w the wrapper."""
    models = curve(rows, "failure", predictor="model")
    if not models:
        return "```\nP3: the claim was not run\n```\n"
    degree = max(row.at["degree"] for row in models)
    wrapped = {r.at["scale"]: r for r in curve(rows, "failure", predictor="equivariant")}
    axis = f"{'10⁻⁴':{WIDTH // 2}}{'10⁻²':{WIDTH // 2}}1"
    lines = [f"{'scale':>6}  {'error, 95 % interval':24} {'floor':>7}  {axis}"]
    for row in sorted((r for r in models if r.at["degree"] == degree), key=lambda r: r.at["scale"]):
        marks = [" "] * (WIDTH + 1)
        other = wrapped.get(row.at["scale"])
        if other is not None and other.at["degree"] == degree:
            marks[place(other.attained or 0.0)] = "w"
        if row.bound:
            marks[place(row.bound)] = "|"
        marks[place(row.attained or 0.0)] = "o"
        low, high = rounded(row.at["low"], 3, "down"), rounded(row.at["high"], 3, "up")
        error = f"{rounded(row.attained or 0.0, 3, 'nearest')} [{low}, {high}]"
        floor = rounded(row.bound or 0.0, 3, "down")
        line = f"{row.at['scale']:6g}  {error:24} {floor:>7}  {''.join(marks)}"
        lines.append(line.rstrip())
    words = f"degree {degree}: o trained models, | certified floor (P3), w the wrapper (W1)"
    return "\n".join(["```", *lines, words, "```"]) + "\n"


def claims_part(rows: Sequence[Row]) -> str:
    """The headline claims, and all of them folded."""
    true = [row for row in rows if not row.series]
    if not true:
        return "```\nno claim was run\n```\n"
    head, *table = claim_table(rows)
    short = [line for line in table if line.split()[0] in HEADLINES]
    commits = ", ".join(sorted({row.commit for row in true}))
    folded = [
        "<details><summary>all claims</summary>",
        "",
        "```",
        head,
        *table,
        "```",
        "</details>",
    ]
    words = f"{len(table)} claims, rows written at {commits}"
    return "\n".join(["```", head, *short, "```", words, "", *folded]) + "\n"


def times_part(took: Sequence[str]) -> str:
    """What the last build took, as it was told."""
    lines = ["| command | took |", "| --- | --- |"]
    for entry in took:
        name, _, text = entry.partition("=")
        lines.append(f"| `{name}` | {text} |")
    return "\n".join(lines) + "\n"


def rewritten(text: str, rows: Sequence[Row] | None, took: Sequence[str] = ()) -> str:
    """README with its parts remade; parts without a source are left as they are."""
    makers: dict[str, Callable[[], str]] = {"theorems": theorem_part}
    if rows is not None:
        makers |= {"failure": lambda: failure_part(rows), "claims": lambda: claims_part(rows)}
    if took:
        makers["times"] = lambda: times_part(took)

    def remade(match: re.Match) -> str:
        make = makers.get(match[2])
        return match[1] + (make() if make else match[3]) + match[4]

    return PART.sub(remade, text)


def main(arguments: list[str] | None = None) -> int:
    """Rewrite README.md in place; exit 2 with one line when the rows named are missing."""
    parser = argparse.ArgumentParser(prog="python -m verify.readme", description=__doc__)
    parser.add_argument("--rows", type=Path, default=ROOT / "verify" / "rows.jsonl")
    parser.add_argument("--readme", type=Path, default=README)
    parser.add_argument("--took", action="append", default=[], metavar="COMMAND=TIME")
    options = parser.parse_args(arguments)
    rows = read(options.rows) if options.rows.is_file() else None
    if rows is None:
        print(f"{options.rows}: no rows, so only the theorems are renewed (at {commit()})")
    text = options.readme.read_text()
    options.readme.write_text(rewritten(text, rows, options.took))
    return 0


if __name__ == "__main__":
    sys.exit(main())
