"""theory.heads and theory.entropy against arb, brute force and witnesses."""

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import TheoryError
from theory.entropy import Table, bound, certainty, entropy_floor, first_bounds
from theory.heads import Head, ceilings
from theory.layernorm import readout_ceiling
from theory.weights import Norm, NormKind, Weights

KINDS: tuple[NormKind, ...] = ("layernorm", "rmsnorm", "dyt")


def head_of(outputs: int, d: int, scale: float = 1.0, seed: int = 0, kind: NormKind = "layernorm"):
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.normal(size=shape).astype(np.float32)

    norm = Norm(kind, draw(d).astype(float), draw(d).astype(float), eps=1e-5, alpha=0.5)
    return Head(norm, scale * draw(outputs, d), draw(outputs))


def outputs_of_norm(norm: Norm, count: int, rng) -> np.ndarray:
    """Residuals of every size, some at one coordinate, normalised: z before gamma and beta."""
    d = norm.gamma.size
    h = rng.normal(size=(count, d)) * 10.0 ** rng.uniform(-6, 6, size=(count, 1))
    h[: d + 1] = np.eye(d + 1, d) * 1e6
    if norm.kind == "dyt":
        return np.tanh(norm.alpha * h)
    m = h - h.mean(-1, keepdims=True) if norm.kind == "layernorm" else h
    return m / np.sqrt((m**2).mean(-1, keepdims=True) + norm.eps)


def logits_of(head: Head, z: np.ndarray) -> np.ndarray:
    assert head.rows is not None and head.bias is not None
    return (head.norm.gamma * z + head.norm.beta) @ head.rows.T.astype(float) + head.bias


def log_odds(logits: np.ndarray) -> np.ndarray:
    """ln((1-p_i)/p_i) of every token."""
    found = np.empty_like(logits)
    for i in range(logits.shape[-1]):
        others = np.delete(logits, i, axis=-1) - logits[..., i : i + 1]
        found[..., i] = np.logaddexp.reduce(others, axis=-1)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [1, 2, 7, 64])
def test_every_row_encloses_the_exact_ceiling_and_is_sharp(kind, d):
    head = head_of(9, d, seed=d, kind=kind)
    low, high = ceilings(head)
    assert head.rows is not None and head.bias is not None
    zeros = np.zeros(d)
    for i, row in enumerate(head.rows.astype(float)):
        weights = Weights(zeros, zeros, zeros[None], (), head.norm, row, float(head.bias[i]))
        exact = readout_ceiling(weights)
        assert low[i] <= exact.low and exact.high <= high[i]
        assert exact.low - low[i] + high[i] - exact.high <= 1e-12 * max(exact.magnitude, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_coordinates_are_the_closed_form_and_reached(kind):
    head = Head(head_of(1, 6, kind=kind).norm)
    low, high = ceilings(head)
    reach = np.abs(head.norm.gamma) * {"layernorm": 5**0.5, "rmsnorm": 6**0.5, "dyt": 1}[kind]
    np.testing.assert_allclose(high, head.norm.beta + reach, rtol=1e-12)
    z = outputs_of_norm(head.norm, 500, np.random.default_rng(0))
    out = head.norm.gamma * z + head.norm.beta
    assert (out >= low).all() and (out <= high).all()
    # h = e_i reaches one end of coordinate i, so a reach 1 % smaller is refuted
    beyond = np.abs(out - head.norm.beta).max(0)
    assert (beyond > 0.99 * reach).all()


def test_slices_join():
    head = head_of(5000, 3, seed=2)
    assert head.rows is not None and head.bias is not None
    low, high = ceilings(head)
    at = [0, 2047, 2048, 4096, 4999]
    part = Head(head.norm, head.rows[at], head.bias[at])
    np.testing.assert_allclose([low[at], high[at]], ceilings(part), rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("outputs", "d", "scale"), [(2, 3, 1.0), (9, 1, 1.0), (7, 4, 0.2), (40, 8, 2)]
)
def test_no_residual_is_more_certain(kind, outputs, d, scale):
    head = head_of(outputs, d, scale, seed=outputs, kind=kind)
    found = certainty(head)
    logits = logits_of(head, outputs_of_norm(head.norm, 4000, np.random.default_rng(1)))
    odds = log_odds(logits)
    # float64 in the test: a few ulps of the logits
    assert (odds >= found.log_odds - 1e-11 * (1 + np.abs(logits).max())).all()
    p = np.exp(logits - np.logaddexp.reduce(logits, axis=-1)[:, None])
    entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(-1)
    assert (entropy >= found.entropy - 1e-11).all()
    assert (p <= found.largest_probability + 1e-11).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_is_reached(kind):
    """Certified and attained agree to 1 %, so the bound made 1 % smaller is refuted."""
    head = head_of(60, 12, 2.0, seed=4, kind=kind)
    found = certainty(head)
    lowest = float(found.log_odds.min())
    assert lowest < 0 and lowest <= found.attained < 0.99 * lowest
    replay = log_odds(logits_of(head, found.witness[None]))[0, found.token]
    assert replay == pytest.approx(found.attained, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(1, 6), st.floats(-3, 2))
def test_any_weights_give_a_lower_bound(seed, outputs, d, exponent):
    """Gibbs: q need not be good, nor sum to one."""
    head = head_of(outputs, d, 10.0**exponent, seed=seed)
    rng = np.random.default_rng(seed)
    token = int(rng.integers(outputs))
    others = np.delete(np.arange(outputs), token)
    support = rng.permutation(others)[: rng.integers(1, outputs)]
    q = rng.uniform(0.01, 1, size=len(support)) * 10.0 ** rng.uniform(-3, 3)
    rest = float(rng.uniform(0, 1))
    value = bound(head, Table.of(head), token, support, q, rest)
    logits = logits_of(head, outputs_of_norm(head.norm, 200, rng))
    assert (log_odds(logits)[:, token] >= value - 1e-11 * (1 + np.abs(logits).max())).all()


def test_equal_weights_are_one_of_them():
    head = head_of(8, 5, seed=3)
    table = Table.of(head)
    for i, first in enumerate(first_bounds(head, table)):
        others = np.delete(np.arange(8), i)
        assert first == pytest.approx(bound(head, table, i, others, np.full(7, 1 / 7), 0.0))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 30), st.floats(0.05, 20))
