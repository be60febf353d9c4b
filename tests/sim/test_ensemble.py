"""A stack of K models is K models: the same losses and states to rounding, files for each."""

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from sim import seeds
from sim.checkpoint import load, load_model, path_of
from sim.config import Curriculum, Optimizer
from sim.ensemble import Ensemble
from sim.errors import CheckpointError, UserError
from sim.graphs import Graphs
from sim.loop import train, train_together
from sim.optimizers import fill
from sim.runs import FINISHED, folder
from sim.sweep import Outcome
from sim.trainer import Trainer

SWITCHES = [
    {},
    {"score": "ssa", "block_norm": "dyt", "final_norm": "dyt"},
    {"score": "linear", "block_norm": "rmsnorm", "norm_position": "post"},
    {"score": "sigmoid", "mlp": False, "packed": True},
    {"score": "hardmax", "final_norm": "none", "activation": "relu"},
    {"positions": "none", "equivariant": True, "residual": False, "block_norm": "none"},
]


def members(config, count=3):
    return [replace(config, seed=seed) for seed in (0, 2**40, 7)[:count]]


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
@pytest.mark.parametrize("kind", ["muon", "adam"])
def test_a_stack_is_its_models_to_rounding(tiny, switches, kind):
    # a rate at which 3 steps leave rounding errors small; a clip that binds
    optimizer = Optimizer(kind, rate=1e-3, clip=0.1)
    config = replace(tiny, model=replace(tiny.model, **switches), optimizer=optimizer)
    configs = members(config)
    stack, alone = Ensemble(configs), [Trainer(c) for c in configs]
    for step in range(3):
        losses = torch.stack([trainer.advance(step) for trainer in alone])
        torch.testing.assert_close(stack.advance(step), losses, rtol=1e-4, atol=1e-6)
    assert len(losses.unique()) == 3
    for state, trainer in zip(stack.states(), alone, strict=True):
        assert state.keys() == trainer.tensors().keys()
        for name, tensor in trainer.tensors().items():
            assert state[name].shape == tensor.shape, name
            # no gradient but rounding errors, which Adam brings to full size
            if config.model.score == "softmax" and name.endswith("key.bias"):
                continue
            error = (state[name] - tensor).norm()
            assert error <= 1e-3 * tensor.norm() + 1e-5, name


def test_only_models_that_differ_in_the_seed_are_stacked(tiny):
    with pytest.raises(UserError, match="nothing but the seed"):
        Ensemble([tiny, replace(tiny, batch=5)])


def test_a_stack_leaves_ordinary_checkpoints_and_resumes_bit_for_bit(tiny, tmp_path):
    configs = members(tiny)
    whole = [load(path) for path in train_together(configs, tmp_path, quiet=True)]
    for config, found in zip(configs, whole, strict=True):
        path = folder(config, tmp_path)
        assert found.config == config and found.step == 12
        assert found.environment["stack"] == [c.seed for c in configs]
        assert load_model(path_of(path, 12)).config == config.model
        assert "error_1nn" in (path / "metrics.jsonl").read_text()
    # as if killed between two of the last files: the newest step that all of them have is taken
    path_of(folder(configs[1], tmp_path), 12).unlink()
    again = [load(path) for path in train_together(configs, tmp_path, quiet=True)]
    for one, other in zip(whole, again, strict=True):
        assert all(torch.equal(one.tensors[n], other.tensors[n]) for n in one.tensors)


def test_models_at_different_steps_are_not_stacked(tiny, tmp_path):
    configs = members(tiny)
    train(configs[0], tmp_path, quiet=True)
    with pytest.raises(CheckpointError, match=r"different steps .* at 12, .* at 0, .* at 0"):
        train_together(configs, tmp_path, quiet=True)


