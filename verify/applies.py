"""Which theorems the claims can check on a model of your own, and why the others are not checked.

A theorem may apply to a model and yet have no row: its claim compares models of the zoo, or needs
no model, or asks for more than the theorem does.
"""

from collections.abc import Sequence

from theory import Weights
from verify.claims import Claim, claims


def runs_on(claim: Claim) -> bool:
    """Whether ``python -m verify PATH`` runs the claim at all."""
    return not (claim.modelfree or claim.together or claim.role)


def why_not(claim: Claim, weights: Weights) -> str | None:
    """None where the claim runs on a model with these weights, else why not."""
    if claim.modelfree:
        return "checked without a model, by `pytest verify/`"
    if claim.together or claim.role:
        return "decided on models of the zoo, by `pytest verify/`: see the paper"
    return claim.objection(weights)


def why_unchecked(id_: str, weights: Weights) -> str | None:
    """None where some claim of the theorem runs on these weights, else why none does."""
    reasons: Sequence[str | None] = [why_not(c, weights) for c in claims() if c.id == id_]
    if not reasons:
        return "no claim: only its proof is checked"
    if None in reasons:
        return None
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))
