from dataclasses import replace

import numpy as np
import pytest
import torch

from sim.config import Law, Task
from sim.errors import UserError
from sim.laws import EVALUATION, draw
from sim.polynomials import batch, coefficients, stage


@pytest.mark.parametrize("kind", ["polynomial", "chebyshev", "continuous", "zeros"])
def test_a_batch_is_a_pure_function_of_its_arguments(kind):
    task = Task(kind=kind, degrees=(1, 3), noise=0.1)
    torch.manual_seed(0)
    xs, ys = batch(task, 11, 8, 5, 3)
    torch.manual_seed(1)
    torch.rand(9)
    again = batch(task, 11, 8, 5, torch.tensor(3))
    assert torch.equal(xs, again[0]) and torch.equal(ys, again[1])
    assert xs.shape == ys.shape == (8, 11) and xs.dtype == ys.dtype == torch.float32
    for other in [(6, 3), (5, 4), (5, EVALUATION + 3)]:
        assert not torch.equal(batch(task, 11, 8, *other)[0], xs)


@pytest.mark.parametrize("kind", ["polynomial", "chebyshev"])
def test_values_are_those_of_numpy_in_each_basis(kind):
    task = Task(kind=kind, degrees=(0, 2, 5), coefficients=Law("normal", 2.0))
    ys = batch(task, 9, 20, 1, 0)[1]
    c = coefficients(task, 20, 1, 0).numpy()
    exact = draw(task.x, (20, 9), "x", 1, 0).numpy()
    basis = {"polynomial": np.polynomial.Polynomial, "chebyshev": np.polynomial.Chebyshev}[kind]
    wanted = np.stack([basis(row)(x) for row, x in zip(c, exact, strict=True)])
    # One rounding to float32 after float64 sums of at most six terms.
    largest = np.abs(c).sum(1, keepdims=True)
    assert (np.abs(ys.numpy() - wanted) <= 2.0**-24 * np.abs(wanted) + 2.0**-45 * largest).all()
    assert {np.flatnonzero(row).max() for row in c} == {0, 2, 5}


@pytest.mark.parametrize(
    "law, mean, variance, kurtosis",
    [
        (Law("uniform", 3.0), 0, 3, 9 / 5),
        (Law("normal", 3.0), 0, 9, 3),
        # x = 3 (s + z): E x^2 = 18, E x^4 = 81 (1 + 6 + 3).
        (Law("bimodal", 3.0), 0, 18, 2.5),
    ],
)
def test_laws_have_their_moments(law, mean, variance, kurtosis):
    count = 200_000
    x = draw(law, (count,), "x", 0, 0)
    assert abs(x.mean() - mean) < 5 * (variance / count) ** 0.5
    spread = (kurtosis - 1) ** 0.5 * variance
    assert abs((x**2).mean() - variance) < 5 * spread / count**0.5
    # Eighth moments of these laws are below 105 variance^4.
    assert abs((x**4).mean() - kurtosis * variance**2) < 5 * (105 / count) ** 0.5 * variance**2


def test_degrees_are_uniform_and_a_repeated_one_counts_twice():
    task = Task(degrees=(1, 1, 3))
    used = (coefficients(task, 30_000, 0, 0) != 0).sum(1) - 1
    share = (used == 3).double().mean()
    assert abs(share - 1 / 3) < 5 * (2 / 9 / 30_000) ** 0.5
    assert set(used.tolist()) == {1, 3}


def test_a_sequential_task_goes_through_its_degrees_in_parts():
    task = Task(degrees=(1, 1, 1, 3, 3, 3, 5, 5, 5, 5), order="sequential")
    shares = [step / 500 for step in range(501)]
    seen = [stage(task, share).degrees[0] for share in shares]
    assert [seen.count(degree) for degree in (1, 3, 5)] == [150, 150, 201]
    assert seen == sorted(seen)
    assert batch(stage(task, 0.9), 5, 2, 0, 0)[0].shape == (2, 5)
    with pytest.raises(UserError, match="stage"):
        batch(task, 5, 2, 0, 0)
    assert stage(Task(), 0.9) == Task()


@pytest.mark.parametrize("degrees", [(1,), (3,), (1, 3, 5)])
def test_zeros_have_one_answer_and_it_comes_last(degrees):
    task = Task(kind="zeros", degrees=degrees, coefficients=Law("normal"))
    values, points = batch(task, 30, 200, 0, 0)
    assert torch.equal(values[:, -1], torch.zeros(200))
    order = points.argsort(1)
    steps = values.gather(1, order).diff(dim=1)
    rising = (steps >= 0).all(1)
    assert (rising | (steps <= 0).all(1)).all()
    assert 60 < rising.sum() < 140  # 100 expected, standard deviation 7
    with pytest.raises(UserError, match="odd"):
        batch(replace(task, degrees=(2,)), 5, 2, 0, 0)


def test_continuous_functions_have_no_jumps_but_have_kinks():
    task = Task(kind="continuous", x=Law("uniform", 1.0))
    xs, ys = batch(task, 2000, 20, 0, 0)
    xs, order = xs.sort(1)
    dx, dy = xs.diff(dim=1), ys.gather(1, order).diff(dim=1)
    # |f'| <= 2 pi + 1 + 1 for coefficients up to 1; float32 rounding of x and y beside it.
    assert (dy.abs() <= 9 * dx + 2.0**-20).all()
    assert (ys[:, 0] != ys[:, 1]).all()


def test_unknown_kinds_and_laws_are_named():
    # As a config read from a file may have them, where no type checker looks.
    task, law = Task(), Law()
    object.__setattr__(task, "kind", "spline")
    object.__setattr__(law, "kind", "cauchy")
    with pytest.raises(UserError, match="known: polynomial"):
        batch(task, 3, 2, 0, 0)
    with pytest.raises(UserError, match="known: uniform"):
        batch(Task(x=law), 3, 2, 0, 0)
