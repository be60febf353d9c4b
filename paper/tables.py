"""rows and the zoo's manifest -> tables.json: claims, ledger, models, scores, provenance."""

import json
import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from verify.figures import drawings
from verify.rows import ROOT, Row
from verify.table import closest, sign, verdict
from verify.values import curve, rounded

LIBRARIES = ("torch", "numpy", "sympy", "python-flint", "mpmath", "scipy", "matplotlib", "typst")
MANIFEST = ROOT / "verify" / "zoo" / "manifest.json"
UNDECIDED = "not run"


def number(value: float | None, digits: int = 4) -> str:
    """A measured number, or a dash."""
    return "–" if value is None else rounded(value, digits, "nearest")


def claim_rows(rows: Sequence[Row]) -> list[dict[str, str]]:
    """One line a claim: the row nearest to its bound over all models, and the verdict.

    ``bound`` carries the side on which ``attained`` must be.
    """
    ordered = sorted((r for r in rows if not r.series), key=lambda row: (row.id, row.claim))
    table = []
    for (id_, text), group in groupby(ordered, key=lambda row: (row.id, row.claim)):
        members = list(group)
        true = [row for row in members if not row.mutant]
        if not true:
            continue
        row = closest(true)
        table.append(
            {
                "id": id_,
                "claim": text,
                "kind": row.kind,
                "models": str(len({r.model for r in true if r.model}) or "–"),
                "bound": f"{sign(row)} {number(row.bound)}".strip(),
                "attained": number(row.attained),
                "ratio": number(row.ratio, 3),
                "verdict": verdict(true, [r for r in members if r.mutant]),
            }
        )
    return table


def ledger(rows: Sequence[Row]) -> list[dict[str, str]]:
    """The paper family's own statements: what they say, the verdict, what is true instead."""
    shown = [row for row in rows if not row.series and not row.mutant]
    found = {row.id: row for row in shown if "verdict" in row.at}
    table = []
    for id_, row in sorted(found.items()):
        words = {k: str(row.at.get(k, "")) for k in ("statement", "source", "amended")}
        interval = ""
        if "low" in row.at and "high" in row.at:
            low, high = rounded(row.at["low"], 3, "down"), rounded(row.at["high"], 3, "up")
            interval = f"[{low}, {high}]"
        numbers = {"effect": number(row.attained, 3), "interval": interval, "unit": row.unit}
        said = str(row.at["verdict"]) if row.holds else "the claim failed"
        numbers["threshold"] = number(row.bound, 3)
        table.append({"id": id_, "verdict": said, **words, **numbers})
    return table


def published(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Per law of x and predictor the errors at sigma 1..10, as the published tables print them."""
    table: dict[tuple[str, str], dict[int, float | None]] = {}
    for row in curve(rows, "published"):
        predictor = row.at["predictor"]
        value = row.bound if predictor.startswith("printed:") else row.attained
        table.setdefault((row.at["law"], predictor), {})[int(row.at["sigma"])] = value
    return [
        {
            "law": law,
            "predictor": predictor.removeprefix("printed:"),
            "printed": predictor.startswith("printed:"),
            "errors": ["–" if (v := errors.get(s)) is None else f"{v:.2f}" for s in range(1, 11)],
        }
        for (law, predictor), errors in sorted(table.items())
    ]


def models(manifest: Path = MANIFEST) -> list[dict[str, str]]:
    """The committed models: command, seed, device, steps, hash, errors in distribution."""
    if not manifest.is_file():
        return []
    shown = ("name", "seed", "steps", "device", "command", "sha256")
    errors = ("in_distribution_error", "nearest_neighbour_error")
    table = []
    for entry in json.loads(manifest.read_text()):
        words = {key: str(entry.get(key, "")) for key in shown}
        learned = entry.get("learned", True)
        note = "" if learned else "loses to 1-nn in distribution"
        words["note"] = " ".join(filter(None, (note, str(entry.get("note", "")))))
        table.append(words | {key: number(entry.get(key), 3) for key in errors})
    return table


def provenance(rows: Sequence[Row]) -> dict[str, Any]:
    """Where the rows are from: commits, devices, seeds, libraries of this build."""
    return {
        "rows": len(rows),
        "claims": len({(row.id, row.claim) for row in rows if not row.series}),
        "commits": sorted({row.commit for row in rows if row.commit}),
        "devices": sorted({row.device for row in rows}),
        "seeds": sorted({row.seed for row in rows if row.seed is not None}),
        "uncommitted": uncommitted(rows),
        "libraries": {name: version(name) for name in LIBRARIES},
        "python": platform.python_version(),
    }


def uncommitted(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """(model, hash) of rows whose weights are not the committed ones of that name."""
    committed = {entry["name"]: entry["sha256"] for entry in models()}
    seen = {(row.model, row.model_hash) for row in rows if row.model_hash}
    return sorted((m, h) for m, h in seen if not committed.get(m, "").startswith(h))


def figures(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Per figure: its file, the claims that it reads, how many rows, from which commits."""
    return {
        name: {
            "reads": list(drawing.reads),
            "source": str(drawing.path.relative_to(ROOT)),
            "rows": len(chosen := drawing.rows(rows)),
            "commits": sorted({row.commit for row in chosen if row.commit}),
        }
        for name, drawing in drawings().items()
    }


def evidence(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    """Per theorem id: how many claims ran, on how many models, the verdict, the closest ratio."""
    table = {}
    true = [row for row in rows if not row.series and not row.mutant]
    for id_, count in Counter(row.id for row in true).items():
        mine = [row for row in true if row.id == id_]
        row = closest(mine)
        table[id_] = {
            "rows": str(count),
            "claims": str(len({r.claim for r in mine})),
            "models": str(len({r.model for r in mine if r.model})),
            "ratio": number(row.ratio, 3),
            "state": "holds" if all(r.holds for r in mine) else "failed",
        }
    return table


def document(rows: Sequence[Row]) -> dict[str, Any]:
    """The content of tables.json."""
    return {
        "claims": claim_rows(rows),
        "ledger": ledger(rows),
        "published": published(rows),
        "models": models(),
        "figures": figures(rows),
        "evidence": evidence(rows),
        "provenance": provenance(rows),
    }
