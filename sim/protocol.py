"""The published test set of arXiv 2411.11465, rebuilt: which prompts, which functions, which cut.

The rule was read from the authors' public test scripts (github.com/omyokun/SSA,
scratch/src/testoverxandy.py) and is confirmed by the twenty numbers of the printed rows
"REF y=0", which the zero predictor gives here to every printed digit (tests/sim/test_protocol.py).
Consequences worth knowing: sigma is a STANDARD DEVIATION (of N) or a half width (of U); a prompt
has 40 points, not the 41 the text prints; the first two predictions are not scored; the seeds
collide, so the 2,560 points hold only 670 distinct numbers.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sim.baselines import Predictor
from sim.errors import UserError

PROMPTS, POINTS, FUNCTIONS, CUT = 64, 40, 100, 2
SIGMAS = tuple(range(1, 11))
LAWS = ("normal", "uniform")


def _draw(law: str, count: int, seed: int, scale: float) -> Float[Tensor, " count"]:
    """First `count` draws after manual_seed(seed), N(0, scale) or U(-scale, scale)."""
    generator = torch.Generator().manual_seed(seed)
    if law == "normal":
        return scale * torch.randn(count, generator=generator)
    if law == "uniform":
        return -scale + 2 * scale * torch.rand(count, generator=generator)
    raise UserError(f"the published test set has no law {law!r}; use one of {', '.join(LAWS)}")


@lru_cache(maxsize=64)
def _points(law: str, scale: float) -> Float[Tensor, "64 40"]:
    rows = [[_draw(law, 1, 100 * i + 10 * j, scale) for j in range(POINTS)] for i in range(PROMPTS)]
    return torch.cat([x for row in rows for x in row]).reshape(PROMPTS, POINTS)


def points(law: str, scale: float = 1.0) -> Float[Tensor, "64 40"]:
    """The 64 prompts: x[i, j] is the first draw after manual_seed(100 i + 10 j), times `scale`."""
    return _points(law, scale).clone()


def coefficients(law: str, sigma: int, degree: int) -> Float[Tensor, "100 k"]:
    """The 100 functions of scale sigma as rows c_0 .. c_degree.

    One stream of 100 (degree + 1) draws after manual_seed(sigma), cut into blocks of 100 in the
    order x^1, x^0, x^2, x^3, ...
    """
    if degree < 1:
        raise UserError(f"the published test set starts at degree 1; got degree {degree}")
    blocks = _draw(law, FUNCTIONS * (degree + 1), sigma, float(sigma)).reshape(
        degree + 1, FUNCTIONS
    )
    return blocks[[1, 0, *range(2, degree + 1)]].T.contiguous()


def values(xs: Float[Tensor, "b n"], coefficients: Float[Tensor, "f k"]) -> Float[Tensor, "f b n"]:
    """f(x) for every function and prompt, summed from the highest power down as the authors do."""
    by_power = coefficients.T[:, :, None, None]
    total = by_power[-1] * xs ** (len(by_power) - 1)
    for power in range(len(by_power) - 2, 1, -1):
        total = total + by_power[power] * xs**power
    if len(by_power) > 2:
        total = total + by_power[1] * xs
    return total + by_power[0]


def squared_errors(
    predictor: Predictor,
    degree: int,
    sigma: int,
    *,
    x: str = "uniform",
    coefficient: str = "normal",
    sigma_x: float = 1.0,
) -> Float[np.ndarray, "100 64 38"]:
    """Squared error of every scored prediction for functions of scale sigma (float64)."""
    xs = points(x, sigma_x)
    errors = np.empty((FUNCTIONS, PROMPTS, POINTS - CUT))
    with torch.inference_mode():
        for row, ys in enumerate(values(xs, coefficients(coefficient, sigma, degree))):
            difference = predictor(xs, ys)[:, CUT:].double() - ys[:, CUT:].double()
            errors[row] = difference.square().numpy()
    return errors


def score(
    predictor: Predictor,
    degree: int,
    *,
    x: str = "uniform",
    coefficient: str = "normal",
    sigmas: Iterable[int] = SIGMAS,
    sigma_x: float = 1.0,
) -> Float[np.ndarray, " s"]:
    """One row of the paper's tables: mean squared error for each sigma."""
    rows = [
        squared_errors(predictor, degree, s, x=x, coefficient=coefficient, sigma_x=sigma_x)
        for s in sigmas
    ]
    return np.array([row.mean() for row in rows])
