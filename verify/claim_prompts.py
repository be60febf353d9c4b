"""The paper family's statements about prompts and layers, on models of the same protocol."""

import numpy as np
import torch

from sim.baselines import nearest
from sim.config import Law, Task
from verify.claim_paper import EXCHANGED, decided, spread
from verify.claims import claim
from verify.ledger import decide, undecidable
from verify.predictors import model_errors, plain, prompts_of, ratio_of


@claim("C-far-interval", "f(x) = x on [100, 101] is lost", kind="empirical", together=("small",),
       mutants=("on [-1, 1]",))  # fmt: skip
def claim_C_far_interval_is_lost(zoo, record, twist):
    """Mean squared error over mean square, every seed."""
    xs, _ = prompts_of(1, count=64)
    xs = xs if twist else 100.5 + xs / 2
    with torch.no_grad():
        said = [plain(m)(xs, xs)[:, -1].double() for m in zoo["small"]]
    target = xs[:, -1].double()
    errors = [float((y - target).square().mean() / target.square().mean()) for y in said]
    spread(record, "C-far-interval", errors)


@claim("C-no-convergence", "30x + 30 does not converge with context", kind="empirical",
       together=("small",), mutants=("x / 2 + 1 / 2",))  # fmt: skip
def claim_C_no_convergence_with_context(zoo, record, twist):
    """Error at the 41st query over that at the 5th, every seed."""
    xs, _ = prompts_of(1, count=64)
    ys = xs / 2 + 0.5 if twist else 30 * xs + 30
    ratios = []
    for model in zoo["small"]:
        with torch.no_grad():
            errors = (plain(model)(xs, ys) - ys).double().square().mean(0)
        ratios.append(float(errors[-1] / errors[4]))
    spread(record, "C-no-convergence", ratios)


@claim("C-one-layer", "one attention layer is very limited", kind="empirical",
       together=("attention-only-1", "attention-only-2"), mutants=(EXCHANGED,))  # fmt: skip
def claim_C_one_layer_over_two(zoo, record, twist):
    """Degree 1 on the training law."""
    one, two = (
        [model_errors(m, 1) for m in zoo[role]] for role in ("attention-only-1", "attention-only-2")
    )
    decided(record, "C-one-layer", ratio_of(two, one) if twist else ratio_of(one, two))


@claim("C-sorted", "sorted prompts are easier", kind="empirical", together=("small",),
       mutants=(EXCHANGED,))  # fmt: skip
def claim_C_sorted_over_unsorted(zoo, record, twist):
    """The same 40 examples, sorted or not, before the same query; coefficients U(-3, 3), degree 1.

    Sorting moves examples only: the query stays last, or the error would be another query's.
    """
    task = Task(degrees=(1,), coefficients=Law(scale=3.0))
    xs, ys = prompts_of(task)
    order = xs[:, :-1].argsort(dim=1)
    sorted_xs = torch.cat([xs[:, :-1].gather(1, order), xs[:, -1:]], dim=1)
    sorted_ys = torch.cat([ys[:, :-1].gather(1, order), ys[:, -1:]], dim=1)
    first = raw_errors(zoo["small"], sorted_xs, sorted_ys)
    usual = raw_errors(zoo["small"], xs, ys)
    decided(record, "C-sorted", ratio_of(usual, first) if twist else ratio_of(first, usual))


def raw_errors(models, xs, ys, sign: int = 1) -> list[np.ndarray]:
    """Squared errors at the last query of sign times the answer, one array a model."""
    with torch.no_grad():
        said = [sign * plain(m)(xs, ys)[:, -1] for m in models]
    return [(y - ys[:, -1]).double().square().numpy() for y in said]


@claim("C-average", "answers are averages of seen values", kind="empirical", together=("small",),
       mutants=("nearest seen value",))  # fmt: skip
def claim_C_average_of_seen_values(zoo, record, twist):
    """Queries at x_q = ±1, contexts in [-1/2, 1/2], degree 1: does the answer leave the hull?"""
    xs, ys = prompts_of(Task(degrees=(1,)), count=256)
    inner = torch.cat([xs[:, :-1] / 2, xs[:, -1:].sign()], dim=1)
    slope = (ys[:, 1] - ys[:, 0]) / (xs[:, 1] - xs[:, 0])
    values = slope[:, None] * (inner - xs[:, :1]) + ys[:, :1]
    low, high = values[:, :-1].amin(1), values[:, :-1].amax(1)
    target = values[:, -1]
    outside = (target < low) | (target > high)
    copied = nearest(inner, values, neighbours=1)[:, -1]
    shares = []
    for model in zoo["small"]:
        with torch.no_grad():
            said = copied if twist else plain(model)(inner, values)[:, -1]
        left = ((said < low) | (said > high))[outside]
        shares.append(float(left.double().mean()))
    spread(record, "C-average", shares)


@claim("C-worse-than-zero", "somewhere every model is worse than zero", kind="empirical",
       together=("small",), mutants=("answers of the other sign",))  # fmt: skip
def claim_C_worse_than_zero_somewhere(zoo, record, twist):
    """Largest relative error over input scales 2, 5, 10, degree 1, mean over seeds."""
    found = []
    for scale in (2.0, 5.0, 10.0):
        xs, ys = prompts_of(1, scale)
        size = float(ys[:, -1].double().square().mean())
        rows = raw_errors(zoo["small"], xs, ys, sign=-1 if twist else 1)
        found.append([float(row.mean()) / size for row in rows])
    worst = max(found, key=np.mean)
    decide(record, "C-worse-than-zero", effect=float(np.mean(worst)), low=min(worst),
           high=max(worst))  # fmt: skip


@claim("C-huge-token", "one huge example among ordinary ones", kind="empirical",
       together=("small", "factorial:none-softmax"))  # fmt: skip
def claim_C_huge_token_among_ordinary_ones(zoo, record):
    """Relative error, and the change of the answer, when x_6 and its y are far away (degree 1)."""
    task = Task(degrees=(1,))
    models = [zoo[role][0] for role in ("small", "factorial:none-softmax")]
    for model in models:
        xs, ys = prompts_of(task, count=64)
        target = ys[:, -1].double()
        with torch.no_grad():
            usual = plain(model)(xs, ys)[:, -1].double()
        for size in (1.0, 10.0, 100.0, 1e3, 2e4, 1e6):
            far = xs.clone()
            far[:, 5] = size
            slope = (ys[:, 1] - ys[:, 0]) / (xs[:, 1] - xs[:, 0])
            values = ys.clone()
            values[:, 5] = ys[:, 0] + slope * (size - xs[:, 0])
            with torch.no_grad():
                said = plain(model)(far, values)[:, -1].double()
            error = float((said - target).square().mean() / target.square().mean())
            shift = float((said - usual).abs().max())
            for kind, value in (("error", error), ("shift", shift)):
                at = {"curve": "extreme", "size": size, "kind": kind}
                record(attained=value, holds=True, series=True, at=at, model=model.name)
    undecidable(record, "C-huge-token")
