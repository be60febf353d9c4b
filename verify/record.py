"""How a claim writes down what it measured, and how it says that it was violated."""

import dataclasses
import hashlib
import json
from pathlib import Path

import torch

from theory import TheoryError
from verify.claims import Claim
from verify.rows import ROOT, Row, commit, write_text
from verify.subject import Subject

ATTACKS = ROOT / "verify" / "attacks"


def used(must: str, bound: float | None, attained: float | None) -> float | None:
    """How much of the bound is used up, where that is a number: 1 touches it."""
    if bound is None or attained is None or must == "!=":
        return None
    part, whole = (bound, attained) if must == ">=" else (attained, bound)
    return part / whole if whole else None


class Recorder:
    """Collects the rows of one claim on one model; call it to add a row."""

    def __init__(
        self, claim: Claim, model: Subject | None, path: Path | None = None, mutant: str = ""
    ) -> None:
        """``mutant`` marks rows that were made to see the claim fail."""
        self.claim, self.model, self.path, self.mutant = claim, model, path, mutant
        self.rows: list[Row] = []

    def __call__(
        self,
        *,
        holds: bool,
        bound: float | None = None,
        attained: float | None = None,
        ratio: float | None = None,
        **details,
    ) -> None:
        """Add a row; ratio defaults to how much of the bound is used up (verify/rows.py)."""
        details.setdefault("must", "" if details.get("series") else self.claim.must)
        if ratio is None:
            ratio = used(details["must"], bound, attained)
        name, hash_ = (self.model.name, self.model.hash) if self.model else ("", "")
        subject: dict = {"model": name, "model_hash": hash_, "commit": commit()}
        if self.model is not None:
            subject["seed"] = self.model.seed
        known: dict = {"id": self.claim.id, "claim": self.claim.text, "kind": self.claim.kind}
        note = details.pop("note", "") or self.mutant
        self.rows.append(
            Row(
                **(known | subject | details),
                mutant=bool(self.mutant),
                note=note,
                holds=bool(holds),
                bound=None if bound is None else float(bound),
                attained=None if attained is None else float(attained),
                ratio=None if ratio is None else float(ratio),
            )
        )

    def fail(self, why: str) -> None:
        """The assertion of the claim failed: no row of it reads as if it held.

        A mutant that was caught leaves one row, the one that it was caught at.
        """
        if not self.rows:
            self(holds=False)
        if self.mutant:
            self.rows = [dataclasses.replace(self.rows[-1], holds=False, series=False)]
        else:
            self.rows = [dataclasses.replace(r, holds=False, note=why[:500]) for r in self.rows]

    def survive(self) -> None:
        """The mutant was not noticed: one row that says that it "holds"."""
        if not self.rows:
            self(holds=True)
        self.rows = [dataclasses.replace(self.rows[-1], holds=True, series=False)]

    def violation(self, tokens: torch.Tensor | list[float], bound: object, seen: float) -> str:
        """Input, bound, prediction, exact recheck and the command that shows it again.

        Nothing is stored for a mutant: its violation is wanted.
        """
        prompt = [float(z) for z in (tokens.tolist() if torch.is_tensor(tokens) else tokens)]
        said = f"{self.claim.id}: {seen!r} is outside {bound}"
        if self.mutant or self.model is None:
            return said
        lines = [said, f"input: {prompt}", f"exactly: {self.recheck(prompt)}"]
        stored = self.store(prompt, bound, seen)
        lines.append(f"again: python -m verify.attack replay {stored.relative_to(ROOT)}")
        return "\n".join(lines)

    def recheck(self, prompt: list[float]) -> str:
        """What the exact network says at the prompt, whatever float32 said."""
        from theory.rounding import enclose_prediction

        assert self.model is not None
        try:
            return str(enclose_prediction(self.model.weights, prompt))
        except TheoryError as error:
            return f"not enclosed ({error})"

    def store(self, prompt: list[float], bound: object, seen: float) -> Path:
        """Write the input under verify/attacks; same input, same file."""
        assert self.model is not None
        record = {
            "claim": self.claim.name,
            "id": self.claim.id,
            "model": self.model.name,
            "model_hash": self.model.hash,
            "path": str(self.path) if self.path else "",
            "tokens": prompt,
            "bound": str(bound),
            "prediction": seen,
        }
        text = json.dumps(record, indent=1)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        path = ATTACKS / f"{self.claim.id}-{self.model.name}-{digest}.json"
        write_text(path, text + "\n")
        return path
