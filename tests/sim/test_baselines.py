from functools import partial

import pytest
import torch

from sim.baselines import interpolation, least_squares, nearest, ridge, zero
from sim.bayes import bayes
from sim.errors import UserError

RULES = {
    "zero": zero,
    "least squares": partial(least_squares, degree=3),
    "ridge": partial(ridge, degree=3, penalty=0.5),
    "interpolation": partial(interpolation, degree=3),
    "bayes": partial(bayes, degrees=(1, 3)),
    "1-NN": partial(nearest, neighbours=1),
    "3-NN": partial(nearest, neighbours=3),
}


def prompts(degree, *, scale=1.0, seed=0, count=16, points=12):
    generator = torch.Generator().manual_seed(seed)
    xs = scale * (2 * torch.rand(count, points, generator=generator, dtype=torch.float64) - 1)
    c = torch.randn(count, degree + 1, 1, generator=generator, dtype=torch.float64)
    return xs, torch.stack([c[:, k] * xs**k for k in range(degree + 1)]).sum(0)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_prediction_reads_nothing_but_its_prefix(rule):
    xs, ys = prompts(3)
    whole = rule(xs, ys)
    assert whole.shape == ys.shape
    for i in (0, 1, 5, 11):
        x, y = xs.clone(), ys.clone()
        x[:, i + 1 :], y[:, i:] = 99.0, -99.0
        assert torch.equal(rule(x, y)[:, i], whole[:, i])


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize(
    "rule",
    [partial(least_squares, degree=3), partial(interpolation, degree=3)],
    ids=["least squares", "interpolation"],
)
def test_exact_from_degree_plus_one_points_on_at_every_scale(rule, scale):
    xs, ys = prompts(3, scale=scale)
    error = (rule(xs, ys) - ys)[:, 4:].abs()
    # Rounding grows with the condition of four random nodes: the sum of Lagrange's |weights|.
    assert (error.median(0).values / ys.abs().amax()).amax() < 1000 * 2.0**-52
    assert (rule(xs, ys) - ys)[:, :3].abs().amax() > 0.01 * ys.abs().amax()


def test_repeated_points_neither_break_nor_blind_the_exact_rules():
    xs = torch.tensor([[1.0, 1.0, 1.0, 2.0, 2.0, 4.0]], dtype=torch.float64)
    ys = 3 * xs - 1
    for rule in (least_squares, interpolation):
        found = rule(xs, ys, degree=1)
        torch.testing.assert_close(found[:, 4:], ys[:, 4:], rtol=2.0**-45, atol=0)
        assert torch.isfinite(found).all()


def test_ridge_solves_its_normal_equations():
    xs, ys = prompts(2, count=3)
    found = ridge(xs, ys, degree=2, penalty=0.3)[:, -1]
    for b in range(3):
        a = torch.stack([xs[b, :-1] ** k for k in range(3)], dim=1)
        c = torch.linalg.solve(a.T @ a + 0.3 * torch.eye(3, dtype=a.dtype), a.T @ ys[b, :-1])
        torch.testing.assert_close(found[b], sum(c[k] * xs[b, -1] ** k for k in range(3)))


def test_no_rule_beats_bayes_under_its_own_prior():
    generator = torch.Generator().manual_seed(3)
    degrees = torch.randint(1, 4, (4000, 1), generator=generator)
    xs = 2 * torch.rand(4000, 6, generator=generator) - 1
    c = torch.randn(4000, 4, 1, generator=generator)
    ys = torch.stack([c[:, k] * xs**k * (k <= degrees) for k in range(4)]).sum(0)

    def error(rule):
        return (rule(xs, ys) - ys).square().mean(0)

    best = error(partial(bayes, degrees=(1, 2, 3)))
    for rule in (*RULES.values(), partial(bayes, degrees=(3,))):
        assert (best[1:4] <= 1.02 * error(rule)[1:4]).all()
    # Three points show a line (a third of the prompts, error 0) that least squares of degree 3
    # cannot see before the fourth: about 2/3 of its error is left.
    assert best[3] < 0.75 * error(partial(least_squares, degree=3))[3]


def test_nearest_neighbours_by_hand():
    xs = torch.tensor([[0.0, 10.0, 1.0, 9.0, 0.4]])
    ys = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]])
    assert nearest(xs, ys, neighbours=1).tolist() == [[0.0, 1.0, 1.0, 2.0, 1.0]]
    assert nearest(xs, ys, neighbours=3).tolist()[0][:4] == [0.0, 1.0, 1.5, 2.0]


def test_refusals_say_what_to_do():
    xs, ys = prompts(1)
    with pytest.raises(UserError, match="least-squares"):
        ridge(xs, ys, degree=1, penalty=0.0)
    with pytest.raises(UserError, match="interpolation"):
        bayes(xs, ys, degrees=(1,), law="uniform")