def test_entropy_floor_holds_for_every_distribution(seed, outputs, concentration):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(outputs, concentration)) + 1e-12
    p /= p.sum()
    entropy = -(p * np.log(p)).sum()
    floor = entropy_floor(float(np.log1p(-p.max()) - np.log(p.max())))
    assert float(floor) <= entropy + 1e-12


@pytest.mark.parametrize("largest", [0.99999, 0.75, 0.5, 0.4, 1 / 3, 0.07])
def test_entropy_floor_is_attained(largest):
    """By as many copies of P as fit and the rest."""
    count = int(1 / largest + 1e-9)
    p = np.array([largest] * count + [max(1 - count * largest, 1e-300)])
    entropy = -(p * np.log(p)).sum()
    assert float(entropy_floor(float(np.log((1 - largest) / largest)))) == pytest.approx(entropy)


def test_logarithm_of_the_entropy_does_not_underflow():
    head = head_of(20, 8, 3000.0)
    found = certainty(head)
    assert found.entropy == 0.0 and -1e5 < found.log_entropy < -745
    assert arb(found.log_entropy) <= entropy_floor(float(found.log_odds.min())).log()


def test_a_head_that_says_one_thing_only():
    """Equal rows, or width 1: the distribution is uniform whatever the input."""
    norm = Norm("layernorm", np.ones(1), np.zeros(1))
    for head in (
        Head(norm, np.ones((3, 1))),
        Head(Norm("layernorm", np.ones(4), np.zeros(4)), np.ones((3, 4))),
    ):
        found = certainty(head)
        assert found.entropy == pytest.approx(np.log(3)) and found.entropy <= np.log(3)
        assert found.largest_probability == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rows": np.full((3, 4), np.nan)}, "rows holds NaN"),
        ({"rows": np.ones((3, 5))}, "shape"),
        ({"bias": np.ones(2)}, "bias has shape"),
        ({"norm": Norm("layernorm", np.ones(4), np.ones(4), eps=-1.0)}, "eps"),
        ({"norm": Norm("layernorm", np.full(4, np.inf), np.ones(4))}, "gamma holds"),
    ],
    ids=str,
)
def test_bad_heads_are_refused(change, reason):
    good = {"norm": Norm("layernorm", np.ones(4), np.zeros(4)), "rows": np.ones((3, 4))}
    with pytest.raises(TheoryError, match=reason):
        Head(**(good | change))  # type: ignore[arg-type]


def test_refusals():
    norm = Norm("layernorm", np.ones(4), np.zeros(4))
    with pytest.raises(TheoryError, match="no norm"):
        ceilings(Head(Norm("none", np.ones(4), np.zeros(4)), np.ones((2, 4))))
    with pytest.raises(TheoryError, match="logits"):
        certainty(Head(norm))
    with pytest.raises(TheoryError, match="one output"):
        certainty(Head(norm, np.ones((1, 4))))
    with pytest.raises(TheoryError, match="double"):
        ceilings(Head(norm, np.array([[1e308, -1e308, 0.0, 1.0]])))
