"""Each format is recognised, described, and computes what its owner's code computes."""

from typing import Any

import numpy as np
import pytest
import torch
import yaml
from foreign import (
    Garg,
    own_model,
    save_garg,
    save_own,
    shaken,
)
from safetensors.torch import save_file

from sim.errors import CheckpointError
from theory.heads import ceilings
from theory.layernorm import readout_ceiling
from verify.formats import recognise
from verify.formats.recognised import open_tensors
from verify.formats.torch_file import open_torch
from verify.subject import Subject, load_subject

TOKENS = 2 * torch.randn(4, 9, generator=torch.Generator().manual_seed(0))


def subject_of(path, **options) -> Subject:
    found = recognise(path, **options).subject
    assert found is not None
    return found


def test_own_checkpoint_and_run_folder(tmp_path):
    model = own_model(seed=2)
    save_own(tmp_path / "run" / "step-3.safetensors", own_model(seed=1), seed=1)
    path = save_own(tmp_path / "run" / "step-12.safetensors", model, seed=2)
    for place in (path, path.parent):
        found = recognise(place)
        subject = subject_of(place)
        assert found.format == "icl-limits checkpoint" and found.file == path
        assert (subject.seed, subject.context, subject.name) == (2, 9, "run-step-12")
        assert found.short_path == "run/step-12.safetensors"
        assert "step 7 of " in found.description
        assert torch.equal(subject.network.tokens(TOKENS), model.tokens(TOKENS))
        double = subject.reference().tokens(TOKENS.double())
        assert torch.allclose(double, model.tokens(TOKENS).double(), atol=1e-4)


def test_own_packed_model_is_certified_by_its_readout_alone(tmp_path):
    path = save_own(tmp_path / "step-1.safetensors", own_model(packed=True))
    found = recognise(path)
    assert found.subject is None and "packed" in found.beyond
    with pytest.raises(CheckpointError, match="packed"):
        load_subject(path)


def test_the_subject_of_a_zoo_file_has_its_roles(tmp_path):
    path = save_own(tmp_path / "small-0.safetensors", own_model(equivariant=True))
    assert load_subject(path, ("learner",)).roles == ("learner",)
    assert "equivariant" in recognise(path).notes[0]


@pytest.mark.parametrize("which", ["folder", "state.pt", "model_9.pt", "bare with heads"])
def test_garg_runs(tmp_path, which):
    model = shaken(Garg(), seed=1)
    folder = save_garg(tmp_path / "run", model)
    options: dict[str, Any] = {}
    place = folder if which == "folder" else folder / which
    if which == "model_9.pt":
        torch.save(model.state_dict(), place)
    if which == "bare with heads":
        (folder / "config.yaml").unlink()
        place, options = folder / "state.pt", {"heads": 2}
    subject = subject_of(place, **options)
    with torch.no_grad():
        expected = model(TOKENS)
    assert torch.allclose(subject.network.tokens(TOKENS), expected, atol=1e-5)
    assert subject.context == 16
    low, high = ceilings(recognise(place, **options).readouts[0].head)
    exact = readout_ceiling(subject.weights)
    assert low[0] == pytest.approx(exact.low) and high[0] == pytest.approx(exact.high)


def test_garg_takes_the_newest_numbered_model(tmp_path):
    folder = save_garg(tmp_path, Garg())
    (folder / "state.pt").unlink()
    for step in (9, 100):
        torch.save(Garg().state_dict(), folder / f"model_{step}.pt")
    assert recognise(folder).file.name == "model_100.pt"


@pytest.mark.parametrize(
    ("dims", "section", "reason"),
    [(3, {}, "vectors"), (1, {"family": "relu_attn"}, "relu_attn"), (1, {"n_head": 3}, "divide")],
)
def test_garg_models_that_only_show_their_readout(tmp_path, dims, section, reason):
    found = recognise(save_garg(tmp_path, Garg(dims=dims), **section))
    assert found.subject is None and reason in found.beyond
    verdicts = {theorem.id: objection for theorem, objection in found.verdicts()}
    assert verdicts["L1"] is None and verdicts["L2"] is None
    assert verdicts["N2"] == found.beyond and verdicts["S1"] == found.beyond


def test_a_bare_state_asks_for_its_heads(tmp_path):
    folder = save_garg(tmp_path, Garg())
    (folder / "config.yaml").unlink()
    assert "--heads" in recognise(folder / "state.pt").beyond


def test_verdicts_of_a_whole_model_are_the_theorems_own(tmp_path):
    found = recognise(save_own(tmp_path / "step-1.safetensors", own_model(final_norm="none")))
    verdicts = {theorem.id: objection for theorem, objection in found.verdicts()}
    assert "no final norm" in (verdicts["L2"] or "") and verdicts["S1"] is None


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_torch_files_read_as_torch_reads_them(tmp_path, kind):
    base = torch.randn(5, 6).to(kind)
    state = {
        "module.plain": base,
        "module.transposed": base.T,
        "module.part": base[1:3, ::2],
        "module.parameter": torch.nn.Parameter(base.clone()),
        "module.scalar": torch.tensor(2.5).to(kind),
        "module.empty": torch.zeros(0, 3).to(kind),
    }
    torch.save({"state_dict": state, "epoch": 3, "loss": [0.5, None, True]}, tmp_path / "a.pt")
    tensors = open_torch(tmp_path / "a.pt")
    loaded = torch.load(tmp_path / "a.pt", weights_only=True)["state_dict"]
    assert list(tensors) == [name.removeprefix("module.") for name in state]
    for name, value in loaded.items():
        expected = value.detach().float().numpy()
        np.testing.assert_array_equal(tensors[name.removeprefix("module.")], expected)


def test_quantised_tensors_are_refused_by_name(tmp_path):
    save_file({"w": torch.ones(2, dtype=torch.int8)}, tmp_path / "a.safetensors")
    torch.save({"w": torch.ones(2, dtype=torch.int8)}, tmp_path / "a.pt")
    for name, reason in (("a.safetensors", "'w' holds I8"), ("a.pt", "whole numbers")):
        tensors, _ = open_tensors(tmp_path / name)
        with pytest.raises(CheckpointError, match=reason):
            tensors["w"]


def test_what_is_no_checkpoint_says_what_would_be(tmp_path):
    with pytest.raises(CheckpointError, match="no such file or folder"):
        recognise(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match="no checkpoint in this folder"):
        recognise(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(CheckpointError, match="neither a safetensors file nor"):
        recognise(tmp_path / "notes.txt")
    save_file({"w": torch.ones(2)}, tmp_path / "bare.safetensors")
    with pytest.raises(CheckpointError, match=r"1 tensors \('w', \.\.\).*bare\.json"):
        recognise(tmp_path / "bare.safetensors")
    torch.save([1], tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=r"before 1\.6"):
        recognise(tmp_path / "old.pt")


def test_a_config_of_another_run_is_noticed(tmp_path):
    folder = save_garg(tmp_path, Garg())
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    settings["model"]["n_layer"] = 12
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(CheckpointError, match="n_layer 12, the tensors say 2"):
        recognise(folder)
