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
RANGE = 2.0


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


def legible(seen: list[HeadsSeen]) -> tuple[HeadsSeen, int, int]:
    """(layer, prompt, head) whose last query has the score range nearest to RANGE.

    At a range of 20 what is reachable fills the hull, at one of 0 it is the mean: neither shows.
    """
    off = torch.stack([(layer.range[:, :, -1] - RANGE).abs() for layer in seen])
    layer, prompt, head = torch.unravel_index(off.argmin(), off.shape)
    return seen[int(layer)], int(prompt), int(head)


def hull_points(model: Subject, points: int = 5) -> Iterator[tuple[dict, list[float]]]:
    """(at, (u, v)) for one head on one prompt: its values, what it can say, what it says."""
    length = min(points, (model.context + 1) // 2)
    prompts = polynomials(PROMPTS, length, generator_of(SEED, 24)).clamp(-10, 10)
    with torch.no_grad():
        seen, prompt, head = legible(watch(model, prompts))
    values, spread = seen.values[prompt, head], float(seen.range[prompt, head, -1])
    where = {"curve": "hull", "delta": spread, "n": len(values)}
    where |= {"layer": seen.layer, "head": head}
    axes = plane(values)
    flat = values @ axes
    for index, point in enumerate(flat.tolist()):
        yield where | {"kind": "value", "index": index}, point
    angles = torch.linspace(0, 2 * torch.pi, DIRECTIONS + 1, dtype=torch.float64)[:-1]
    ratio = float(torch.tensor(spread, dtype=torch.float64).exp())
    for index, angle in enumerate(angles):
        direction = torch.stack([angle.cos(), angle.sin()])
        corner = vertex(flat, direction, ratio).tolist()
        yield where | {"kind": "reachable", "index": index}, corner
    yield where | {"kind": "output", "index": 0}, (seen.outputs[prompt, head, -1] @ axes).tolist()


def hull_rows(model: Subject, record) -> None:
    """The rows of the figure."""
    for at, (u, v) in hull_points(model):
        record(holds=True, series=True, at=at | {"u": u, "v": v})
