"""Laws of inputs, coefficients and degrees: draws that are functions of (seed, step)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sim.config import Law, Task
from sim.errors import UserError
from sim.philox import normals, uniforms

STREAMS = {"x": 0, "coefficients": 1, "degree": 2, "noise": 3, "shape": 4, "kink": 5}
# Steps from here on are never trained on: evaluation draws its prompts there.
EVALUATION = 2**32


def draw(
    law: Law,
    shape: tuple[int, ...],
    stream: str,
    seed: int,
    step: int | Tensor,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "*shape"]:
    """scale times U(-1, 1), N(0, 1), or N(-1, 1) and N(1, 1) by halves, in float64."""
    count = int(torch.Size(shape).numel())
    place = (seed, STREAMS[stream], step, device)
    if law.kind == "uniform":
        unit = 2 * uniforms(count, *place) - 1
    elif law.kind == "normal":
        unit = normals(count, *place)
    elif law.kind == "bimodal":
        unit = normals(2 * count, *place)
        unit = unit[:count] + torch.sign(unit[count:])
    else:
        raise UserError(f"no law {law.kind!r}; known: uniform, normal, bimodal")
    return (law.scale * unit).reshape(shape)


def degrees(
    task: Task, batch: int, seed: int, step: int | Tensor, device: torch.device | str = "cpu"
) -> Int[Tensor, " batch"]:
    """The degree of each prompt."""
    u = uniforms(batch, seed, STREAMS["degree"], step, device)
    table = torch.tensor(task.degrees, device=device)
    return table[(u * len(task.degrees)).long()]
