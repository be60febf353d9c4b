"""Checkpoints of this project: step-N.safetensors, or a run's folder of them."""

import dataclasses
import math
from pathlib import Path

from sim.checkpoint import KEY, build, load_model, path_of, steps_in
from sim.config import Train
from sim.errors import CheckpointError
from theory.heads import Head
from theory.read import Reader
from verify.formats.recognised import Place, Readout, Recognised, weights_of
from verify.formats.tensors import MOST_NUMBERS, Tensors, json_object, open_safetensors, quoted
from verify.subject import Subject, hash_file

FORMAT = "icl-limits checkpoint"


def read(place: Place) -> Recognised | None:
    """The newest checkpoint of the folder, or the file."""
    path = place.path
    if place.kind == "folder":
        if not (steps := steps_in(path)):
            return None
        path = path_of(path, steps[-1])
    elif place.kind != "safetensors":
        return None
    tensors, metadata = open_safetensors(path)
    if KEY not in metadata:
        return None
    if sum(math.prod(shape) for shape in tensors.shapes.values()) > MOST_NUMBERS:
        raise CheckpointError(f"{path}: more than {MOST_NUMBERS:,} numbers: too large here")
    header = json_object(path, metadata[KEY])
    try:
        config = build(Train, header["config"])
        if type(header["step"]) is not int or not isinstance(header["environment"], dict):
            raise ValueError("no step, or no environment")
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: damaged configuration: {quoted(str(error))}") from error
    parameters = tensors.renamed(
        lambda name: name.removeprefix("model.") if name.startswith("model.") else None
    )
    return recognised(path, config, parameters, header["step"])


def name_of(path: Path) -> str:
    """A model's name in rows: every run has a step-N, so it is named with its folder."""
    numbered = path.stem.startswith("step-")
    return f"{path.absolute().parent.name}-{path.stem}" if numbered else path.stem


def recognised(path: Path, config: Train, tensors: Tensors, step: int) -> Recognised:
    """The whole model, or its readout alone where a token is a pair of numbers."""
    model = config.model
    rows = model.context or 2 * model.points - 1
    if model.positions == "none" and rows * model.width > MOST_NUMBERS:
        raise CheckpointError(f"{path}: a context of {rows:,} tokens is too large here")
    norms = f"{model.block_norm} in the blocks, {model.final_norm} at the end"
    described = (
        f"{quoted(config.name)}, {model.layers} layers, {model.heads} heads, width {model.width}, "
        f"{model.score} scores, {norms}, {'MLP' if model.mlp else 'no MLP'}, "
        f"step {step} of {config.steps}"
    )
    reader = Reader(tensors, dataclasses.asdict(model))
    if model.packed:
        head = Head(
            reader.norm("final_norm", model.final_norm),
            reader.take("read_out.weight", 1, model.width),
            reader.take("read_out.bias", 1),
        )
        beyond = "packed tokens are pairs (x, y): the theorem speaks about scalar tokens"
        return Recognised(FORMAT, described, path, (Readout("prediction", head),), beyond=beyond)
    # every shape is compared with the file before the network is built from the configuration
    weights = weights_of(path, tensors, model)
    head = Head(weights.final_norm, weights.read_out[None], reader.take("read_out.bias", 1))
    network = load_model(path)
    subject = Subject(
        name=name_of(path),
        hash=hash_file(path),
        weights=weights,
        network=network,
        reference=lambda: load_model(path).double(),
        seed=config.seed,
        context=rows,
        config=config,
    )
    notes = ("inside the equivariant wrapper: claims see the plain network",) * model.equivariant
    readouts = (Readout("prediction", head),)
    return Recognised(FORMAT, described, path, readouts, subject, notes=notes)
