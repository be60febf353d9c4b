import numpy as np
import pytest

from theory.errors import TheoryError
from theory.interval import Interval


def test_two_bounds_of_one_number_leave_what_lies_in_both():
    assert Interval(-1.0, 2.0) & Interval(0.5, np.inf) == Interval(0.5, 2.0)
    assert Interval(-np.inf, np.inf) & Interval(1.0, 1.0) == Interval(1.0, 1.0)
    with pytest.raises(TheoryError, match="not an interval"):
        _ = Interval(0.0, 1.0) & Interval(2.0, 3.0)
