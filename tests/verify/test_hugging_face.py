"""Folders of transformers' models: the norm and the rows found are those that the model uses."""

import json

import numpy as np
import pytest
import torch
from foreign import hugging_face, save_hugging_face
from safetensors.torch import load_file, save_file

from sim.errors import CheckpointError
from theory.heads import ceilings
from verify.formats import recognise
from verify.formats.encoder import FAMILIES

KINDS = [
    ("gpt2", "GPT2Model"),
    ("bert", "BertModel"),
    ("roberta", "RobertaModel"),
    ("xlm-roberta", "XLMRobertaModel"),
    ("camembert", "CamembertModel"),
    ("electra", "ElectraModel"),
    ("distilbert", "DistilBertModel"),
    ("mpnet", "MPNetModel"),
    ("albert", "AlbertModel"),
    ("vit", "ViTModel"),
]


def hidden_states(kind: str, model) -> np.ndarray:
    generator = torch.Generator().manual_seed(0)
    if kind == "vit":
        given = 10 * torch.randn(16, 3, 8, 8, generator=generator)
    else:
        given = torch.randint(3, 23, (16, 12), generator=generator)
    with torch.no_grad():
        return model.double()(given.double() if kind == "vit" else given).last_hidden_state.numpy()


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_last_hidden_state_is_normalised_by_what_was_found(tmp_path, kind, name):
    model = hugging_face(kind, name)
    found = recognise(save_hugging_face(tmp_path, model, binary=kind in ("gpt2", "roberta")))
    norm = found.readouts[0].head.norm
    hidden = hidden_states(kind, model)
    # only the right gamma and beta give mean 0 and mean square 1
    z = (hidden - norm.beta) / norm.gamma
    np.testing.assert_allclose(z.mean(-1), 0, atol=1e-6)
    np.testing.assert_allclose((z**2).mean(-1), 1, atol=1e-2)
    low, high = ceilings(found.readouts[0].head)
    assert (hidden >= low).all() and (hidden <= high).all()
    assert (hidden.mean(1) >= low).all() and (hidden.mean(1) <= high).all()


@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        ("gpt2", "GPT2LMHeadModel", {}),
        ("gpt2", "GPT2LMHeadModel", {"tie_word_embeddings": False}),
        ("gpt2", "GPT2ForSequenceClassification", {}),
        ("gpt2", "GPT2ForTokenClassification", {}),
        ("bert", "BertForMaskedLM", {}),
        ("bert", "BertForMaskedLM", {"tie_word_embeddings": False}),
        ("roberta", "RobertaForMaskedLM", {}),
        ("distilbert", "DistilBertForMaskedLM", {}),
        ("mpnet", "MPNetForMaskedLM", {}),
    ],
)
def test_logits_are_the_rows_found_times_the_norms_output(tmp_path, kind, name, options):
    model = hugging_face(kind, name, **options)
    found = recognise(save_hugging_face(tmp_path, model))
    readout = found.readouts[-1]
    head = readout.head
    assert head.rows is not None and readout.softmax
    where = FAMILIES[kind].head[0] if kind in FAMILIES else "transformer.ln_f"  # type: ignore[index]
    seen: list[torch.Tensor] = []
    model.get_submodule(where).register_forward_hook(lambda *a: seen.append(a[-1]))
    with torch.no_grad():
        logits = model(torch.randint(3, 23, (8, 12))).logits
    expected = seen[0].numpy() @ head.rows.T + (0 if head.bias is None else head.bias)
    if "Sequence" in name:
        logits, expected = logits[:, None], expected[:, -1:]
    np.testing.assert_allclose(logits.numpy(), expected, atol=1e-4)
    low, high = ceilings(head)
    assert (logits.numpy() > low).all() and (logits.numpy() < high).all()


def test_heads_that_should_be_tied_and_differ_are_refused(tmp_path):
    folder = save_hugging_face(
        tmp_path, hugging_face("gpt2", "GPT2LMHeadModel", tie_word_embeddings=False)
    )
    config = json.loads((folder / "config.json").read_text()) | {"tie_word_embeddings": True}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="tie_word_embeddings"):
        recognise(folder)


def test_old_names_of_a_layernorm(tmp_path):
    folder = save_hugging_face(tmp_path, hugging_face("bert", "BertModel"))
    expected = ceilings(recognise(folder).readouts[0].head)
    old = {
        n.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): v
        for n, v in load_file(folder / "model.safetensors").items()
    }
    save_file({f"bert.{n}": v for n, v in old.items()}, folder / "model.safetensors")
    np.testing.assert_array_equal(ceilings(recognise(folder).readouts[0].head), expected)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "llama"}, "'llama' is none of gpt2, bert"),
        ({"auto_map": {}}, "own code"),
        ({"vocab_size": 24}, "vocab_size is 24"),
        ({"layer_norm_epsilon": -1}, "layer_norm_epsilon"),
    ],
)
def test_hugging_face_folders_that_are_refused(tmp_path, change, reason):
    folder = save_hugging_face(tmp_path, hugging_face("gpt2", "GPT2LMHeadModel"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(CheckpointError, match=reason):
        recognise(folder)


def test_shards_are_named(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(CheckpointError, match="none of model"):
        recognise(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(CheckpointError, match="spread over several"):
        recognise(tmp_path)
