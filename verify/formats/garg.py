"""Runs in the layout of Garg, Tsipras, Liang & Valiant (arXiv 2208.01066), the field's usual one.

A folder holds config.yaml and state.pt ({"model_state_dict", ..}) or model_<step>.pt (a bare state
dict). The model is Hugging Face's GPT-2 between two linear maps: _read_in (d, n_dims), _backbone,
_read_out (1, d); the prompt x_1, y_1, .., x_n is interleaved as in sim.model.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sim.errors import CheckpointError
from theory.heads import Head
from theory.weights import MLP, ActivationKind, Attention, Norm, Weights
from verify.formats.recognised import Place, Readout, Recognised, open_tensors
from verify.formats.tensors import Tensors, quoted, text
from verify.network import WeightsNetwork
from verify.subject import Subject, hash_file

FORMAT = "Garg-style run"
# GPT2Config's defaults, which these runs keep
EPS = 1e-5
ACTIVATION: ActivationKind = "gelu_tanh"
# the unused word embedding, and masks that older versions stored
IGNORED = re.compile(r"_backbone\.(wte\.weight|h\.\d{1,4}\.attn\.(bias|masked_bias))")
PART = re.compile(
    r"_read_(in|out)\.(weight|bias)|_backbone\.(wpe\.weight|ln_f\.(weight|bias)"
    r"|h\.\d{1,4}\.(ln_[12]|attn\.c_(attn|proj)|mlp\.c_(fc|proj))\.(weight|bias))"
)


def read(place: Place) -> Recognised | None:
    """A run's folder, or one of its files, with config.yaml beside it or not."""
    settings = place.beside("config.yaml")
    if place.kind == "folder":
        path = newest(place.path) if settings else None
        if path is None:
            return None
    elif place.kind == "torch":
        path = place.path
    else:
        return None
    tensors, _ = open_tensors(path)
    if "_read_out.weight" not in tensors or "_backbone.ln_f.weight" not in tensors:
        return None
    return recognised(path, tensors, model_section(settings) if settings else {}, place.heads)


def newest(folder: Path) -> Path | None:
    """state.pt, or the model_<step>.pt with the largest step."""
    if (state := folder / "state.pt").is_file():
        return state
    numbered = [p for p in folder.glob("model_*.pt") if p.stem.removeprefix("model_").isdigit()]
    return max(numbered, key=lambda p: int(p.stem.removeprefix("model_")), default=None)


def model_section(path: Path) -> dict[str, Any]:
    """The "model" part of config.yaml; no tag in it makes an object of a class."""
    try:
        config = yaml.safe_load(text(path, largest=2**16))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise CheckpointError(f"{path}: not YAML ({' '.join(str(error).split())[:120]})") from error
    model = config.get("model") if isinstance(config, dict) else None
    if not isinstance(model, dict):
        raise CheckpointError(f"{path}: no section 'model' in it")
    return model


def recognised(
    path: Path, tensors: Tensors, config: dict[str, Any], heads: int | None
) -> Recognised:
    """The whole model when tokens are numbers and the heads are known, else its readout."""
    if unknown := [n for n in tensors if not PART.fullmatch(n) and not IGNORED.fullmatch(n)]:
        raise CheckpointError(
            f"{path}: {quoted(unknown[0])} is no part of a GPT-2 between two maps"
        )
    d = tensors.length("_backbone.ln_f.weight")
    norm = layer_norm(tensors, "_backbone.ln_f", d)
    bias = tensors.take("_read_out.bias", 1)
    head = Head(norm, tensors.take("_read_out.weight", 1, d), bias)
    layers = 1 + max((int(n.split(".")[2]) for n in tensors if ".h." in n), default=-1)
    for key, found in (("n_embd", d), ("n_layer", layers)):
        if config.get(key, found) != found:
            raise CheckpointError(
                f"{path}: config.yaml says {key} {quoted(config[key])}, the tensors say {found}"
            )
    shape = tensors.shapes.get("_read_in.weight", ())
    heads = config.get("n_head", heads)
    description = f"GPT-2 between two linear maps, {layers} layers, width {d}, {path.name}"
    beyond = objection(config, shape, heads, d)
    readouts = (Readout("prediction", head),)
    if beyond or not isinstance(heads, int):
        return Recognised(FORMAT, description, path, readouts, beyond=beyond)
    weights = backbone(tensors, d, layers, heads, norm, head)
    subject = Subject(
        name=path.parent.name or path.stem,
        hash=hash_file(path),
        weights=weights,
        network=WeightsNetwork(weights),
        reference=lambda: WeightsNetwork(weights).double(),
        context=len(weights.positions),
    )
    description = f"{description}, {heads} heads, {len(weights.positions)} positions, scalar tokens"
    return Recognised(FORMAT, description, path, readouts, subject)


