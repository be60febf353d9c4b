"""Statements that the predecessor's own tables and a little arithmetic decide."""

import math
from functools import cache, partial

import numpy as np

from sim.baselines import least_squares, nearest, zero
from sim.protocol import SIGMAS, coefficients, points, values
from verify.claims import claim
from verify.ledger import decide
from verify.predictors import plain, squared

# Printed in arXiv 2411.11465: Table 1 (x ~ U(-1, 1)), Table 2 and Table 4 (x ~ N(0, 1)).
REFERENCE = {
    "uniform": (1.52, 4.43, 13.55, 19.94, 30.81, 44.75, 52.71, 76.11, 105.43, 128.52),
    "normal": (2.19, 7.05, 19.22, 33.94, 52.23, 73.08, 86.02, 127.43, 165.27, 199.31),
}
LARGEST = (0.0, 0.0, 0.3, 1.1, 2.9, 7.9, 11.9, 28.3, 46.9, 73.5)
TABLE1 = {
    "N": (
        (0.0, 0.0, 0.22, 0.4, 1.73, 6.56, 8.56, 20.44, 39.73, 53.93),
        (0.0, 0.0, 0.32, 1.34, 3.14, 8.8, 12.13, 30.14, 49.37, 73.93),
    ),
    "B": (
        (0.03, 0.15, 0.53, 1.32, 2.74, 3.91, 5.52, 10.22, 13.86, 22.72),
        (0.0, 0.01, 0.08, 0.29, 0.78, 2.23, 3.66, 9.04, 18.68, 30.23),
    ),
    "U": (
        (0.02, 0.03, 0.13, 0.36, 0.84, 1.79, 2.54, 7.06, 11.38, 17.75),
        (0.0, 0.01, 0.13, 0.71, 1.92, 6.78, 10.92, 27.91, 38.75, 64.39),
    ),
}
TABLE4 = (
    (48.8, 57.62, 73.48, 84.51, 116.63, 129.52, 142.34, 177.69, 191.05, 246.43),
    (2.24, 4.81, 5.8, 7.19, 10.01, 19.04, 30.22, 38.03, 73.32, 118.89),
    (1.17, 2.64, 3.47, 5.01, 7.88, 16.85, 24.1, 40.98, 66.04, 95.03),
)
# what the largest model, 12L8AH, is printed with; for uniform x by the law it was trained on
PRINTED = {
    "normal": {"12L8AH": LARGEST},
    "uniform": {f"12L8AH ({law})": many for law, (_, many) in TABLE1.items()},
}
SHOWN = (1, 2, 4, 7, 10)
FUNCTIONS = 10
SLOW = "least squares"
RULES = {
    "zero": zero,
    "1-nn": partial(nearest, neighbours=1),
    SLOW: partial(least_squares, degree=1),
}


@cache
def published(name: str, law: str, sigma: int) -> float:
    """Error of a rule of RULES on the paper's own prompts and functions."""
    predictor = RULES[name]
    xs = points(law)
    rows = values(xs, coefficients("normal", sigma, 1))
    flat = squared(predictor, xs.repeat(len(rows), 1), rows.flatten(0, 1))
    return float(flat[:, 2:].mean())


def exact(record, id_: str, effect: float) -> None:
    """``decide`` on a number without an interval."""
    decide(record, id_, effect=effect, low=effect, high=effect)


@claim("C-published", "the printed rows of y = 0 are reproduced", kind="empirical", modelfree=True,
       mutants=("cut of three positions",))  # fmt: skip
def claim_C_published_rows_of_zero(record, twist):
    """Twenty numbers, to every printed digit; and every curve of the published figure."""
    worst = 0.0
    for law, printed in REFERENCE.items():
        for sigma, number in zip(SIGMAS, printed, strict=True):
            error = published("zero", law, sigma) if not twist else cut_of_three(law, sigma)
            worst = max(worst, abs(round(error, 2) - number))
            if twist:
                continue
            for name in RULES:
                if name == SLOW and sigma not in SHOWN:
                    continue
                bound = number if name == "zero" else None
                at = {"curve": "published", "law": law, "sigma": sigma, "predictor": name}
                record(bound=bound, attained=published(name, law, sigma), holds=True, series=True,
                       at=at)  # fmt: skip
            for name, printed_row in PRINTED[law].items():
                at = {"curve": "published", "law": law, "sigma": sigma}
                record(bound=printed_row[sigma - 1], holds=True, series=True,
                       at=at | {"predictor": f"printed:{name}"})  # fmt: skip
    exact(record, "C-published", worst)


