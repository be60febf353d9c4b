"""Tensors in, ``Weights`` out: this project's checkpoint layout, read with numpy alone."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from theory.errors import TheoryError
from theory.weights import MLP, Attention, Norm, Weights

Tensors = Mapping[str, np.ndarray]


class Reader:
    """Takes tensors by name and checks shapes; says which one is missing or misshapen."""

    def __init__(self, tensors: Tensors, architecture: Mapping) -> None:
        """``architecture`` is the model section of a configuration (sim.config.Model)."""
        self.tensors, self.architecture = tensors, architecture

    def take(self, name: str, *shape: int) -> np.ndarray:
        """The tensor as exact float64; TheoryError if it is absent or has another shape."""
        if name not in self.tensors:
            raise TheoryError(f"no tensor {name!r}; the file holds {len(self.tensors)} others")
        array = np.asarray(self.tensors[name], dtype=np.float64)
        if array.shape != shape:
            raise TheoryError(f"{name} has shape {array.shape}, the configuration says {shape}")
        return array

    def norm(self, name: str, kind: str) -> Norm:
        """The norm stored under a name."""
        d = self.architecture["width"]
        ones, zeros = np.ones(d), np.zeros(d)
        if kind == "none":
            return Norm("none", ones, zeros)
        gamma = self.take(f"{name}.weight", d)
        if kind == "rmsnorm":
            return Norm("rmsnorm", gamma, zeros, eps=self.architecture["eps"])
        beta = self.take(f"{name}.bias", d)
        if kind == "dyt":
            alpha = float(np.asarray(self.tensors[f"{name}.alpha"]).reshape(()))
            return Norm("dyt", gamma, beta, alpha=alpha)
        return Norm("layernorm", gamma, beta, eps=self.architecture["eps"])

    def attention(self, block: str) -> Attention:
        """The attention of one block, split into heads."""
        d, heads = self.architecture["width"], self.architecture["heads"]
        dh, name = d // heads, f"{block}.attention"

        def split(part: str) -> tuple[np.ndarray, np.ndarray]:
            weight = self.take(f"{name}.{part}.weight", d, d).reshape(heads, dh, d)
            return weight, self.take(f"{name}.{part}.bias", d).reshape(heads, dh)

        (query, bq), (key, bk), (value, bv) = split("query"), split("key"), split("value")
        output = self.take(f"{name}.output.weight", d, d).reshape(d, heads, dh).transpose(1, 0, 2)
        ssa = (1.0, 1.0)
        if self.architecture["score"] == "ssa":
            raw = [float(np.asarray(self.tensors[f"{name}.ssa_{p}"]).reshape(())) for p in "bn"]
            ssa = (float(np.exp(raw[0])), float(np.exp(raw[1])))
        norm = self.norm(f"{block}.norm1", self.architecture["block_norm"])
        bias = self.take(f"{name}.output.bias", d)
        score = self.architecture["score"]
        return Attention(norm, query, bq, key, bk, value, bv, output, bias, score, ssa)

    def mlp(self, block: str) -> MLP:
        """The MLP of one block."""
        d, hidden = (self.architecture[k] for k in ("width", "mlp_ratio"))
        hidden *= d
        return MLP(
            self.norm(f"{block}.norm2", self.architecture["block_norm"]),
            self.take(f"{block}.mlp.up.weight", hidden, d),
            self.take(f"{block}.mlp.up.bias", hidden),
            self.take(f"{block}.mlp.down.weight", d, hidden),
            self.take(f"{block}.mlp.down.bias", d),
            self.architecture["activation"],
        )


def weights_from_tensors(tensors: Tensors, architecture: Mapping) -> Weights:
    """Weights of a model in this project's layout (names in sim.model.Transformer).

    ``architecture`` has the fields of sim.config.Model. TheoryError on a missing or misshapen
    tensor and on numbers that are not finite.
    """
    reader, d = Reader(tensors, architecture), architecture["width"]
    blocks: list[Attention | MLP] = []
    for layer in range(architecture["layers"]):
        blocks.append(reader.attention(f"blocks.{layer}"))
        if architecture["mlp"]:
            blocks.append(reader.mlp(f"blocks.{layer}"))
    rows = architecture["context"] or 2 * architecture["points"] - 1
    learned = architecture["positions"] == "learned"
    return Weights(
        read_in=reader.take("read_in.weight", d, 1)[:, 0],
        read_in_bias=reader.take("read_in.bias", d),
        positions=reader.take("positions.weight", rows, d) if learned else np.zeros((rows, d)),
        blocks=tuple(blocks),
        final_norm=reader.norm("final_norm", architecture["final_norm"]),
        read_out=reader.take("read_out.weight", 1, d)[0],
        read_out_bias=float(reader.take("read_out.bias", 1)[0]),
        post_norm=architecture["norm_position"] == "post",
        residual=architecture["residual"],
    )


def load_weights(path: Path) -> Weights:
    """Weights of a checkpoint of ours (one safetensors file with its JSON inside)."""
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["icl_limits"])
            names = [name for name in file.keys() if name.startswith("model.")]
            tensors = {name.removeprefix("model."): file.get_tensor(name) for name in names}
        return weights_from_tensors(tensors, header["config"]["model"])
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise TheoryError(f"{path} is no checkpoint of this project: {error}") from error
