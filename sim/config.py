"""One frozen dataclass decides a run, and its hash names it."""

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Literal

from sim.errors import UserError

Norm = Literal["layernorm", "rmsnorm", "dyt", "none"]


@dataclass(frozen=True)
class Law:
    """scale times U(-1, 1), N(0, 1), or N(-1, 1) and N(1, 1) by halves."""

    kind: Literal["uniform", "normal", "bimodal"] = "uniform"
    scale: float = 1.0


@dataclass(frozen=True)
class Task:
    """Which functions the prompts show; see sim.polynomials."""

    kind: Literal["polynomial", "chebyshev", "continuous", "zeros"] = "polynomial"
    degrees: tuple[int, ...] = (1, 2, 3)
    order: Literal["mixed", "sequential"] = "mixed"
    x: Law = Law()
    coefficients: Law = Law()
    noise: float = 0.0


@dataclass(frozen=True)
class Model:
    """The transformer; context 0 means 2 points - 1 rows in the position table."""

    width: int = 64
    layers: int = 3
    heads: int = 2
    points: int = 41
    context: int = 0
    mlp: bool = True
    mlp_ratio: int = 4
    activation: Literal["gelu_tanh", "gelu", "relu", "silu"] = "gelu_tanh"
    block_norm: Norm = "layernorm"
    final_norm: Norm = "layernorm"
    norm_position: Literal["pre", "post"] = "pre"
    score: Literal["softmax", "hardmax", "ssa", "sigmoid", "linear"] = "softmax"
    residual: bool = True
    positions: Literal["learned", "none"] = "learned"
    equivariant: bool = False
    packed: bool = False
    eps: float = 1e-5


@dataclass(frozen=True)
class Optimizer:
    """Muon on the block matrices and Adam on the rest, or Adam on all."""

    kind: Literal["muon", "adam"] = "muon"
    rate: float = 3e-3
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0
    warmup: float = 0.05
    schedule: Literal["cosine", "constant"] = "cosine"


@dataclass(frozen=True)
class Curriculum:
    """Prompts grow from `points` (0: full length) to full length over `share` of the training."""

    points: int = 0
    share: float = 0.5


@dataclass(frozen=True)
class Train:
    """A training run."""

    name: str = "toy"
    model: Model = Model()
    task: Task = Task()
    optimizer: Optimizer = Optimizer()
    curriculum: Curriculum = Curriculum()
    batch: int = 32
    steps: int = 1500
    seed: int = 0
    precision: Literal["float32", "tf32", "bf16"] = "float32"
    compile: bool = False
    checkpoint_every: int = field(default=500, metadata={"result": False})

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            UserError: a number that is too small, or a rate that is not positive and finite.
        """
        least = {
            "batch": (self.batch, 1),
            "steps": (self.steps, 1),
            "checkpoint_every": (self.checkpoint_every, 1),
            "seed": (self.seed, 0),
            "model.width": (self.model.width, 1),
            "model.layers": (self.model.layers, 0),
            "model.heads": (self.model.heads, 1),
            "model.points": (self.model.points, 2),
            "task.degrees": (min(self.task.degrees, default=-1), 0),
        }
        for name, (value, smallest) in least.items():
            if value < smallest:
                raise UserError(f"{name} is {value}: at least {smallest} is needed")
        if not (0 < self.optimizer.rate < math.inf and 0 < self.optimizer.clip):
            raise UserError(f"rate {self.optimizer.rate}, clip {self.optimizer.clip}: need > 0")
        if self.model.width % self.model.heads:
            raise UserError(f"width {self.model.width} is no multiple of {self.model.heads} heads")
        if not self.name or "/" in self.name:
            raise UserError(f"name {self.name!r}: it names a folder, so no slash and not empty")

    @property
    def run_id(self) -> str:
        """First 10 hex digits of the hash of every field that decides the result."""
        ignored = {f.name for f in dataclasses.fields(self) if not f.metadata.get("result", True)}
        decides = {k: v for k, v in dataclasses.asdict(self).items() if k not in ignored | {"name"}}
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:10]
