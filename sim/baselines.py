"""Predictors that are not trained, all with the signature of a model: (xs, ys) -> predictions.

Prediction i is for x_i and uses xs[:, :i+1] and ys[:, :i] only (the last y is never read). The
arithmetic is float64 and the answer has the dtype of ys, so the error seen is the method's.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sim.errors import UserError

Predictor = Callable[[Float[Tensor, "b n"], Float[Tensor, "b n"]], Float[Tensor, "b n"]]


def zero(xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """The predictor that always says 0: its error is the scale of the task."""
    return torch.zeros_like(ys)


def nearest(
    xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"], *, neighbours: int
) -> Float[Tensor, "b n"]:
    """Mean value of the min(neighbours, i) earlier points nearest to x_i; 0 at i = 0.

    Causal: the authors' script for three neighbours sees later points too. Scale equivariant.
    """
    distance = (xs[:, :, None] - xs[:, None, :]).abs()
    n = xs.shape[1]
    later = torch.ones(n, n, dtype=torch.bool, device=xs.device).triu()
    distance = distance.masked_fill(later, torch.inf)
    chosen = distance.topk(min(neighbours, n), dim=-1, largest=False)
    seen = chosen.values < torch.inf
    copied = torch.gather(ys[:, None, :].expand(-1, n, -1), 2, chosen.indices)
    counts = torch.tensor([max(1, min(neighbours, i)) for i in range(n)], device=xs.device)
    return torch.where(seen, copied, 0).sum(-1) / counts


def powers(x: Float[Tensor, "*s"], degree: int) -> Float[Tensor, "*s k"]:
    """x^0 .. x^degree along a new last axis."""
    return x[..., None] ** torch.arange(degree + 1, device=x.device, dtype=x.dtype)


def prefixwise(
    xs: Float[Tensor, "b n"],
    ys: Float[Tensor, "b n"],
    one: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> Float[Tensor, "b n"]:
    """Stack one(x_1..x_i, y_1..y_i, query) over i in float64; 0 where nothing was seen."""
    x, y = xs.double(), ys.double()
    answers = [torch.zeros_like(x[:, 0])]
    answers += [one(x[:, :i], y[:, :i], x[:, i]) for i in range(1, xs.shape[1])]
    return torch.stack(answers, dim=1).to(ys.dtype)


def _fit(design: Float[Tensor, "b i k"], y: Float[Tensor, "b i"]) -> Float[Tensor, "b k"]:
    """Least squares; of least norm where fewer than k distinct points leave it open."""
    count, size = design.shape[1:]
    if count < size:
        return (torch.linalg.pinv(design) @ y[..., None])[..., 0]
    q, r = torch.linalg.qr(design)
    diagonal = r.diagonal(dim1=-2, dim2=-1).abs()
    # Equal points leave a zero on the diagonal, up to the rounding of the factorisation.
    full = diagonal.amin(1) > diagonal.amax(1) * count * torch.finfo(design.dtype).eps
    fitted = torch.empty_like(design[:, 0])
    right = q[full].mT @ y[full][..., None]
    fitted[full] = torch.linalg.solve_triangular(r[full], right, upper=True)[..., 0]
    fitted[~full] = (torch.linalg.pinv(design[~full]) @ y[~full][..., None])[..., 0]
    return fitted


def least_squares(
    xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"], *, degree: int
) -> Float[Tensor, "b n"]:
    """Least squares in polynomials of degree <= `degree`.

    The basis is (x / S)^j with S = max |x| over the prefix and its query; where the prefix does not
    determine the polynomial, the coefficients of least norm IN THAT BASIS are taken, so the rule is
    scale equivariant.
    """

    def one(x: Tensor, y: Tensor, query: Tensor) -> Tensor:
        scale = torch.maximum(x.abs().amax(1), query.abs())
        scale = torch.where(scale > 0, scale, 1)
        fitted = _fit(powers(x / scale[:, None], degree), y)
        return (powers(query / scale, degree) * fitted).sum(-1)

    return prefixwise(xs, ys, one)


def ridge(
    xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"], *, degree: int, penalty: float
) -> Float[Tensor, "b n"]:
    """argmin |y - p(x)|^2 + penalty |c|^2 over p of degree <= `degree`, monomials of the RAW x.

    The Bayes predictor for coefficients N(0, g^2) and noise N(0, s^2) with penalty = s^2 / g^2.
    """
    if penalty <= 0:
        raise UserError(f"ridge needs a positive penalty, got {penalty}; use least-squares for 0")

    def one(x: Tensor, y: Tensor, query: Tensor) -> Tensor:
        design = powers(x, degree)
        root = penalty**0.5 * torch.eye(degree + 1, dtype=x.dtype, device=x.device)
        padded = torch.cat([design, root.expand(len(x), -1, -1)], dim=1)
        q, r = torch.linalg.qr(padded)
        right = q[:, : x.shape[1]].mT @ y[..., None]
        fitted = torch.linalg.solve_triangular(r, right, upper=True)[..., 0]
        return (powers(query, degree) * fitted).sum(-1)

    return prefixwise(xs, ys, one)


def _spread(x: Float[Tensor, "b i"], count: int) -> Int[Tensor, "b m"]:
    """Indices of `count` earlier points by Leja's rule: each as far as can be from those before.

    Far means the largest product of distances, which keeps Lagrange's weights small.
    """
    chosen = [x.abs().argmax(1)]
    product = torch.ones_like(x)
    while len(chosen) < min(count, x.shape[1]):
        product = product * (x - x.gather(1, chosen[-1][:, None])).abs()
        chosen.append(product.argmax(1))
    return torch.stack(chosen, dim=1)


def interpolation(
    xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"], *, degree: int
) -> Float[Tensor, "b n"]:
    """The polynomial of degree <= `degree` through degree + 1 well spread earlier points, at x_i.

    Lagrange's form; exact for noiseless polynomials of that degree once degree + 1 distinct
    points were seen. Repeated points carry no weight: what is interpolated then has lower degree.
    """

    def one(x: Tensor, y: Tensor, query: Tensor) -> Tensor:
        index = _spread(x, degree + 1)
        node, value = x.gather(1, index), y.gather(1, index)
        gap = node[:, :, None] - node[:, None, :]
        itself = torch.eye(node.shape[1], dtype=torch.bool, device=x.device)
        repeated = ((gap == 0) & ~itself).tril(-1).any(-1)
        skip = itself | repeated[:, None, :]
        top = (query[:, None, None] - node[:, None, :]).expand_as(gap).masked_fill(skip, 1)
        bottom = gap.masked_fill(skip | repeated[:, :, None], 1)
        return ((top / bottom).prod(-1) * value).masked_fill(repeated, 0).sum(1)

    return prefixwise(xs, ys, one)
