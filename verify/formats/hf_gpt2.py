"""Hugging Face folders of GPT-2: the final hidden state, and the logits of whatever head is there.

Its tokens are words, so only the readout is certified: every coordinate of the last hidden state,
and each row of the head (lm_head, tied to the word embedding or not; score; classifier).
"""

from pathlib import Path
from typing import Any

import numpy as np

from sim.errors import CheckpointError
from theory.heads import Head
from theory.weights import Norm
from verify.formats.recognised import Place, Readout, Recognised, open_tensors
from verify.formats.tensors import Tensors, json_object, quoted, text

FORMAT = "Hugging Face GPT-2"
FILES = ("model.safetensors", "pytorch_model.bin")
LARGEST_CONFIG = 2**23
EXACT = "bounds hold for exact arithmetic: running in float32 or less adds its rounding (F1)"
BEYOND = "tokens are words, not numbers: the theorem speaks about scalar tokens w_in x"


def settings(place: Place) -> dict[str, Any] | None:
    """config.json of a Hugging Face folder, or None.

    Raises:
        CheckpointError: it is damaged, or the model runs code of its own.
    """
    if place.kind != "folder" and place.path.name not in FILES:
        return None
    path = place.beside("config.json")
    if path is None:
        return None
    config = json_object(path, text(path, LARGEST_CONFIG))
    if "model_type" not in config:
        return None
    if "auto_map" in config:
        raise CheckpointError(f"{path}: the model brings its own code (auto_map), which is not run")
    return config


def tensor_file(place: Place) -> Path:
    """The file of tensors.

    Raises:
        CheckpointError: there is none, or the tensors are spread over several.
    """
    path = place.path if place.kind != "folder" else place.beside(*FILES)
    if path is not None:
        return path
    if place.beside("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        raise CheckpointError(
            f"{place.path}: the tensors are spread over several files: save the model once more "
            "with max_shard_size larger than it is, or name the readout's file in a mapping"
        )
    raise CheckpointError(f"{place.path}: config.json, but none of {', '.join(FILES)}")


def number(config: dict[str, Any], key: str, default: float, path: Path) -> float:
    """A non-negative number of the configuration."""
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise CheckpointError(f"{path}: {key} is {quoted(value)} in config.json")
    return value


def layer_norm(tensors: Tensors, name: str, eps: float) -> Norm:
    """A LayerNorm by name; files from before 2019 call its parts gamma and beta."""
    d = None
    parts = []
    for part, old in (("weight", "gamma"), ("bias", "beta")):
        found = tensors.first(f"{name}.{part}", f"{name}.{old}") or f"{name}.{part}"
        d = tensors.length(found) if d is None else d
        parts.append(tensors.take(found, d).astype(float))
    return Norm("layernorm", *parts, eps=eps)


def tied(config: dict[str, Any], tensors: Tensors, head: str, embedding: str) -> np.ndarray:
    """The rows of a head that may be the word embedding.

    Raises:
        CheckpointError: config.json says that they are one and the file says that they differ.
    """
    rows = tensors.length(embedding if head not in tensors else head)
    if (size := config.get("vocab_size", rows)) != rows:
        raise CheckpointError(f"{tensors.path}: {rows} rows, vocab_size is {quoted(size)}")
    if head not in tensors:
        return tensors[embedding]
    found = tensors[head]
    if config.get("tie_word_embeddings", True) and embedding in tensors:
        same = tensors.shapes[embedding] == found.shape and np.array_equal(
            tensors[embedding], found
        )
        if not same:
            raise CheckpointError(
                f"{tensors.path}: {head} and {embedding} differ, but config.json ties them: "
                'which one runs depends on the loader. Set "tie_word_embeddings" to what is meant'
            )
    return found


def read(place: Place) -> Recognised | None:
    """A folder with config.json of type gpt2, or its tensor file."""
    config = settings(place)
    if config is None or config["model_type"] != "gpt2":
        return None
    path = tensor_file(place)
    tensors, _ = open_tensors(path)
    plain = tensors.renamed(lambda name: name.removeprefix("transformer."))
    norm = layer_norm(plain, "ln_f", number(config, "layer_norm_epsilon", 1e-5, path))
    readouts = [Readout("last hidden state", Head(norm))]
    if (head := language_head(config, plain, norm)) is not None:
        readouts.append(Readout("logits", head, softmax=True))
    for name in ("score", "classifier"):
        if f"{name}.weight" in plain:
            rows = plain.take(f"{name}.weight", plain.length(f"{name}.weight"), norm.gamma.size)
            bias = plain[f"{name}.bias"] if f"{name}.bias" in plain else None
            readouts.append(Readout(name, Head(norm, rows, bias), softmax=len(rows) > 1))
    layers = {name.split(".")[1] for name in plain if name.startswith("h.")}
    description = f"GPT-2, {len(layers)} layers, width {norm.gamma.size}, {path.name}"
    return Recognised(FORMAT, description, path, tuple(readouts), None, BEYOND, (EXACT,))


def language_head(config: dict[str, Any], tensors: Tensors, norm: Norm) -> Head | None:
    """The LM head where the file or the architecture's name has one."""
    names = config.get("architectures") or []
    named = isinstance(names, list) and any("LMHead" in str(name)[:80] for name in names)
    if "lm_head.weight" not in tensors and not named:
        return None
    return Head(norm, tied(config, tensors, "lm_head.weight", "wte.weight"))
