"""Laws of inputs, coefficients and degrees: draws that are functions of (seed, step).

Seeds and steps may be tensors of places (several models, several steps): the rows of a batch then
go to the places in equal parts, and every place draws what it would have drawn alone.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sim.config import Law, Task
from sim.errors import UserError
from sim.philox import normals, uniforms

STREAMS = {"x": 0, "coefficients": 1, "degree": 2, "noise": 3, "shape": 4, "kink": 5}
# Steps from here on are never trained on: evaluation draws its prompts there.
EVALUATION = 2**32


def each(rows: int, seed: int | Tensor, step: int | Tensor) -> int:
    """Rows of a batch that each place (seed, step) fills: one place, or equal parts to several."""
    places = torch.broadcast_shapes(*(n.shape for n in (seed, step) if isinstance(n, Tensor)))
    count, rest = divmod(rows, places.numel())
    assert not rest, f"{rows} rows, {places.numel()} places"
    return count


def draw(
    law: Law,
    shape: tuple[int, ...],
    stream: str,
    seed: int | Tensor,
    step: int | Tensor,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "*shape"]:
    """scale times U(-1, 1), N(0, 1), or N(-1, 1) and N(1, 1) by halves, in float64."""
    count = each(int(torch.Size(shape).numel()), seed, step)
    place = (seed, STREAMS[stream], step, device)
    if law.kind == "uniform":
        unit = 2 * uniforms(count, *place) - 1
    elif law.kind == "normal":
        unit = normals(count, *place)
    elif law.kind == "bimodal":
        unit = normals(2 * count, *place)
        unit = unit[..., :count] + torch.sign(unit[..., count:])
    else:
        raise UserError(f"no law {law.kind!r}; known: uniform, normal, bimodal")
    return (law.scale * unit).reshape(shape)


def degrees(
    task: Task,
    batch: int,
    seed: int | Tensor,
    step: int | Tensor,
    device: torch.device | str = "cpu",
) -> Int[Tensor, " batch"]:
    """The degree of each prompt."""
    u = uniforms(each(batch, seed, step), seed, STREAMS["degree"], step, device).flatten()
    table = torch.tensor(task.degrees, device=device)
    return table[(u * len(task.degrees)).long()]
