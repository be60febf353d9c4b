"""What a claim is: a function that measures, records and asserts, and how it is registered.

    @claim("L2", "no readout leaves the ceiling", mutant=True)
    def claim_L2_no_readout_leaves_the_ceiling(model, shrink, record): ...

The same function runs under pytest (conftest.py) and under ``python -m verify PATH``.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from theory import Weights, theorems
from verify.rows import Row, commit
from verify.subject import Subject

Kind = Literal["theorem", "empirical", "causal"]
SHRINK = 0.01


@dataclass(frozen=True)
class Claim:
    """``id`` a theorem's id or a ledger id; ``mutant`` True when the 1 % smaller bound must fail.

    ``role`` None: every model to which theorem ``id`` applies; otherwise only the zoo models with
    that role in the manifest. ``modelfree`` claims take no model.
    """

    id: str
    text: str
    kind: Kind
    mutant: bool
    role: str | None
    modelfree: bool
    run: Callable[..., None]

    def speaks_about(self, weights: Weights) -> str | None:
        """None, or why the claim does not apply to a model with these weights."""
        known = theorems()
        return known[self.id].applies(weights) if self.id in known else None


def claim(
    id_: str,
    text: str,
    *,
    kind: Kind = "theorem",
    mutant: bool = False,
    role: str | None = None,
    modelfree: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Attach a Claim to a function ``claim_<ID>_...``."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        function.claim = Claim(id_, text, kind, mutant, role, modelfree, function)  # type: ignore[attr-defined]
        return function

    return register


def claims() -> list[Claim]:
    """Every claim of the package, in file order."""
    import verify

    found = []
    for info in pkgutil.iter_modules(verify.__path__):
        if info.name.startswith("claim_"):
            module = importlib.import_module(f"verify.{info.name}")
            found += [v.claim for v in vars(module).values() if hasattr(v, "claim")]
    return found


class Recorder:
    """Collects the rows of one claim on one model; call it to add a row."""

    def __init__(self, claim_: Claim, model: Subject | None, mutant: bool = False) -> None:
        """``mutant`` marks rows that were made with the shrunken bound."""
        self.claim, self.model, self.mutant = claim_, model, mutant
        self.rows: list[Row] = []

    def __call__(
        self,
        *,
        holds: bool,
        bound: float | None = None,
        attained: float | None = None,
        ratio: float | None = None,
        **details: object,
    ) -> None:
        """Add a row; ratio defaults to attained / bound where that is defined."""
        if ratio is None and bound and attained is not None:
            ratio = attained / bound
        name, hash_ = (self.model.name, self.model.hash) if self.model else ("", "")
        subject = {"model": name, "model_hash": hash_, "commit": commit(), "mutant": self.mutant}
        if self.model is not None:
            subject["seed"] = self.model.seed
        self.rows.append(
            Row(
                self.claim.id,
                self.claim.text,
                self.claim.kind,
                holds=bool(holds),
                bound=None if bound is None else float(bound),
                attained=None if attained is None else float(attained),
                ratio=None if ratio is None else float(ratio),
                **(subject | details),
            )
        )
