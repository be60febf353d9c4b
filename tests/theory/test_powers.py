"""Matrices over the powers of t: products against polynomials, and what stays known of them."""

from math import inf

import numpy as np
import pytest
from flint import arb, arb_mat

from theory.powers import (
    KEPT,
    Powers,
    Undecided,
    assemble,
    exact,
    largest,
    leading,
    sign,
    zero,
)


def drawn(rng, orders, shape, known=-inf):
    """Small integers, so that every product is exact."""
    parts = {k: rng.integers(1, 9, size=shape).astype(float) for k in orders}
    return parts, Powers({k: exact(m) for k, m in parts.items()}, known)


def read(powers):
    """The coefficients as arrays."""
    return {
        k: np.array([[float(x) for x in row] for row in m.tolist()])
        for k, m in powers.terms.items()
    }


def same(found, expected):
    assert set(found) == set(expected)
    for k, m in expected.items():
        assert (found[k] == m).all()


def test_products_and_sums_are_those_of_polynomials():
    rng = np.random.default_rng(0)
    (a, left), (b, right) = drawn(rng, (0, 1), (2, 3)), drawn(rng, (0, 1), (3, 2))
    found = read(left @ right)
    same(found, {0: a[0] @ b[0], 1: a[0] @ b[1] + a[1] @ b[0], 2: a[1] @ b[1]})
    (c, other) = drawn(rng, (1, 2), (2, 3))
    same(read(left + other), {0: a[0], 1: a[1] + c[1], 2: c[2]})
    same(read(left.map(lambda m: m * 2)), {0: 2 * a[0], 1: 2 * a[1]})
    assert (left @ right).known == (left + other).known == -inf


def test_a_product_is_known_to_the_coarser_of_the_two_errors():
    """(A t² + o(t)) B t = AB t³ + o(t²), and (A t² + o(t))(B t + o(1)) the same."""
    rng = np.random.default_rng(1)
    a, left = drawn(rng, (2,), (2, 2), known=1.0)
    b, right = drawn(rng, (1,), (2, 2))
    for pair in ((left, right), (right, left), (left, drawn(rng, (1,), (2, 2), 0.0)[1])):
        assert (pair[0] @ pair[1]).known == 2.0
    same(read(left @ right), {3: a[2] @ b[1]})
    # o(1) times t³ is coarser than o(t) times t
    assert (left @ Powers(right.terms, 0.5)).known == 2.5
    assert (Powers(left.terms, -1.0) @ Powers(right.terms, 0.5)).known == 2.5


def test_powers_below_what_is_known_are_dropped():
    rng = np.random.default_rng(2)
    a, left = drawn(rng, (2, 0), (2, 2), known=1.0)
    same(read(left.trimmed()), {2: a[2]})
    same(read(left + drawn(rng, (0,), (2, 2))[1]), {2: a[2]})
    at, edge = drawn(rng, (2, 1), (1, 1), known=1.0)
    same(read(edge.trimmed()), at)
    assert (left + Powers({}, 1.5)).known == 1.5


def test_leading_zeros_go_and_only_the_first_powers_are_kept():
    rng = np.random.default_rng(3)
    parts, powers = drawn(rng, range(6), (2, 2))
    powers = Powers({**powers.terms, 6: exact(np.zeros((2, 2)))}, -inf)
    found = powers.trimmed()
    assert found.degree == 5 and powers.degree == 6
    same(read(found), {k: parts[k] for k in (5, 4, 3)})
    # the first power left out is o() of the last one kept
    assert found.known == 6 - KEPT == 3
    _, three = drawn(rng, (3, 2, 1), (1, 1))
    assert set(three.trimmed().terms) == {3, 2, 1} and three.trimmed().known == -inf
    assert Powers({}, -inf).degree == -inf and Powers({}, 2.5).degree == 2.5


def test_rows_and_back():
    rng = np.random.default_rng(4)
    parts, powers = drawn(rng, (0, 1), (3, 2))
    rows = powers.rows(3)
    assert [float(x) for x in rows[2][1]] == parts[1][2].tolist()
    same(read(assemble(rows, -inf, 2)), parts)
    # a power that one row lacks is 0 there
    sparse = read(assemble([{1: rows[0][1]}, {0: rows[1][0]}], -inf, 2))
    same(sparse, {1: np.stack([parts[1][0], 0 * parts[1][0]]), 0: np.stack([[0, 0], parts[0][1]])})
    assert assemble([{1: rows[0][1]}], 0.5, 2).known == 0.5
    assert (read(Powers.constant(parts[0], 2))[2] == parts[0]).all()
    assert set(Powers.constant(parts[0]).terms) == {0} and Powers.constant(parts[0]).known == -inf


def test_signs_and_leading_powers_of_balls():
    wide = arb(0).union(arb(1))
    assert [sign(x) for x in (arb(-2), arb(0), arb(3), wide + arb("0.1"))] == [-1, 0, 1, 1]
    for x in (wide, -wide, wide - arb("0.5")):
        with pytest.raises(Undecided, match="open at this precision"):
            sign(x)
    row = {0: [arb(7), arb(5)], 1: [arb(0), arb(-4)], 2: [arb(0), arb(0)]}
    assert leading(row, 0) == (0, 7) and leading(row, 1) == (1, -4)
    assert leading({2: [arb(0)]}, 0) == (0, 0)
    # a constant may be open, a power may not
    assert leading({0: [wide]}, 0)[0] == 0
    with pytest.raises(Undecided):
        leading({1: [wide], 0: [arb(1)]}, 0)


def test_the_largest_entries_with_ties_among_some():
    values = [arb(v) for v in (3, 5, 5, 1, 9)]
    assert largest(values, [0, 1, 2, 3]) == [1, 2]
    assert largest(values, range(5)) == [4] and largest(values, [3, 0]) == [0]
    assert largest(values, [2, 1]) == [2, 1]
    with pytest.raises(Undecided):
        largest([arb(1), arb(0).union(arb(3))], [0, 1])


def test_zero_means_every_entry_exactly():
    assert zero(arb_mat(2, 2)) and not zero(exact(np.array([[0.0, 1e-300]])))
    assert not zero(arb_mat([[arb(0).union(arb(0, 1e-30))]]))
