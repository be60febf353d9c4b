"""Prompts that a long search found to press hardest on a bound, kept beside the zoo's models.

`python -m verify.zoo.search` finds them; claims run them again, so nothing here is believed: a
prompt is an input like any other, only a better one than a minute of ascent finds.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from verify.subject import Subject
from verify.zoo import FOLDER

PROMPTS = FOLDER / "prompts.jsonl"


@dataclass(frozen=True)
class Kept:
    """``tokens`` press on ``bound`` ("L2", "N9") at ``end`` ("low", "high") of the model.

    ``reached`` is what the search saw there; the rest says where the prompt is from.
    """

    model: str
    model_hash: str
    bound: str
    end: str
    tokens: tuple[float, ...]
    reached: float
    seed: int
    command: str
    device: str


def read(path: Path = PROMPTS) -> tuple[Kept, ...]:
    """Every kept prompt of the zoo."""
    lines = path.read_text().splitlines() if path.is_file() else []
    found = [json.loads(line) for line in lines]
    return tuple(Kept(**(entry | {"tokens": tuple(entry["tokens"])})) for entry in found)


def kept(model: Subject, bound: str) -> list[Float[Tensor, "1 T"]]:
    """The prompts kept for this very model, each a batch of one in float64."""
    mine = [k for k in read() if k.model_hash == model.hash and k.bound == bound]
    return [torch.tensor([k.tokens], dtype=torch.float64) for k in mine]
