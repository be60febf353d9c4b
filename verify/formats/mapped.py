"""Any other file of tensors, with a JSON file that says which tensor is what.

Either a whole model on scalar tokens, in the layout of sim.model (fields of sim.config.Model;
names as theory/read.py asks for them, {i} a layer's number; a number fills a tensor):

    {"architecture": {"width": 64, "layers": 3, "heads": 2, "context": 82},
     "tensors": {"read_in.weight": "embed.weight", "blocks.{i}.norm1.bias": 0,
                 "blocks.{i}.attention.query.weight":
                     {"name": "h.{i}.qkv", "transpose": true, "rows": [0, 64]}}}

or the readout of any model ("layernorm", "rmsnorm" or "dyt"; without "rows" the norm's output):

    {"readout": {"norm": "rmsnorm", "gamma": "model.norm.weight", "eps": 1e-5,
                 "rows": "lm_head.weight", "softmax": true}}
"""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sim.checkpoint import build
from sim.config import Model
from sim.errors import CheckpointError
from theory.heads import Head
from theory.weights import Norm
from verify.formats.recognised import Place, Readout, Recognised, open_tensors, weights_of
from verify.formats.tensors import MOST_NUMBERS, Shape, Tensors, json_object, quoted, text
from verify.network import WeightsNetwork
from verify.subject import Subject, hash_file

FORMAT = "tensors with a mapping"
NUMBER = re.compile(r"\d+")
BEYOND = "only a readout is mapped: the theorem speaks about a whole model on scalar tokens"


def read(place: Place) -> Recognised | None:
    """A file of tensors, and the mapping given or the .json file of the same name beside it."""
    if place.kind not in ("safetensors", "torch"):
        return None
    path = place.mapping or place.path.with_suffix(".json")
    if place.mapping is None and not path.is_file():
        return None
    mapping = json_object(path, text(path))
    tensors, _ = open_tensors(place.path)
    if unknown := set(mapping) - {"architecture", "tensors", "readout"}:
        raise CheckpointError(f"{path}: {quoted(min(unknown))} means nothing in a mapping")
    if isinstance(mapping.get("readout"), dict):
        return readout(place.path, path, tensors, mapping["readout"])
    if isinstance(mapping.get("architecture"), dict) and isinstance(mapping.get("tensors"), dict):
        return whole(place.path, path, tensors, mapping)
    raise CheckpointError(
        f'{path}: a mapping has a "readout", or an "architecture" and "tensors": see '
        "verify/formats/mapped.py"
    )


def found(path: Path, tensors: Tensors, entry: Any, layer: str = "") -> np.ndarray:
    """The tensor that an entry names.

    Raises:
        CheckpointError: it is not there, or the entry is malformed.
    """
    options = {"name": entry} if isinstance(entry, str) else entry
    if not (isinstance(options, dict) and isinstance(options.get("name"), str)):
        raise CheckpointError(f"{path}: {quoted(entry)} names no tensor")
    if unknown := set(options) - {"name", "transpose", "rows"}:
        raise CheckpointError(f"{path}: {quoted(min(unknown))} means nothing beside a name")
    name = options["name"].replace("{i}", layer)
    array = tensors.take(name, *tensors.shapes.get(name, ()))
    array = array.T if options.get("transpose") is True else array
    if (rows := options.get("rows")) is None:
        return array
    if isinstance(rows, list) and len(rows) == 2 and all(type(k) is int for k in rows):
        first, last = rows
        if array.ndim and 0 <= first < last <= len(array):
            return array[first:last]
    raise CheckpointError(f"{path}: rows of {quoted(name)} are no [first, last] inside it")


def readout(file: Path, path: Path, tensors: Tensors, entry: dict[str, Any]) -> Recognised:
    """A norm and a linear map of any model."""
    fields = {"norm", "gamma", "beta", "eps", "alpha", "rows", "bias", "softmax", "name"}
    if unknown := set(entry) - fields:
        raise CheckpointError(f"{path}: {quoted(min(unknown))} means nothing in a readout")
    kind = entry.get("norm")
    if kind not in ("layernorm", "rmsnorm", "dyt"):
        raise CheckpointError(f"{path}: norm {quoted(kind)}: layernorm, rmsnorm or dyt is needed")
    arrays = {
        part: found(path, tensors, entry[part]).astype(np.float32 if part == "rows" else float)
        for part in ("gamma", "beta", "rows", "bias")
        if part in entry
    }
    if "gamma" not in arrays or arrays["gamma"].ndim != 1:
        raise CheckpointError(f'{path}: "gamma" names the norm\'s weight, a vector')
    gamma = arrays["gamma"]
    norm = Norm(
        kind,
        gamma,
        arrays.get("beta", np.zeros_like(gamma)),
        eps=constant(path, entry.get("eps", 0.0)),
        alpha=constant(path, entry.get("alpha", 1.0)),
    )
    head = Head(norm, arrays.get("rows"), arrays.get("bias"))
    soft = entry.get("softmax") is True and head.rows is not None
    name = entry["name"] if isinstance(entry.get("name"), str) else "readout"
    described = f"readout of {head.outputs:,} outputs behind {kind} of width {gamma.size}"
    return Recognised(FORMAT, described, file, (Readout(name[:60], head, soft),), beyond=BEYOND)


