"""A checkpoint small enough for tests: never trained, width 8, two layers, prompts of 5 points."""

from pathlib import Path

from sim.checkpoint import Checkpoint, save_checkpoint
from sim.config import Model, Train
from sim.model import Transformer

TINY = Train(name="tiny", model=Model(width=8, layers=2, heads=2, points=5))


def tiny_checkpoint(folder: Path, **changes) -> Path:
    """Write it; ``changes`` are fields of its Model."""
    import dataclasses

    config = dataclasses.replace(TINY, model=dataclasses.replace(TINY.model, **changes))
    tensors = {f"model.{n}": t.detach() for n, t in Transformer(config.model, 3).named_parameters()}
    path = folder / "tiny.safetensors"
    save_checkpoint(path, Checkpoint(config, 0, tensors))
    return path
