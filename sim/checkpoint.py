"""One safetensors file a checkpoint: tensors, and a JSON header that says what they are.

    model.<parameter>          float32
    optimizer.<moment>.<parameter>
    metadata["icl_limits"]     {"config", "step", "environment", "hash"}

Written to a temporary file in the same folder, flushed to the disk and renamed: a reader, and a
run that was killed at any moment, finds the old checkpoint or the new one, never half of one.
"""

import dataclasses
import hashlib
import json
import platform
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from sim.atomic import write_atomically
from sim.config import Train
from sim.errors import CheckpointError, UserError
from sim.model import Transformer

KEY = "icl_limits"
# what reading a file that is cut off, scrambled or foreign can raise
DAMAGE = (
    SafetensorError, OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError,
    RecursionError,
)  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """A config, the number of steps done, the tensors, and where they were made."""

    config: Train
    step: int
    tensors: dict[str, Tensor]
    environment: dict[str, Any] = field(default_factory=dict)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors under a prefix, "model." without it."""
        return {
            name.removeprefix("model."): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }


def environment(device: torch.device | str = "cpu", **more: Any) -> dict[str, Any]:
    """What a result is bit-identical for: versions, threads, instruction set, device, and more."""
    device = torch.device(device)
    cuda = device.type == "cuda"
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if cuda else "cpu",
        **more,
    }


def differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """What differs between two environments, in words."""
    names = ("device", "threads", "torch", "cpu", "stack", "processes")
    return [
        f"{name} {there.get(name)} there, {here.get(name)} here"
        for name in names
        if there.get(name) != here.get(name)
    ]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint atomically.

    Raises:
        UserError: see ``write_atomically``.
    """
    header = {
        "config": dataclasses.asdict(checkpoint.config),
        "step": checkpoint.step,
        "environment": checkpoint.environment,
    }
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()
    }
    write_atomically(path, save(tensors, {KEY: json.dumps(header)}))


def build(kind: Any, value: Any) -> Any:
    """What dataclasses.asdict and JSON made of a frozen dataclass, back again, types checked.

    Raises:
        ValueError: an unknown field, or a value of another type.
    """
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        for name in value:
            if name not in hints:
                raise ValueError(f"{kind} has no field {name!r}")
        return kind(**{name: build(hints[name], entry) for name, entry in value.items()})  # type: ignore[operator]
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        if len(arguments) != len(value) and Ellipsis not in arguments:
            raise ValueError(f"{value!r} is no {kind}")
        return tuple(build(arguments[0], entry) for entry in value)
    if kind is float and type(value) is int:
        return value
    if value not in arguments if arguments else type(value) is not kind:
        raise ValueError(f"{value!r} is no {kind}")
    return value


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in the file is executed.

    Raises:
        CheckpointError: the file is missing, cut off, or not a checkpoint of this project.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = (file.metadata() or {}).get(KEY)
            if metadata is None:
                raise CheckpointError(
                    f"{path}: a safetensors file, but not one of this project (no {KEY!r} header); "
                    "for other layouts see: python -m verify --help"
                )
            header = json.loads(metadata)
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        config = build(Train, header["config"])
        return Checkpoint(config, int(header["step"]), tensors, dict(header["environment"]))
    except CheckpointError:
        raise
    except (*DAMAGE, UserError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CheckpointError(
            f"{path}: damaged, or written by another version ({reason}); "
            "take an older checkpoint, or train again"
        ) from error


def load_model(path: Path, device: torch.device | str = "cpu") -> Transformer:
    """The trained network of a checkpoint, in evaluation mode.

    Raises:
        CheckpointError: as ``load``; or tensors that are missing, misshapen, NaN or infinite.
    """
    checkpoint = load(path)
    return model_of(checkpoint, path).to(device)


def not_finite(tensors: dict[str, Tensor]) -> str | None:
    """The first tensor that holds NaN or an infinite number."""
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            return name
    return None


def check_finite(checkpoint: Checkpoint, path: Path) -> None:
    """Refuse a checkpoint that was read and is no good.

    Raises:
        CheckpointError: naming the tensor.
    """
    if name := not_finite(checkpoint.tensors):
        raise CheckpointError(f"{path}: {name} holds NaN or infinite numbers; take an older one")


def model_of(checkpoint: Checkpoint, path: Path) -> Transformer:
    """The network of a checkpoint that was read from a path."""
    check_finite(checkpoint, path)
    try:
        model = Transformer(checkpoint.config.model, checkpoint.config.seed)
        model.load_state_dict(checkpoint.part("model."))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"{path}: the tensors do not fit the config: {reason}") from error
    return model.eval()


def digest(path: Path) -> str:
    """SHA-256 of the file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def path_of(folder: Path, step: int) -> Path:
    """folder/step-N.safetensors."""
    return folder / f"step-{step}.safetensors"


def steps_in(folder: Path) -> list[int]:
    """The steps whose checkpoints are in the folder, ascending."""
    found = (path.stem.removeprefix("step-") for path in folder.glob("step-*.safetensors"))
    return sorted(int(number) for number in found if number.isdigit())
