from functools import partial

import pytest
import torch

from sim.baselines import nearest
from sim.equivariant import equivariant, normalise, scales


def saturating(xs, ys):
    """A causal predictor of no symmetry at all, bounded by 3."""
    before = torch.cat([torch.zeros_like(ys[:, :1]), ys[:, :-1]], dim=1)
    return 3 * torch.tanh(0.3 + xs + torch.cumsum(torch.sin(xs * 2) * 0.5 + before, dim=1))


@pytest.fixture
def prompt():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, 7, generator=generator), torch.randn(5, 7, generator=generator)


@pytest.mark.parametrize("s, t", [(2.0**10, 2.0**-20), (2.0**-20, 2.0**10), (1.0, 4.0)])
def test_powers_of_two_pass_through_bit_for_bit(prompt, s, t):
    xs, ys = prompt
    wrapped = equivariant(saturating)
    assert torch.equal(wrapped(s * xs, t * ys), t * wrapped(xs, ys))


def test_the_ceiling_moves_with_the_largest_value_seen(prompt):
    xs, ys = prompt
    out = equivariant(saturating)(xs, 1000 * ys).abs()
    size = scales(xs, 1000 * ys)[1]
    assert (out <= 3 * size).all()
    assert out.max() > 3


def test_only_the_prefix_is_read(prompt):
    xs, ys = prompt
    wrapped = equivariant(saturating)
    whole = wrapped(xs, ys)
    x, y = xs.clone(), ys.clone()
    x[:, 4:], y[:, 3:] = 1e30, torch.inf
    assert torch.equal(wrapped(x, y)[:, :4], whole[:, :4])


def test_one_nearest_neighbour_is_a_fixed_point(prompt):
    xs, ys = prompt
    rule = partial(nearest, neighbours=1)
    # y / Q * Q rounds twice.
    torch.testing.assert_close(equivariant(rule)(xs, ys), rule(xs, ys), rtol=2.0**-22, atol=0)


def test_zeros_have_the_only_homogeneous_answer(prompt):
    xs, ys = prompt
    assert torch.equal(equivariant(saturating)(xs, 0 * ys), 0 * ys)
    assert torch.isfinite(equivariant(saturating)(0 * xs, ys)).all()


def test_training_through_the_wrapper_and_on_normalised_prompts(prompt):
    xs, ys = prompt
    weight = torch.tensor(0.5, requires_grad=True)
    equivariant(lambda x, y: weight * saturating(x, y))(xs, ys).sum().backward()
    assert weight.grad is not None and weight.grad.abs() > 0
    x, y = normalise(100 * xs, 100 * ys)
    assert torch.equal(x.abs().amax(1), torch.ones(5))
    assert torch.equal(y[:, :-1].abs().amax(1), torch.ones(5))
    assert torch.isfinite(torch.cat(normalise(0 * xs, 0 * ys))).all()