def constant(path: Path, value: Any) -> float:
    """A finite number of the mapping."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
        raise CheckpointError(f"{path}: {quoted(value)} where a number is needed")
    return float(value)


def expected(name: str, model: Model) -> Shape:
    """The shape of a parameter of sim.model."""
    d, hidden = model.width, model.mlp_ratio * model.width
    rows = model.context or 2 * model.points - 1
    last = ".".join(name.split(".")[-2:])
    if name.endswith(("alpha", "ssa_b", "ssa_n")):
        return (1,)
    known: dict[str, Shape] = {
        "read_in.weight": (d, 1),
        "read_out.weight": (1, d),
        "read_out.bias": (1,),
        "positions.weight": (rows, d),
        "up.weight": (hidden, d),
        "up.bias": (hidden,),
        "down.weight": (d, hidden),
    }
    square = last in ("query.weight", "key.weight", "value.weight", "output.weight")
    return known.get(last, (d, d) if square else (d,))


class Renamed(Mapping[str, np.ndarray]):
    """The parameters of sim.model, each from the tensor that the mapping names for it."""

    def __init__(self, path: Path, tensors: Tensors, names: dict[str, Any], model: Model) -> None:
        """``used`` collects the mapping's entries that were asked for."""
        self.path, self.tensors, self.names, self.model = path, tensors, names, model
        self.used: set[str] = set()

    def entry(self, name: str) -> tuple[str, str] | None:
        """(key of the mapping, layer) for a parameter."""
        if name in self.names:
            return name, ""
        layer = NUMBER.search(name)
        key = NUMBER.sub("{i}", name, count=1)
        return (key, layer[0]) if layer and key in self.names else None

    def __contains__(self, name: object) -> bool:
        """Always: what the mapping lacks is reported by name when it is asked for."""
        return isinstance(name, str)

    def __iter__(self) -> Iterator[str]:
        """The mapping's keys."""
        return iter(self.names)

    def __len__(self) -> int:
        """How many keys."""
        return len(self.names)

    def __getitem__(self, name: str) -> np.ndarray:
        """A vector may stand for a matrix of one row or column."""
        at = self.entry(name)
        if at is None:
            raise CheckpointError(f"{self.path}: no entry for {NUMBER.sub('{i}', name, count=1)!r}")
        self.used.add(at[0])
        shape, value = expected(name, self.model), self.names[at[0]]
        if not isinstance(value, str | dict):
            if math.prod(shape) > MOST_NUMBERS:
                raise CheckpointError(f"{self.path}: {quoted(name)} of shape {shape} is too large")
            return np.full(shape, np.float32(constant(self.path, value)))
        array = found(self.path, self.tensors, value, at[1])
        squeezed = [n for n in array.shape if n != 1] == [n for n in shape if n != 1]
        return array.reshape(shape) if squeezed else array


def whole(file: Path, path: Path, tensors: Tensors, mapping: dict[str, Any]) -> Recognised:
    """A model on scalar tokens."""
    try:
        model = build(Model, mapping["architecture"])
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise CheckpointError(f"{path}: architecture: {quoted(str(error))}") from error
    rows = model.context or 2 * model.points - 1
    least = min(model.width, model.heads, model.mlp_ratio, rows)
    if least < 1 or model.layers < 0 or model.width % model.heads or model.packed:
        raise CheckpointError(
            f"{path}: architecture: width, heads, mlp_ratio and context must be at least 1, heads "
            "divide the width, and tokens be scalars (packed false)"
        )
    if rows * model.width > MOST_NUMBERS:
        raise CheckpointError(f"{path}: a context of {rows:,} tokens is too large here")
    names = Renamed(path, tensors, mapping["tensors"], model)
    weights = weights_of(path, names, model)
    if unused := sorted(set(names.names) - names.used):
        raise CheckpointError(f"{path}: {quoted(unused[0])} is no part of that architecture")
    head = Head(weights.final_norm, weights.read_out[None], np.array([weights.read_out_bias]))
    subject = Subject(
        name=file.stem,
        hash=hash_file(file),
        weights=weights,
        network=WeightsNetwork(weights),
        reference=lambda: WeightsNetwork(weights).double(),
        context=rows,
    )
    described = f"{model.layers} layers, {model.heads} heads, width {model.width}, {file.name}"
    return Recognised(FORMAT, described, file, (Readout("prediction", head),), subject)
