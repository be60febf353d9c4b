"""Muon and Adam against their definitions and against torch's own."""

import pytest
import torch
from torch import nn

from sim.config import Model, Optimizer
from sim.model import Transformer
from sim.optimizers import Muon, Optimizers, fill, is_block_matrix, orthogonalise


def matrices(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_singular_values_go_to_around_one_and_directions_stay():
    update = matrices(3, 16, 40)
    found = orthogonalise(update)
    values = torch.linalg.svdvals(found)
    assert 0.6 < values.min() and values.max() < 1.3
    u, _, vh = torch.linalg.svd(update, full_matrices=False)
    assert ((u.mT @ found @ vh.mT).diagonal(dim1=-2, dim2=-1) > 0.6).all()
    torch.testing.assert_close(orthogonalise(update.mT), found.mT)
    torch.testing.assert_close(orthogonalise(1e-12 * update), found, rtol=1e-3, atol=1e-4)


def test_a_stack_is_its_matrices_and_zero_stays_zero():
    stack = matrices(2, 5, 8, 8)
    each = torch.stack([torch.stack([orthogonalise(m) for m in row]) for row in stack])
    torch.testing.assert_close(orthogonalise(stack), each, rtol=1e-4, atol=1e-5)
    assert torch.equal(orthogonalise(torch.zeros(4, 4)), torch.zeros(4, 4))


def steps(optimizer, parameters, count=3):
    for step in range(count):
        for index, parameter in enumerate(parameters):
            parameter.grad = matrices(*parameter.shape, seed=10 * step + index)
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


def copies(*shapes):
    return [nn.Parameter(matrices(*shape, seed=7)) for shape in shapes]


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has no Muon before 2.9")
def test_muon_is_torchs_up_to_its_bfloat16():
    shapes = ((8, 8), (32, 8), (8, 32))
    theirs = copies(*shapes)
    reference = torch.optim.Muon(
        theirs, lr=0.1, weight_decay=0.0, momentum=0.95, adjust_lr_fn="match_rms_adamw"
    )
    ours = copies(*shapes)
    pairs = zip(
        steps(Muon(ours, lr=torch.tensor(0.1)), ours), steps(reference, theirs),
        copies(*shapes), strict=True,
    )  # fmt: skip
    for mine, other, start in pairs:
        # five products with 8 bits each; a step is of order 1
        assert (mine - other).norm() < 2.0**-5 * (other - start).norm()


def test_adam_is_torchs_own():
    shapes = ((8, 8), (8,))
    theirs = copies(*shapes)
    reference = torch.optim.Adam(theirs, lr=0.1, betas=(0.9, 0.99), foreach=False)
    ours = copies(*shapes)
    named = dict(zip("ab", ours, strict=True))
    mine = Optimizers(Optimizer("adam", rate=0.1), named)
    for a, b in zip(steps(mine, ours), steps(reference, theirs), strict=True):
        torch.testing.assert_close(a, b)


def test_muon_gets_the_matrices_of_the_blocks_and_adam_the_rest():
    named = dict(Transformer(Model(width=8, layers=1, points=3)).named_parameters())
    kinds = ("query", "key", "value", "output", "up", "down")
    muon = {name for name in named if is_block_matrix(name)}
    assert {name.split(".")[-2] for name in muon} == set(kinds) and len(muon) == len(kinds)
    both, alone = Optimizers(Optimizer(), named), Optimizers(Optimizer("adam"), named)
    assert {k for k in both.tensors() if ".momentum." in k} == {
        f"optimizer.momentum.{name}" for name in muon
    }
    assert len(both.members) == 2 and len(alone.members) == 1
    assert len(alone.tensors()) == 3 * len(named)


def test_the_state_goes_out_and_in_whole_or_not_at_all():
    one, other = (Optimizers(Optimizer("adam"), {"a": p}) for p in copies((4, 4), (4, 4)))
    steps(one, list(one.named.values()))
    saved = {name: tensor.clone() for name, tensor in one.tensors().items()}
    other.load(saved)
    assert all(torch.equal(other.tensors()[name], tensor) for name, tensor in saved.items())
    zero = {name: torch.zeros_like(tensor) for name, tensor in saved.items()}
    missing = {name: t for name, t in zero.items() if "exp_avg_sq" not in name}
    misshapen = zero | {"optimizer.exp_avg.a": torch.zeros(1)}
    unknown = zero | {"optimizer.exp_avg.b": torch.zeros(4, 4)}
    for bad, says in ((missing, "missing"), (misshapen, r"\(1,\)"), (unknown, "not known")):
        with pytest.raises(ValueError, match=says):
            fill(other.tensors(), bad)
    assert all(torch.equal(other.tensors()[name], tensor) for name, tensor in saved.items())
