import json
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from sim import evaluate
from sim.baselines import least_squares, nearest, zero
from sim.config import Law, Task
from sim.errors import UserError
from sim.evaluate_cli import Settings, main, run

ONE = partial(nearest, neighbours=1)


def test_the_error_of_zero_is_the_second_moment_of_the_task():
    error = evaluate.error_by_scale(zero, 2, [1.0, 3.0], 20_000, 0)
    # E p(x)^2 = a^2/3 (1 + s^2/3 + s^4/5); five standard errors of the sample.
    for row, s in zip(error, [1.0, 3.0], strict=True):
        expected = (1 + s**2 / 3 + s**4 / 5) / 3
        assert abs(row.mean() - expected) < 5 * row.std() / len(row) ** 0.5


def test_scales_of_coefficients_square_out_and_least_squares_sees_none():
    rows = evaluate.error_by_scale(ONE, 3, [1.0, 4.0], 50, 0, of="f")
    np.testing.assert_array_equal(rows[1], 16 * rows[0])
    x, both = (evaluate.error_by_scale(ONE, 3, [4.0], 50, 0, of=of) for of in ("x", "both"))
    np.testing.assert_array_equal(both, 16 * x)
    exact = evaluate.error_by_scale(partial(least_squares, degree=3), 3, [1.0, 100.0], 50, 0)
    size = evaluate.error_by_scale(zero, 3, [1.0, 100.0], 50, 0)
    # float32 values carry 2^-24 each; a factor 100 for the condition of 40 points.
    assert (exact.mean(1) < (100 * 2.0**-24) ** 2 * size.mean(1)).all()


def test_a_heat_map_holds_the_curves_on_its_edges():
    cells = evaluate.heat_map(ONE, 2, [1.0, 2.0], [1.0, 3.0], 20, 0)
    assert cells.shape == (2, 2, 20)
    np.testing.assert_array_equal(cells[:, 0], evaluate.error_by_scale(ONE, 2, [1.0, 2.0], 20, 0))
    np.testing.assert_array_equal(
        cells[0], evaluate.error_by_scale(ONE, 2, [1.0, 3.0], 20, 0, of="f")
    )


def test_one_huge_example_is_true_and_hurts_no_rule_that_forgets_it():
    sizes = [3.0, 20_000.0]
    near = evaluate.error_with_huge_token(ONE, 1, sizes, 50, 0)
    assert near[1].mean() < 0.1
    fit = evaluate.error_with_huge_token(partial(least_squares, degree=1), 1, sizes, 50, 0)
    # Values near 20000 |c| are rounded to 2^-24 of that.
    assert fit[1].max() < (20_000 * 2.0**-22) ** 2
    with pytest.raises(UserError, match="position 40"):
        evaluate.error_with_huge_token(ONE, 1, sizes, 5, 0, position=40)
    with pytest.raises(UserError, match="zeros"):
        evaluate.error_with_huge_token(ONE, Task(kind="zeros", degrees=(1,)), sizes, 5, 0)


def test_more_examples_help_and_sorted_prompts_come_in_order():
    lengths = evaluate.error_by_length(ONE, 2, [5, 40, 160], 400, 0).mean(1)
    assert lengths[0] > 4 * lengths[1] > 16 * lengths[2]
    seen = []

    def spy(xs, ys):
        seen.append((xs, ys))
        return ys

    evaluate.error_by_position(spy, Task(degrees=(1,), x=Law("normal")), 4, 0, sort=True)
    (xs, ys) = seen[0]
    assert (xs.diff(dim=1) >= 0).all()
    slope = ys.diff(dim=1) / xs.diff(dim=1)
    assert np.allclose(slope, slope.median(1, keepdim=True).values, atol=1e-2)


def test_evaluation_prompts_do_not_depend_on_the_chunk():
    xs, ys = evaluate.batch(Task(), 12, 10, 0, evaluate.EVALUATION)
    whole = evaluate.squared_errors(ONE, xs, ys)
    np.testing.assert_array_equal(whole, evaluate.squared_errors(ONE, xs, ys, chunk=3))


def test_the_published_row_from_the_command_line():
    command = "--protocol paper --predictor zero --degree 1 --x uniform --coefficients normal"
    done = subprocess.run(
        [sys.executable, "-m", "sim.evaluate", *command.split()], capture_output=True, text=True
    )
    printed = "1.52 4.43 13.55 19.94 30.81 44.75 52.71 76.11 105.43 128.52"
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["zero", *printed.split()]


def test_json_and_table_say_the_same():
    settings = Settings(predictor=("zero",), protocol="paper", x="normal", json=True)
    answer = json.loads(run(settings, ()))
    assert answer["sigma"] == list(range(1, 11)) and answer["coefficients"] == "normal"
    assert f"{answer['rows'][0]['error'][9]:.2f}" == "199.31"


@pytest.mark.parametrize("measure", ["scale", "position", "heat", "huge", "length", "sorted"])
def test_every_measure_gives_a_band_around_its_ratio(measure):
    settings = Settings(
        predictor=("1-nn", "zero"), measure=measure, scales=(1.0, 4.0), sizes=(1.0, 50.0),
        lengths=(5, 9), prompts=20, points=9, equivariant=True, json=True,
    )  # fmt: skip
    rows = json.loads(run(settings, ()))["rows"]
    names = {"1-nn", "zero", "equivariant:1-nn", "equivariant:zero"}
    assert {row["predictor"] for row in rows} == names
    for row in rows:
        assert row["low"] <= row["relative"] <= row["high"]
        if row["predictor"].endswith("zero"):
            assert row["relative"] == 1


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "give a run's folder, or --predictor"),
        (["--predictor", "2-nn"], "known: zero"),
        (["--predictor", "bayes"], "normal coefficients only"),
        (["--predictor", "zero", "--prompts", "1"], "--prompts >= 2"),
        (["--predictor", "zero", "--protocol", "paper", "--degree", "0"], "degree 1"),
        (["no/such/run"], "no such file or folder"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(monkeypatch, capsys, arguments, says):
    monkeypatch.setattr(sys, "argv", ["sim.evaluate", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (2, "")
    assert err.startswith("error: ") and says in err
    assert len(err.splitlines()) == 1
