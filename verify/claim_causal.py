"""What causes the limit: the 2 x 2 of LayerNorm and softmax (E2), and one change at a time.

Every claim compares zoo models of the same recipe that differ in the part named. A verdict is
computed from the rows (verify/ledger.py); a surprising outcome is a finding, not an error.
"""

import numpy as np
import torch

from theory.growth import derive
from theory.layernorm import readout_ceiling
from theory.plateau import plateau
from verify.claim_growth import exponents, lines
from verify.claims import claim
from verify.far import reference
from verify.ledger import decide
from verify.predictors import relative

CELLS = {
    "factorial:layernorm-softmax": "layernorm x softmax",
    "factorial:layernorm-linear": "layernorm x linear",
    "factorial:none-softmax": "none x softmax",
    "factorial:none-linear": "none x linear",
}
T = (1e2, 1e3, 1e4, 1e5, 1e6)


@claim(
    "G5",
    "each cell of the 2 x 2 grows with its own exponent",
    kind="causal",
    together=tuple(CELLS),
    mutants=("cells exchanged",),
    must="~",
)
def claim_G5_cells_grow_with_their_exponents(zoo, record, twist):
    """Exponent of |y(tz)| predicted from the weights by G1 against measured, every seed.

    Preregistered: every seed's exponent rounds to the prediction.
    """
    names = list(CELLS.items())
    asked = names[1:] + names[:1] if twist else names
    for (role, cell), (other, _) in zip(names, asked, strict=True):
        degree = derive(zoo[other][0].weights, "the whole prompt").degree
        for model in zoo[role]:
            found = exponents(model, "the whole prompt", degree)
            measured = float(found.median())
            holds = round(measured) == degree
            at = {"curve": "growth", "cell": cell, "kind": "exponent"}
            seen = {"bound": degree, "attained": measured, "holds": holds, "seed": model.seed}
            record(**seen, at=at, series=True, model=model.name)
            record(**seen, at={"cell": cell}, model=model.name)
            assert holds, f"{model.name}: exponent {measured}, predicted {degree}"
            if not twist:
                growth_rows(model, cell, degree, record)


def growth_rows(model, cell: str, degree: int, record) -> None:
    """|y(tz)| against t for one prompt."""
    prompt = lines(1, 6, 60)
    with torch.no_grad():
        said = [float(reference(model).tokens(prompt * t)[0, -1].abs()) for t in T]
    for t, y in zip(T, said, strict=True):
        at = {"curve": "growth", "cell": cell, "kind": "prediction", "t": t}
        bound = said[-1] * (t / T[-1]) ** degree
        record(bound=bound, attained=y, holds=True, at=at, series=True, seed=model.seed,
               model=model.name)  # fmt: skip


@claim(
    "C-cause",
    "LayerNorm and softmax cause the failure",
    kind="causal",
    together=tuple(CELLS),
    mutants=("in-distribution errors",),
)
def claim_C_cause_removing_either_does_not_remove_the_failure(zoo, record, twist):
    """Error over zero at input scale 100, degree 1, in each cell, band over seeds and prompts.

    If LayerNorm (softmax) were THE cause, the cells without it would not fail there.
    """
    errors = {}
    for role, cell in CELLS.items():
        found = relative(zoo[role], 1, 1.0 if twist else 100.0)
        errors[cell] = found
        at = {"cell": cell, "low": float(found.low), "high": float(found.high)}
        record(attained=float(found.mean), holds=True, at=at, series=True)
    changed = [cell for cell in errors if cell != CELLS["factorial:layernorm-softmax"]]
    least = min(changed, key=lambda cell: float(errors[cell].low))
    decide(
        record,
        "C-cause",
        effect=float(errors[least].mean),
        low=float(errors[least].low),
        high=float(errors[least].high),
        note=f"least error over zero: {least}",
    )


@claim(
    "C-attention-only",
    "attention alone has boundaries too",
    kind="causal",
    together=("attention-only-2",),
    mutants=("in-distribution errors",),
)
def claim_C_attention_only_fails_at_scale(zoo, record, twist):
    """Error over zero of the two-layer attention-only model at input scale 100, degree 1."""
    found = relative(zoo["attention-only-2"], 1, 1.0 if twist else 100.0)
    decide(record, "C-attention-only", effect=float(found.mean), low=float(found.low),
           high=float(found.high))  # fmt: skip


