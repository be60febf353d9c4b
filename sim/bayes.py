"""The Bayes predictor (posterior mean): normal coefficients, mixed degrees."""

from collections.abc import Sequence
from math import log

import torch
from jaxtyping import Float
from torch import Tensor

from sim.baselines import powers, prefixwise
from sim.errors import UserError

FLOAT32_ROUNDING = 2.0**-24


def bayes(
    xs: Float[Tensor, "b n"],
    ys: Float[Tensor, "b n"],
    *,
    degrees: Sequence[int],
    scale: float = 1.0,
    noise: float = 0.0,
    law: str = "normal",
) -> Float[Tensor, "b n"]:
    """E[f(x_i) | x_1, y_1, .., y_(i-1)]: degree uniform over `degrees`, coefficients N(0, scale^2).

    With A the powers of the prefix, s the noise and g the scale, degree k has the evidence
    -1/2 [min_c |y - A c|^2 / s^2 + |c|^2 / g^2 + log det(A'A + s^2/g^2) + (i - k - 1) log s^2
    + (k + 1) log g^2] and the mean at the minimising c. Noiseless float32 values carry their own
    rounding, so s^2 = noise^2 + (2^-24 max |y|)^2: this decides which degrees the data refute.

    Raises:
        UserError: for any other prior. Under U(-a, a) the posterior before degree + 1 points is the
            mean over a slice of a cube, and coefficients outside the cube leave it undefined (P4).
    """
    if law != "normal":
        raise UserError(
            f"the Bayes predictor is exact for normal coefficients only, got {law!r}; "
            "after degree + 1 points interpolation is Bayes for every prior that allows the data"
        )

    def one(x: Tensor, y: Tensor, query: Tensor) -> Tensor:
        rounding = FLOAT32_ROUNDING * y.abs().amax(1)
        # An all-zero prefix has no rounding: any small s says the same, f = 0 at these points.
        variance = noise**2 + torch.where(rounding > 0, rounding, FLOAT32_ROUNDING * scale) ** 2
        found = [_degree(x, y, query, degree, scale, variance) for degree in degrees]
        evidence = torch.stack([e for e, _ in found])
        return (torch.softmax(evidence, dim=0) * torch.stack([mean for _, mean in found])).sum(0)

    return prefixwise(xs, ys, one)


def _degree(
    x: Float[Tensor, "b i"],
    y: Float[Tensor, "b i"],
    query: Float[Tensor, " b"],
    degree: int,
    scale: float,
    variance: Float[Tensor, " b"],
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """(log evidence up to a constant that all degrees share, posterior mean at the query)."""
    count, size = x.shape[1], degree + 1
    unit = torch.eye(size, dtype=x.dtype, device=x.device)
    root = (variance.sqrt() / scale)[:, None, None] * unit
    q, r = torch.linalg.qr(torch.cat([powers(x, degree), root], dim=1))
    target = torch.cat([y, torch.zeros(len(y), size, dtype=y.dtype, device=y.device)], dim=1)
    right = q.mT @ target[..., None]
    coefficient = torch.linalg.solve_triangular(r, right, upper=True)[..., 0]
    misfit = (target - (q @ right)[..., 0]).square().sum(1) / variance
    volume = 2 * r.diagonal(dim1=-2, dim2=-1).abs().log().sum(1)
    rest = (count - size) * variance.log() + 2 * size * log(scale)
    return -(misfit + volume + rest) / 2, (powers(query, degree) * coefficient).sum(-1)