def test_a_model_of_a_stack_goes_on_alone_and_says_so(tiny, tmp_path, capsys):
    configs = members(tiny)
    train_together(configs, tmp_path, quiet=True)
    path_of(folder(configs[1], tmp_path), 12).unlink()
    train(configs[1], tmp_path, quiet=True)
    assert f"stack {[c.seed for c in configs]} there, None here" in capsys.readouterr().err


def test_the_model_that_diverged_is_named(tiny, tmp_path, monkeypatch):
    configs = members(tiny)
    advance = Ensemble.advance

    def spoil(self, step):
        loss = advance(self, step)
        return loss if step < 9 else loss * torch.tensor([1.0, torch.nan, 1.0])

    monkeypatch.setattr(Ensemble, "advance", spoil)
    with pytest.raises(UserError, match=rf"loss of seed {2**40} is nan at step 9.* step 8 is good"):
        train_together(configs, tmp_path, quiet=True)


def test_seeds_as_a_stack_train_what_is_not_finished(tiny, tmp_path):
    configs = members(tiny)
    first = seeds.stack(configs[:2], tmp_path, "cpu", quiet=True)
    before = [path.read_bytes() for path in first]
    paths = seeds.stack(configs, tmp_path, "cpu", quiet=True)
    assert [path.read_bytes() for path in paths[:2]] == before
    assert all((folder(config, tmp_path) / FINISHED).exists() for config in configs)


def test_seeds_as_processes(tiny, tmp_path, capsys, monkeypatch):
    configs = members(replace(tiny, steps=2), 2)
    paths = seeds.processes(configs, tmp_path)
    assert [load(path).config.seed for path in paths] == [0, 2**40]
    assert capsys.readouterr().err.count("finished") == 2
    failed = Outcome("id", "name", "failed", 2, 0.0, "out of luck")
    monkeypatch.setattr(seeds, "sweep", lambda *arguments, **more: [failed])
    with pytest.raises(UserError, match="1 of 1 failed: out of luck"):
        seeds.processes(configs[:1], tmp_path)


class FakeGraph:
    """The host's part of a CUDA graph: capturing changes nothing, replaying does the step."""

    def __init__(self, trainer, monkeypatch):
        self.trainer, self.captures = trainer, 0
        stream = SimpleNamespace(wait_stream=lambda other: None)
        monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: 1)
        monkeypatch.setattr(torch.cuda, "Stream", lambda: stream)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
        monkeypatch.setattr(torch.cuda, "graph", self.graph)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: self)

    @contextmanager
    def graph(self, graph, pool):
        before = {n: t.detach().clone() for n, t in self.trainer.tensors().items()}
        yield
        fill(self.trainer.tensors(), before)
        self.captures += 1

    def replay(self):
        graphs = self.trainer.once
        graphs.loss = self.trainer.update(*graphs.prompts)


@pytest.mark.parametrize("stack", [False, True])
def test_a_captured_step_is_a_step(tiny, monkeypatch, stack):
    config = replace(tiny, curriculum=Curriculum(points=3))

    def made():
        return Ensemble(members(config)) if stack else Trainer(config)

    plain, captured = made(), made()
    fake = FakeGraph(captured, monkeypatch)
    captured.once = Graphs(captured)
    for step in range(8):
        assert torch.equal(plain.advance(step), captured.advance(step))
    assert fake.captures == 2  # one for each length, 3 and 5 points
    for name, tensor in plain.tensors().items():
        assert torch.equal(tensor, captured.tensors()[name]), name


def test_tf32_and_bf16_reach_the_stack_too(tiny):
    exact = Ensemble(members(tiny)).advance(0)
    for precision, allowed in (("tf32", 0.0), ("bf16", 2.0**-4)):
        loss = Ensemble(members(replace(tiny, precision=precision))).advance(0)
        assert loss.dtype == torch.float32
        assert ((loss - exact).abs() <= allowed * exact).all()
        assert torch.equal(loss, exact) == (precision == "tf32")  # there is none on a CPU
    assert torch.get_float32_matmul_precision() == "highest"
