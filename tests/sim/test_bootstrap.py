import numpy as np
import pytest

from sim.bootstrap import band
from sim.errors import UserError


def test_a_95_percent_band_covers_the_truth_about_95_times_in_100():
    generator = np.random.default_rng(1)
    hits = 0
    for trial in range(200):
        errors = generator.exponential(size=(1, 200, 1))
        _, low, high = band(errors, seed=trial)
        hits += bool(low[0] <= 1 <= high[0])
    # 200 trials of probability 0.95: five standard deviations are 15.
    assert 175 <= hits <= 200


def test_the_spread_between_seeds_widens_the_band():
    errors = np.random.default_rng(0).exponential(size=(1, 500, 1))
    apart = np.concatenate([errors, 3 * errors, 5 * errors])
    same = np.concatenate([errors, errors, errors])
    width = [float((b.high - b.low)[0] / b.mean[0]) for b in (band(apart), band(same))]
    assert width[0] > 3 * width[1]


def test_a_ratio_is_resampled_together_with_its_reference():
    errors = np.random.default_rng(0).exponential(size=(2, 50, 3))
    mean, low, high = band(errors, 4 * errors)
    np.testing.assert_array_equal([mean, low, high], 0.25)


@pytest.mark.parametrize(
    "errors, settings, says",
    [(np.ones((3, 1)), {}, "shape"), (np.ones((1, 4)), {"level": 2.0}, "between 0 and 1")],
)
def test_bad_input_is_named(errors, settings, says):
    with pytest.raises(UserError, match=says):
        band(errors, **settings)
