"""What a step is: learning rate, length of prompts, task; and that it is nothing but the step."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from sim import polynomials, schedules
from sim.config import Curriculum, Law, Model, Optimizer, Task, Train
from sim.errors import UserError
from sim.presets import PRESETS
from sim.prompts import Source

CPU = torch.device("cpu")


def test_the_rate_warms_up_and_falls_to_zero():
    config = Train(steps=100, optimizer=Optimizer(rate=2.0, warmup=0.1))
    rates = [schedules.rate(config, step) for step in range(100)]
    assert rates[:10] == pytest.approx([0.2 * (step + 1) for step in range(10)])
    assert rates[10] == 2.0 and rates[55] == pytest.approx(1.0)
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert 0 < rates[-1] < 0.01


@pytest.mark.parametrize("warmup, first", [(0.0, 2.0), (1.0, 0.02), (3.0, 2.0 / 300)])
def test_extreme_warm_ups(warmup, first):
    config = Train(steps=100, optimizer=Optimizer(rate=2.0, warmup=warmup, schedule="constant"))
    assert schedules.rate(config, 0) == pytest.approx(first)
    assert schedules.rate(config, 99) == pytest.approx(2.0 * min(1, 1 / max(warmup, 1e-9)))


def test_prompts_grow_to_full_length_as_the_authors_did():
    config = replace(PRESETS["paper"], steps=1600)
    lengths = [schedules.points(config, step) for step in range(1600)]
    assert sorted(set(lengths)) == [*range(11, 41, 2), 41]
    assert lengths == sorted(lengths) and lengths[800:] == [41] * 800
    assert {schedules.points(Train(), step) for step in (0, 1, 1499)} == {41}
    odd = Train(steps=10, model=Model(points=6), curriculum=Curriculum(points=5, share=1.0))
    assert [schedules.points(odd, step) for step in (0, 9)] == [5, 5]


def test_degrees_one_after_the_other():
    config = PRESETS["unseen-sequential"]
    seen = [schedules.task(config, round(config.steps * part / 10)).degrees for part in range(10)]
    assert seen == [(1,)] * 3 + [(3,)] * 3 + [(5,)] * 4


def draws(config, seeds=(0,), ahead=1):
    source = Source(config, seeds, CPU, ahead)
    return [source(step) for step in range(config.steps)]


@pytest.mark.parametrize("kind", ["uniform", "normal", "bimodal"])
def test_prompts_drawn_ahead_and_for_several_models_are_those_drawn_alone(kind):
    task = Task(degrees=(1, 1, 3), order="sequential", x=Law(kind), coefficients=Law(kind))
    model = Model(points=7, width=8)
    config = Train(
        task=task, steps=10, batch=3, model=model, curriculum=Curriculum(points=3, share=0.7)
    )
    ahead, together = draws(config, ahead=4), draws(config, seeds=(5, 0, 2**40), ahead=3)
    for step, (xs, ys) in enumerate(draws(config)):
        task, points = schedules.task(config, step), schedules.points(config, step)
        alone = polynomials.batch(task, points, 3, 0, step)
        for x, y in ((xs, ys), ahead[step], [n[1] for n in together[step]]):
            torch.testing.assert_close(x, alone[0], rtol=2.0**-23, atol=0)
            torch.testing.assert_close(y, alone[1], rtol=2.0**-20, atol=2.0**-20)
    assert together[0][0].shape == (3, 3, 3)
    assert len(torch.stack([x for x, _ in together[9:]]).unique()) == 3 * 3 * 7


def test_other_tasks_come_for_several_models_too():
    for name in ("continuous", "zeros", "equivariant"):
        config = replace(PRESETS[name], batch=2, steps=2)
        (_, (xs, ys)), (_, alone) = draws(config, seeds=(4, 9)), draws(config, seeds=(9,))
        torch.testing.assert_close(xs[1], alone[0])
        torch.testing.assert_close(ys[1], alone[1])


@pytest.mark.parametrize(
    "change, says",
    [
        ({"batch": 0}, "batch is 0"),
        ({"seed": 2**63}, "below"),
        ({"seed": -1}, "seed is -1"),
        ({"model": Model(width=10, heads=3)}, "no multiple"),
        ({"model": Model(mlp_ratio=0)}, "mlp_ratio"),
        ({"model": Model(eps=float("nan"))}, "eps is nan"),
        ({"optimizer": Optimizer(rate=float("nan"))}, "need > 0"),
        ({"optimizer": Optimizer(betas=(0.9, 1.0))}, "betas"),
        ({"optimizer": Optimizer(warmup=-0.1)}, "warmup"),
        ({"task": Task(degrees=())}, "task.degrees"),
        ({"name": "a/b"}, "no slash"),
    ],
)
def test_what_cannot_be_trained_is_refused(change, says):
    with pytest.raises(UserError, match=says):
        Train(**change)


def test_the_run_id_is_of_what_decides_the_result():
    assert Train().run_id == replace(Train(), name="other", checkpoint_every=7).run_id
    ids = {config.run_id for config in PRESETS.values()}
    # the twelfth size of Table 2 is the paper's model
    assert len(ids) == len(PRESETS) - 1