def objection(config: dict[str, Any], read_in: tuple[int, ...], heads: Any, d: int) -> str:
    """Why only the readout can be certified, or nothing."""
    if (family := config.get("family", "gpt2")) != "gpt2":
        return f"family {quoted(family)}: its attention is none that the theorems know"
    if read_in != (d, 1):
        return f"tokens are vectors ({read_in[-1:]} numbers): the theorem speaks about scalars"
    if heads is None:
        return "no tensor says how many heads: put config.yaml beside it, or pass --heads"
    if type(heads) is not int or heads < 1 or d % heads:
        return f"{quoted(heads)} heads do not divide the width {d}"
    return ""


def layer_norm(tensors: Tensors, name: str, d: int) -> Norm:
    """A LayerNorm of the backbone."""
    gamma, beta = (tensors.take(f"{name}.{part}", d).astype(float) for part in ("weight", "bias"))
    return Norm("layernorm", gamma, beta, eps=EPS)


def affine(tensors: Tensors, name: str, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """(W, b) of a Conv1D, which stores W' (columns, rows)."""
    weight = tensors.take(f"{name}.weight", columns, rows).astype(float)
    return weight.T, tensors.take(f"{name}.bias", rows).astype(float)


def block(tensors: Tensors, name: str, d: int, heads: int) -> tuple[Attention, MLP]:
    """One block: q, k, v side by side in c_attn; the MLP's width is what the file says."""
    dh = d // heads
    weight, bias = affine(tensors, f"{name}.attn.c_attn", 3 * d, d)
    (query, bq), (key, bk), (value, bv) = (
        (
            weight[k * d : (k + 1) * d].reshape(heads, dh, d),
            bias[k * d : (k + 1) * d].reshape(heads, dh),
        )
        for k in range(3)
    )
    output, output_bias = affine(tensors, f"{name}.attn.c_proj", d, d)
    output = output.reshape(d, heads, dh).transpose(1, 0, 2)
    norm = layer_norm(tensors, f"{name}.ln_1", d)
    attention = Attention(norm, query, bq, key, bk, value, bv, output, output_bias)
    hidden = tensors.length(f"{name}.mlp.c_fc.bias")
    up = affine(tensors, f"{name}.mlp.c_fc", hidden, d)
    down = affine(tensors, f"{name}.mlp.c_proj", d, hidden)
    return attention, MLP(layer_norm(tensors, f"{name}.ln_2", d), *up, *down, ACTIVATION)


def backbone(tensors: Tensors, d: int, layers: int, heads: int, norm: Norm, head: Head) -> Weights:
    """The record that the theorems read."""
    rows = tensors.length("_backbone.wpe.weight")
    blocks = [block(tensors, f"_backbone.h.{k}", d, heads) for k in range(layers)]
    assert head.rows is not None and head.bias is not None
    return Weights(
        read_in=tensors.take("_read_in.weight", d, 1).astype(float)[:, 0],
        read_in_bias=tensors.take("_read_in.bias", d).astype(float),
        positions=tensors.take("_backbone.wpe.weight", rows, d).astype(float),
        blocks=tuple(part for pair in blocks for part in pair),
        final_norm=norm,
        read_out=head.rows[0].astype(float),
        read_out_bias=float(head.bias[0]),
    )
