"""F2 at the edges of float32: where no certificate is, and which query overflows."""

from dataclasses import replace

import numpy as np
import pytest

from theory.arithmetic import F2, needs_float32_stream, overflowing_query
from theory.errors import TheoryError
from theory.rounding import float32_domain


def test_domain_of_dyt_and_of_weights_without_room(random_weights):
    assert float32_domain(random_weights(norm="dyt")) > 2.0**120
    large = random_weights()
    large.blocks[0].value[:] *= 2.0**70
    assert float32_domain(large) == 0
    with pytest.raises(TheoryError, match="sum"):
        float32_domain(random_weights(score="linear"))
    assert "sum" in str(F2.applies(random_weights(score="linear")))
    # a constant stream of a network without eps: 0/0 far below any overflow
    assert "0/0" in str(F2.applies(random_weights(eps=0.0)))
    values = F2.evaluate(random_weights(d=1, heads=1))
    assert values["float32 y, if not NaN, at |h|/|Ph| ≤ 10"].width < 1e-2


def test_an_eps_below_the_normal_floats_is_none(random_weights):
    assert needs_float32_stream(random_weights(eps=2.0**-126)) is None
    reason = needs_float32_stream(random_weights(eps=2.0**-126 * (1 - 2.0**-50)))
    assert reason is not None and "eps = 0 in float32" in reason


def test_the_overflowing_query_outweighs_the_rounding_of_its_ray(random_weights):
    """|P w_in| less 2^-16 |w_in| for roundings, times the query, is past sqrt of the largest float.

    On a ray that is nearly constant the roundings are half of what the norm sees.
    """
    weights = random_weights(layers=1)
    read_in = np.ones(8)
    read_in[0] += 2.0**-14
    weights = replace(weights, read_in=read_in)
    query = overflowing_query(weights)
    assert query is not None
    seen = np.linalg.norm(read_in - read_in.mean()) - np.linalg.norm(read_in) / 2**16
    assert 0 < seen < 0.5 * np.linalg.norm(read_in - read_in.mean())
    assert float(query) * seen >= 2.0**64
