"""Hugging Face folders of encoders that end in a LayerNorm: BERT and its kin.

Every coordinate of the last hidden state lies in beta_i ± |gamma_i| sqrt(d - 1) (L1), and so does
every average of hidden states, whatever the words. A masked-language head is a LayerNorm and a
linear map once more: a ceiling per logit.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import CheckpointError
from theory.heads import Head
from theory.weights import Norm
from verify.formats.hf_gpt2 import (
    BEYOND,
    EXACT,
    layer_norm,
    number,
    settings,
    tensor_file,
    tied,
)
from verify.formats.recognised import Place, Readout, Recognised, open_tensors
from verify.formats.tensors import Tensors, quoted

FORMAT = "Hugging Face encoder"


@dataclass(frozen=True)
class Family:
    """Names of a family's last LayerNorm ({last} the last layer) and of its language head.

    ``eps`` the value where config.json has no layer_norm_eps; ``head`` the head's LayerNorm and
    its linear map, whose rows may be those of ``words``.
    """

    prefix: str
    norm: str
    eps: float = 1e-12
    head: tuple[str, str] | None = None
    words: str = "embeddings.word_embeddings.weight"


PARTS = ("weight", "gamma")
LAST = "encoder.layer.{last}.output.LayerNorm"
ROBERTA = Family("roberta.", LAST, 1e-5, ("lm_head.layer_norm", "lm_head.decoder"))
FAMILIES = {
    "bert": Family(
        "bert.", LAST, head=("cls.predictions.transform.LayerNorm", "cls.predictions.decoder")
    ),
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "camembert": ROBERTA,
    "electra": Family("electra.", LAST),
    "distilbert": Family(
        "distilbert.",
        "transformer.layer.{last}.output_layer_norm",
        head=("vocab_layer_norm", "vocab_projector"),
    ),
    "mpnet": Family("mpnet.", LAST, 1e-12, ("lm_head.layer_norm", "lm_head.decoder")),
    "albert": Family(
        "albert.", "encoder.albert_layer_groups.{group}.albert_layers.{inner}.full_layer_layer_norm"
    ),
    "vit": Family("vit.", "layernorm"),
}


def read(place: Place) -> Recognised | None:
    """A folder with config.json of one of the families, or its tensor file."""
    config = settings(place)
    if config is None or config["model_type"] == "gpt2":
        return None
    kind = config["model_type"]
    if not isinstance(kind, str) or kind not in FAMILIES:
        known = ", ".join(["gpt2", *FAMILIES])
        raise CheckpointError(
            f"{place.path}: model_type {quoted(kind)} is none of {known}. Its readout can be "
            "certified with a mapping: see verify/formats/mapped.py"
        )
    family, path = FAMILIES[kind], tensor_file(place)
    tensors, _ = open_tensors(path)
    plain = tensors.renamed(lambda name: name.removeprefix(family.prefix))
    eps = number(config, "layer_norm_eps", family.eps, path)
    norm = layer_norm(plain, family.norm.format(**numbering(config, path)), eps)
    readouts = [Readout("last hidden state, and every mean of it", Head(norm))]
    if (head := language_head(family, config, plain, eps)) is not None:
        readouts.append(Readout("logits", head, softmax=True))
    description = f"{kind} encoder, width {norm.gamma.size}, {path.name}"
    return Recognised(FORMAT, description, path, tuple(readouts), None, BEYOND, (EXACT,))


def numbering(config: dict[str, Any], path: Path) -> dict[str, int]:
    """Numbers of the last layer, group and inner layer."""
    layers = number(config, "num_hidden_layers", config.get("n_layers", 12), path)
    groups = number(config, "num_hidden_groups", 1, path)
    inner = number(config, "inner_group_num", 1, path)
    return {"last": int(layers) - 1, "group": int(groups) - 1, "inner": int(inner) - 1}


def language_head(
    family: Family, config: dict[str, Any], tensors: Tensors, eps: float
) -> Head | None:
    """The masked-language head, where the file has its LayerNorm."""
    if family.head is None or tensors.first(*(f"{family.head[0]}.{p}" for p in PARTS)) is None:
        return None
    name, linear = family.head
    norm: Norm = layer_norm(tensors, name, eps)
    rows = tied(config, tensors, f"{linear}.weight", family.words)
    bias = tensors.first(f"{linear}.bias", f"{linear.rpartition('.')[0]}.bias")
    return Head(norm, rows, tensors.take(bias, len(rows)) if bias else None)