def cut_of_three(law: str, sigma: int) -> float:
    """The zero model when three positions are left out instead of two."""
    return float(values(points(law), coefficients("normal", sigma, 1))[:, :, 3:].square().mean())


@claim("C-published", "a zoo model on the published prompts", kind="empirical",
       together=("small",), mutants=())  # fmt: skip
def claim_C_published_rows_of_models(zoo, record):
    """Ten of the hundred functions at five sigmas: enough for a marker, not the paper's row."""
    model = zoo["small"][0]
    for law in REFERENCE:
        xs = points(law)
        for sigma in SHOWN:
            rows = values(xs, coefficients("normal", sigma, 1))[:FUNCTIONS]
            flat = squared(plain(model), xs.repeat(FUNCTIONS, 1), rows.flatten(0, 1))
            at = {"curve": "published", "law": law, "sigma": sigma, "predictor": model.name}
            record(attained=float(flat[:, 2:].mean()), holds=True, series=True, at=at)


@claim("C-nearest", "the nearest seen value beats the largest model", kind="empirical",
       modelfree=True, mutants=("zero model",))  # fmt: skip
def claim_C_nearest_beats_the_printed_model(record, twist):
    """1-NN at sigma = 6 .. 10 against the printed row of 12L8AH (Table 2)."""
    name = "zero" if twist else "1-nn"
    wins = [published(name, "normal", s) < LARGEST[s - 1] for s in range(6, 11)]
    exact(record, "C-nearest", float(sum(wins)))


@claim("C-bigger", "larger models have larger boundaries", kind="empirical", modelfree=True,
       mutants=("rows exchanged",))  # fmt: skip
def claim_C_bigger_models_in_table_1(record, twist):
    """Table 1, sigma = 6 .. 10: where 12L8AH is below 3L4AH, three training laws."""
    wins = [large < small for few, many in TABLE1.values() for small, large in
            zip(few[5:], many[5:], strict=True)]  # fmt: skip
    share = float(np.mean(wins))
    exact(record, "C-bigger", 1 - share if twist else share)


@claim("C-below-zero", "every printed curve is below y = 0", kind="empirical", modelfree=True,
       mutants=("last row only",))  # fmt: skip
def claim_C_below_zero_in_table_4(record, twist):
    """Table 4 over its own row of y = 0."""
    rows = TABLE4[-1:] if twist else TABLE4
    ratios = [e / r for row in rows for e, r in zip(row, REFERENCE["normal"], strict=True)]
    exact(record, "C-below-zero", max(ratios))


@claim("C-percent", "95 % of the values lie in [-2s, 2s]", kind="empirical", modelfree=True,
       mutants=("the larger interval",))  # fmt: skip
def claim_C_percent_inside_two_sigma(record, twist):
    """P(|a x + b| <= 2), all N(0, 1): given x it is N(0, 1 + x²); midpoint rule over x."""
    limit = 6.0 if twist else 2.0
    x = np.linspace(-12, 12, 24_001)
    inside = [math.erf(limit / math.sqrt(2 * (1 + v * v))) for v in x]
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    exact(record, "C-percent", float(np.sum(inside * density) * (x[1] - x[0])))


@claim("C-twenty", "20 of 100 functions lie outside U(-1,1)", kind="empirical", modelfree=True,
       mutants=("one tail of one coefficient",))  # fmt: skip
def claim_C_twenty_of_a_hundred(record, twist):
    """100 (1 - P(|a| <= 1) P(|b| <= 1)), a, b ~ N(0, 1)."""
    inside = math.erf(1 / math.sqrt(2))
    exact(record, "C-twenty", 50 * (1 - inside) if twist else 100 * (1 - inside**2))
