"""Points of the hull figure: values of one head on one prompt, and what its scores let it say."""

from collections.abc import Iterator

import torch
from flint import arb
from jaxtyping import Float
from torch import Tensor

from theory.hull import expectile
from verify.heads import HeadsSeen, watch
from verify.passes import SEED
from verify.sampling import generator_of, polynomials
from verify.subject import Subject

DIRECTIONS = 48
PROMPTS = 24


def vertex(values: Float[Tensor, "n 2"], direction: Tensor, ratio: float) -> Tensor:
    """The reachable output farthest along the direction: the top k at the maximum (S3)."""
    along = values @ direction
    order = along.argsort(descending=True)
    best = expectile([arb(v) for v in along.tolist()], arb(ratio))
    weights = torch.ones(len(values), dtype=values.dtype)
    # k* = #{j : l(v_j) above the expectile}
    above = along[order] > float(best)
    weights[order[above]] = ratio
    return weights @ values / weights.sum()


def plane(values: Float[Tensor, "n e"]) -> Float[Tensor, "e 2"]:
    """The two directions in which the values spread most."""
    return torch.linalg.svd(values - values.mean(0)).Vh[:2].T


def hull_points(model: Subject, points: int = 5) -> Iterator[tuple[str, int, list[float], float]]:
    """(kind, index, (u, v), score range) for the first head of the last attention layer."""
    length = min(points, (model.context + 1) // 2)
    prompts = polynomials(PROMPTS, length, generator_of(SEED, 24)).clamp(-10, 10)
    with torch.no_grad():
        seen: HeadsSeen = watch(model, prompts)[-1]
    values, spread = seen.values[0, 0], float(seen.range[0, 0, -1])
    axes = plane(values)
    flat = values @ axes
    for index, point in enumerate(flat.tolist()):
        yield "value", index, point, spread
    angles = torch.linspace(0, 2 * torch.pi, DIRECTIONS + 1, dtype=torch.float64)[:-1]
    ratio = float(torch.tensor(spread, dtype=torch.float64).exp())
    for index, angle in enumerate(angles):
        direction = torch.stack([angle.cos(), angle.sin()])
        yield "reachable", index, vertex(flat, direction, ratio).tolist(), spread
    yield "output", 0, (seen.outputs[0, 0, -1] @ axes).tolist(), spread


def hull_rows(model: Subject, record) -> None:
    """The rows of the figure."""
    for kind, index, (u, v), spread in hull_points(model):
        at = {"curve": "hull", "kind": kind, "index": index, "u": u, "v": v, "delta": spread}
        record(holds=True, series=True, at=at | {"n": 2 * 5 - 1})
