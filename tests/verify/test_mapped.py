"""Files of tensors with a mapping: the same network under other names, or a readout alone."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from foreign import own_model, save_mapped
from safetensors.torch import load_file, save_file

from sim.errors import CheckpointError
from theory.heads import Head, ceilings
from verify.formats import recognise
from verify.subject import Subject

TOKENS = 2 * torch.randn(4, 9, generator=torch.Generator().manual_seed(0))


def subject_of(path, **options) -> Subject:
    found = recognise(path, **options).subject
    assert found is not None
    return found


@pytest.mark.parametrize("options", [{}, {"score": "ssa"}, {"block_norm": "dyt"}], ids=str)
def test_mapped_model_runs_as_the_original(tmp_path, options):
    model = own_model(seed=4, **options)
    subject = subject_of(save_mapped(tmp_path, model))
    assert torch.allclose(subject.network.tokens(TOKENS), model.tokens(TOKENS), atol=1e-4)


def test_mapping_with_constants_and_a_vector_for_a_matrix(tmp_path):
    model = own_model()
    file = save_mapped(tmp_path, model)
    tensors = load_file(file)
    tensors["w"] = tensors.pop("read_in.weight")[:, 0].contiguous()
    del tensors["read_in.bias"]
    save_file(tensors, file)
    mapping = json.loads(file.with_suffix(".json").read_text())
    mapping["tensors"] |= {"read_in.weight": "w", "read_in.bias": 0.5}
    elsewhere = tmp_path / "other.json"
    elsewhere.write_text(json.dumps(mapping))
    with torch.no_grad():
        model.read_in.bias.fill_(0.5)
    network = subject_of(file, mapping=elsewhere).network
    assert torch.allclose(network.tokens(TOKENS), model.tokens(TOKENS), atol=1e-4)


def test_mapped_readout(tmp_path):
    rng = np.random.default_rng(0)
    tensors = {"g": rng.normal(size=6), "w": rng.normal(size=(6, 9))}
    file = tmp_path / "llama.safetensors"
    save_file({n: torch.from_numpy(v).to(torch.bfloat16) for n, v in tensors.items()}, file)
    entry = {"norm": "rmsnorm", "gamma": "g", "eps": 1e-5, "softmax": True}
    entry["rows"] = {"name": "w", "transpose": True, "rows": [0, 8]}
    file.with_suffix(".json").write_text(json.dumps({"readout": entry}))
    readout = recognise(file).readouts[0]
    gamma, rows = (torch.from_numpy(tensors[n]).bfloat16().double().numpy() for n in "gw")
    norm = dataclasses.replace(readout.head.norm, gamma=gamma)
    expected = ceilings(Head(norm, rows.T[:8]))
    np.testing.assert_allclose(ceilings(readout.head), expected)
    assert readout.softmax and readout.head.outputs == 8


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tensors": {"read_in.wieght": "x"}}, "no entry for 'blocks"),
        ({"architecture": {"width": 16, "hats": 2}}, "hats"),
        ({"architecture": {"width": 16, "heads": 3}}, "divide"),
        ({"layers": 3}, "'layers' means nothing"),
        ({"readout": {"norm": "batchnorm"}}, "batchnorm"),
        ({"readout": {"norm": "layernorm", "gamma": "nowhere"}}, "no tensor 'nowhere'"),
        ({"readout": 3, "architecture": None}, "a mapping has"),
    ],
)
def test_mappings_that_are_refused(tmp_path, change, reason):
    file = save_mapped(tmp_path, own_model())
    mapping = json.loads(file.with_suffix(".json").read_text())
    file.with_suffix(".json").write_text(json.dumps(mapping | change))
    with pytest.raises(CheckpointError, match=reason):
        recognise(file)


def test_a_mapping_entry_that_nothing_asks_for_is_refused(tmp_path):
    file = save_mapped(tmp_path, own_model())
    mapping = json.loads(file.with_suffix(".json").read_text())
    mapping["tensors"]["blocks.{i}.norm3.weight"] = 1
    file.with_suffix(".json").write_text(json.dumps(mapping))
    with pytest.raises(CheckpointError, match="norm3"):
        recognise(file)


def test_a_mapping_comes_before_the_folders_own_configuration(tmp_path):
    file = save_mapped(tmp_path, own_model())
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert recognise(file).format == "tensors with a mapping"
    with pytest.raises(CheckpointError, match="this is a folder"):
        recognise(tmp_path, mapping=tmp_path / "model.json")
