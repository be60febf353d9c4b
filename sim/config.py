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
    """One of these for each prompt; those left out are held out."""
    order: Literal["mixed", "sequential"] = "mixed"
    """sequential: one degree after the other, in equal parts of the training."""
    x: Law = Law()
    coefficients: Law = Law()
    noise: float = 0.0
    """Standard deviation of normal noise on every value."""


@dataclass(frozen=True)
class Model:
    """The transformer; context 0 means 2 points - 1 rows in the position table."""

    width: int = 64
    layers: int = 3
    heads: int = 2
    points: int = 41
    """Points (x, y) of a prompt."""
    context: int = 0
    """Rows of the position table: the longest prompt, in tokens, that can be tried later."""
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
    """Scale every prompt to size 1 and the answer back (W1)."""
    packed: bool = False
    """Tokens (x_i, y_(i-1)): half the length, half the cost, another architecture."""
    eps: float = 1e-5


@dataclass(frozen=True)
class Optimizer:
    """Muon on the block matrices and Adam on the rest, or Adam on all."""

    kind: Literal["muon", "adam"] = "muon"
    rate: float = 3e-3
    """Learning rate at the top of the schedule."""
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0
    """Largest norm of the gradient."""
    warmup: float = 0.05
    """Share of the training in which the rate grows linearly."""
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
    """Of the run's folder; decides nothing else."""
    model: Model = Model()
    task: Task = Task()
    optimizer: Optimizer = Optimizer()
    curriculum: Curriculum = Curriculum()
    batch: int = 32
    """Prompts a step."""
    steps: int = 1500
    seed: int = 0
    precision: Literal["float32", "tf32", "bf16"] = "float32"
    """Of matrix products: tf32 on a GPU only, bf16 (autocast) anywhere. On a CPU, five seeds of toy
    end no worse in bf16 (verify/measurements/precision.json); not measured on a GPU."""
    compile: bool = False
    """torch.compile: faster steps after half a minute at the start and at every new length."""
    checkpoint_every: int = field(default=500, metadata={"result": False})
    """Steps between checkpoints; decides how much a killed run repeats, and no result."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            UserError: a number that is too small, or a rate that is not positive and finite.
        """
        model, optimizer = self.model, self.optimizer
        least = {
            "batch": (self.batch, 1),
            "steps": (self.steps, 1),
            "checkpoint_every": (self.checkpoint_every, 1),
            "seed": (self.seed, 0),
            "model.width": (model.width, 1),
            "model.layers": (model.layers, 0),
            "model.heads": (model.heads, 1),
            "model.points": (model.points, 2),
            "model.mlp_ratio": (model.mlp_ratio, 1),
            "model.eps": (model.eps, 0),
            "task.degrees": (min(self.task.degrees, default=-1), 0),
            "optimizer.warmup": (optimizer.warmup, 0),
            "curriculum.points": (self.curriculum.points, 0),
        }
        for name, (value, smallest) in least.items():
            if not value >= smallest:
                raise UserError(f"{name} is {value}: at least {smallest} is needed")
        if self.seed >= 2**63:
            raise UserError(f"seed {self.seed}: it must be below 2^63")
        if not (0 < optimizer.rate < math.inf and 0 < optimizer.clip):
            raise UserError(f"rate {optimizer.rate}, clip {optimizer.clip}: need > 0")
        if len(optimizer.betas) != 2 or not all(0 <= beta < 1 for beta in optimizer.betas):
            raise UserError(
                f"optimizer.betas {optimizer.betas}: two numbers from [0, 1) are needed"
            )
        if model.width % model.heads:
            raise UserError(f"width {model.width} is no multiple of {model.heads} heads")
        if not self.name or "/" in self.name:
            raise UserError(f"name {self.name!r}: it names a folder, so no slash and not empty")

    @property
    def run_id(self) -> str:
        """First 10 hex digits of the hash of every field that decides the result."""
        ignored = {f.name for f in dataclasses.fields(self) if not f.metadata.get("result", True)}
        decides = {k: v for k, v in dataclasses.asdict(self).items() if k not in ignored | {"name"}}
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:10]
