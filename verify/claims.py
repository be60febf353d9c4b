"""What a claim is: a function that measures, records and asserts, and how it is registered.

    @claim("L2", "no sampled prediction leaves the ceiling", mutants=("final norm skipped",))
    def claim_L2_sampled_predictions_stay_inside(model, record, samples): ...

The same function runs under pytest (conftest.py) and under ``python -m verify PATH``
(verify/cases.py says with which arguments), and again with each mutant, which must make it fail.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from theory import TheoryError, Weights, theorems

Kind = Literal["theorem", "empirical", "causal"]
# on which side of the bound what is seen must be ("~": equal once rounded); "" nothing is compared
Must = Literal["<=", ">=", "=", "~", "!=", ""]
SHRINK = 0.01
SMALLER = "bound 1 % smaller"


@dataclass(frozen=True)
class Claim:
    """``id`` is a theorem's or one of verify/ledger.py.

    ``mutants``: SMALLER (the argument ``shrink`` is 0.01 instead of 0), a fault of
    verify/faults.py (the model is replaced by a faulty one), or a false neighbour of the claim
    that the function itself knows (the argument ``twist`` is its name instead of "").
    ``role`` None: every model to which theorem ``id`` applies; else the zoo models of that role.
    ``together``: one run on the zoo models of all these roles (argument ``zoo``).
    ``modelfree``: no model at all.
    ``must``: what is seen must be "<=" the bound of its row, ">=", "=", "~" or "!="; the rows of a
    statement take the side of verify/ledger.py.
    """

    id: str
    text: str
    kind: Kind
    mutants: tuple[str, ...]
    role: str | None
    together: tuple[str, ...]
    modelfree: bool
    needs: Callable[[Weights], str | None] | None
    run: Callable[..., None]
    must: Must = "<="

    @property
    def name(self) -> str:
        """The function's name."""
        return self.run.__name__

    def objection(self, weights: Weights) -> str | None:
        """None, or why the claim does not speak about a model with these weights."""
        known = theorems()
        try:
            reason = known[self.id].applies(weights) if self.id in known else None
            return reason if reason or self.needs is None else self.needs(weights)
        except TheoryError as error:
            return str(error)


def claim(
    id_: str,
    text: str,
    *,
    kind: Kind = "theorem",
    mutants: tuple[str, ...] = (),
    role: str | None = None,
    together: tuple[str, ...] = (),
    modelfree: bool = False,
    needs: Callable[[Weights], str | None] | None = None,
    must: Must = "<=",
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Attach a Claim to a function ``claim_<ID>_...``; fields as in Claim."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        found = Claim(id_, text, kind, mutants, role, together, modelfree, needs, function, must)
        function.claim = found  # type: ignore[attr-defined]
        return function

    return register


def claims() -> list[Claim]:
    """Every claim of the package, file by file."""
    import verify

    found: dict[str, Claim] = {}
    for info in pkgutil.iter_modules(verify.__path__):
        if info.name.startswith("claim_"):
            module = importlib.import_module(f"verify.{info.name}")
            for value in vars(module).values():
                attached = getattr(value, "claim", None)
                if isinstance(attached, Claim):
                    found.setdefault(attached.name, attached)
    return list(found.values())
