"""verify.network against three oracles: theory.network, sim.model and transformers' GPT-2."""

import dataclasses

import numpy as np
import pytest
import torch
from foreign import Garg, own_model, save_garg, shaken

from sim.errors import UserError
from theory import network as exact
from theory.read import weights_from_tensors
from theory.weights import Norm
from verify.attack import ascend, prediction
from verify.formats import recognise
from verify.network import Normalisation, WeightsNetwork

VARIANTS = [
    {},
    {"activation": "gelu"},
    {"activation": "relu", "heads": 4},
    {"activation": "silu", "layers": 1},
    {"block_norm": "rmsnorm", "final_norm": "rmsnorm"},
    {"block_norm": "dyt", "final_norm": "dyt"},
    {"block_norm": "none"},
    {"final_norm": "none"},
    {"norm_position": "post"},
    {"norm_position": "post", "block_norm": "rmsnorm"},
    {"score": "hardmax"},
    {"score": "ssa"},
    {"score": "sigmoid"},
    {"score": "linear"},
    {"residual": False},
    {"mlp": False, "positions": "none"},
    {"layers": 0},
]


def weights_of(model):
    state = {name: p.detach().numpy() for name, p in model.state_dict().items()}
    return weights_from_tensors(state, dataclasses.asdict(model.config))


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_agrees_with_theory_and_sim(options):
    model = own_model(seed=3, **options)
    weights = weights_of(model)
    tokens = 3 * torch.randn(5, 9, generator=torch.Generator().manual_seed(1))
    expected = exact.forward(weights, tokens.double().numpy())
    scale = np.abs(expected).max()
    with torch.no_grad():
        single = WeightsNetwork(weights).tokens(tokens)
        double = WeightsNetwork(weights).double().tokens(tokens.double()).numpy()
        theirs = model.double().tokens(tokens.double()).numpy()
    assert np.abs(double - expected).max() <= 1e-11 * scale
    assert np.abs(double - theirs).max() <= 1e-11 * scale
    if options.get("score") != "hardmax":  # where a rounding may choose another token
        assert np.abs(single.numpy() - expected).max() <= 1e-4 * scale


@pytest.mark.parametrize("scale", [0.1, 1.0, 1e4])
def test_agrees_with_transformers(tmp_path, scale):
    model = shaken(Garg(), seed=5)
    subject = recognise(save_garg(tmp_path, model)).subject
    assert subject is not None
    model = model.requires_grad_(False)
    tokens = scale * torch.randn(6, 16, generator=torch.Generator().manual_seed(2))
    reference = subject.reference()
    assert (subject.network.tokens(tokens) - model(tokens)).abs().max() <= 2e-5
    model.double()
    double = tokens.double()
    assert (reference.tokens(double) - model(double)).abs().max() <= 1e-12
    np.testing.assert_allclose(
        exact.forward(subject.weights, double.numpy()), model(double).numpy(), atol=1e-12
    )


def test_residual_and_readout_are_its_halves():
    network = WeightsNetwork(weights_of(own_model()))
    tokens = torch.randn(2, 9)
    halves = network.readout(network.residual(tokens))
    assert torch.equal(halves, network.tokens(tokens))
    assert network.readout(torch.ones(16)).shape == ()


def test_is_causal_and_can_be_attacked():
    network = WeightsNetwork(weights_of(own_model(seed=1)))
    tokens = torch.randn(2, 9)
    later = tokens.clone()
    later[:, 5:] = 100.0
    assert torch.equal(network.tokens(tokens)[:, :5], network.tokens(later)[:, :5])
    start = network.tokens(tokens)[:, -1].max()
    assert ascend(prediction(network), tokens, steps=20).best > float(start)


def test_too_many_tokens_are_refused():
    with pytest.raises(UserError, match="10 tokens, but the model has 9 positions"):
        WeightsNetwork(weights_of(own_model())).tokens(torch.zeros(1, 10))


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm"])
def test_without_eps_a_constant_becomes_zero(kind):
    gamma, beta = np.array([2.0, -1.0, 1.0]), np.array([1.0, 0.0, 3.0])
    normalise = Normalisation(Norm(kind, gamma, beta, eps=0.0)).double()
    flat = torch.full((3,), 5.0 if kind == "layernorm" else 0.0, dtype=torch.float64)
    h = torch.stack([flat, torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)]).requires_grad_()
    out = normalise(h)
    expected = exact.normed(Norm(kind, gamma, beta, eps=0.0), h.detach().numpy())
    np.testing.assert_allclose(out.detach().numpy(), expected, rtol=1e-14)
    out.sum().backward()
    assert h.grad is not None and torch.isfinite(h.grad).all()