@claim(
    "C-mlp",
    "the MLP is not what limits",
    kind="causal",
    together=("no-mlp",),
    mutants=("in-distribution errors",),
)
def claim_C_mlp_without_it_the_failure_stays(zoo, record, twist):
    """Error over zero without MLPs at input scale 100, degree 1."""
    found = relative(zoo["no-mlp"], 1, 1.0 if twist else 100.0)
    decide(record, "C-mlp", effect=float(found.mean), low=float(found.low), high=float(found.high))


@claim(
    "C-ssa",
    "other scores do not remove the limit",
    kind="causal",
    together=("ssa", "small"),
    mutants=("in-distribution errors",),
)
def claim_C_ssa_fails_at_scale_like_softmax(zoo, record, twist):
    """SSA against softmax, everything else equal: error over zero at input scale 100, degree 1."""
    scale = 1.0 if twist else 100.0
    found = relative(zoo["ssa"], 1, scale)
    softmax = relative(zoo["small"], 1, scale)
    decide(record, "C-ssa", effect=float(found.mean), low=float(found.low), high=float(found.high),
           note=f"softmax: {float(softmax.mean):.4g}")  # fmt: skip


@claim(
    "C-norms",
    "other bounded norms fail alike",
    kind="causal",
    together=("rmsnorm", "dyt"),
    mutants=("in-distribution errors",),
)
def claim_C_norms_rmsnorm_and_dyt_fail_at_scale(zoo, record, twist):
    """RMSNorm and DyT: the lesser error over zero at input scale 100, degree 1."""
    found = [relative(zoo[role], 1, 1.0 if twist else 100.0) for role in ("rmsnorm", "dyt")]
    least = min(found, key=lambda band: float(band.mean))
    decide(record, "C-norms", effect=float(least.mean), low=float(least.low),
           high=float(least.high))  # fmt: skip


@claim(
    "C-final-norm",
    "the final norm alone is not the cause",
    kind="causal",
    together=("no-final-norm",),
    mutants=("in-distribution errors",),
)
def claim_C_final_norm_removed_trades_plateau_for_slope(zoo, record, twist):
    """Final norm removed, block norms kept: error over zero at input scale 100, degree 1 (N7)."""
    found = relative(zoo["no-final-norm"], 1, 1.0 if twist else 100.0)
    decide(record, "C-final-norm", effect=float(found.mean), low=float(found.low),
           high=float(found.high))  # fmt: skip


@claim(
    "C-cure",
    "scale equivariance removes the failure",
    kind="causal",
    together=("small",),
    mutants=("not wrapped",),
)
def claim_C_cure_the_same_weights_wrapped_do_not_fail(zoo, record, twist):
    """The same weights inside W1's wrapper, no retraining: error over zero at scale 100."""
    found = relative(zoo["small"], 1, 100.0, wrapped=not twist)
    decide(record, "C-cure", effect=float(found.mean), low=float(found.low), high=float(found.high))


@claim(
    "C-random",
    "beyond the boundary predictions are random",
    kind="causal",
    together=("small",),
    mutants=("at input scale 1",),
)
def claim_C_random_far_predictions_are_one_number_a_sign(zoo, record, twist):
    """Standard deviation over contexts of the prediction at x_q = 1000, in units of the ceiling.

    Functions of degree 1-3, contexts from the training law times 10; the paper's words would need
    a spread of the order of the ceiling.
    """
    spreads = []
    for model in zoo["small"]:
        prompts = lines(256, 21, 61) * 10
        prompts[:, -1] = 1.0 if twist else 1000.0
        with torch.no_grad():
            y = reference(model).tokens(prompts)[:, -1]
        radius = readout_ceiling(model.weights).radius
        spreads.append(float(y.std()) / radius)
        if not twist:
            limit = plateau(model.weights, 1).midpoint
            off = float((y - limit).abs().max())
            record(bound=radius, attained=off, holds=True, at={"y_inf": limit}, series=True,
                   model=model.name)  # fmt: skip
    spread = np.array(spreads)
    decide(record, "C-random", effect=float(spread.mean()), low=float(spread.min()),
           high=float(spread.max()))  # fmt: skip
