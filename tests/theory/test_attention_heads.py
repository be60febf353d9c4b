"""theory.heads and theory.entropy at their edges; tests/verify/test_heads.py has the rest."""

import numpy as np
import pytest

from theory import TheoryError
from theory.entropy import Table, bound
from theory.heads import Head, ceilings
from theory.weights import Norm

RNG = np.random.default_rng(0)
NORM = Norm("layernorm", RNG.normal(size=5), RNG.normal(size=5), eps=1e-5)


def test_a_bias_without_rows_has_one_entry_a_coordinate():
    bias = np.arange(5.0)
    plain, moved = ceilings(Head(NORM)), ceilings(Head(NORM, None, bias))
    np.testing.assert_allclose(np.array(moved) - np.array(plain), [bias, bias], atol=1e-12)
    with pytest.raises(TheoryError, match=r"bias has shape \(4,\), \(5,\) is needed"):
        Head(NORM, None, bias[:4])


def test_all_weight_on_one_other_token_is_the_least_difference_of_two_logits():
    """ln((1-p_i)/p_i) >= l_j - l_i >= w.beta + b_j - b_i - sqrt(d)|P gamma w|, w = w_j - w_i."""
    rows, bias = RNG.normal(size=(4, 5)), RNG.normal(size=4)
    head = Head(NORM, rows, bias)
    apart = (rows[2] - rows[0]) * NORM.gamma
    exact = (rows[2] - rows[0]) @ NORM.beta + bias[2] - bias[0]
    exact -= 5**0.5 * np.linalg.norm(apart - apart.mean())
    found = bound(head, Table.of(head), 0, np.array([2]), np.ones(1), 0.0)
    assert found == pytest.approx(exact, abs=1e-9)
