"""How a head's output moves with its query: the parts that N5 and N4 put together."""

import numpy as np
import pytest

from theory.anatomy import circuits, scaled_rows
from theory.asking import askings
from theory.balls import Balls
from theory.passages import Query, view
from theory.streams import Stream
from theory.velocity import attention_velocity, steady


def bilinear(block, h):
    """B_h = P Γ W_K' W_Q Γ P/sqrt(dh) in plain floats."""
    query, key = (scaled_rows(block.norm, m[h]).mid for m in (block.query, block.key))
    return key.T @ query / np.sqrt(len(query))


@pytest.fixture
def weights(random_weights):
    return random_weights(layers=2, scale=1.5, seed=4)


def test_scores_turn_by_the_bilinear_form(weights):
    rng = np.random.default_rng(0)
    part = Stream.at(Balls.exact(rng.normal(size=8))).joined(
        Balls.exact(rng.normal(size=(8, 2))), 2
    )
    for index, heads in askings(weights).items():
        block = weights.blocks[index]
        for h, head in enumerate(heads):
            form, z = bilinear(block, h), rng.normal(size=8)
            shift = block.query[h] @ block.norm.beta + block.query_bias[h]
            key = scaled_rows(block.norm, block.key[h]).mid
            kappa = form @ z + key.T @ shift / np.sqrt(len(shift))
            np.testing.assert_allclose(head.kappa(Balls.exact(z)).mid, kappa, atol=1e-12)
            assert head.size == pytest.approx(np.linalg.norm(form, 2), rel=1e-9)
            around = rng.normal(size=(500, 2))
            around /= np.maximum(1, np.linalg.norm(around, axis=1))[:, None]
            members = part.centre + around @ part.columns.T
            reached = np.linalg.norm(members @ form.T, axis=1).max()
            assert reached <= head.reach(part, part.reach) <= 2 * reached
            # never more than the norm of the form says
            assert head.reach(part, 1e-3) <= head.size * 1.001e-3


def test_one_map_holds_what_all_heads_do_linearly(weights):
    for index, (linear, half) in steady(weights).items():
        maps = circuits(weights)[index].maps.mid
        forms = [bilinear(weights.blocks[index], h) for h in range(len(maps))]
        expected = sum(a @ (4 * b + np.eye(8) / 2) for a, b in zip(maps, forms, strict=True))
        np.testing.assert_allclose(linear.mid, expected, atol=1e-12)
        np.testing.assert_allclose(half.mid, maps.sum(0) / 2, atol=1e-12)


def mixed(z, weight, kappa_turn, kappa, turn, own):
    """d/dt of Σ w z when every score j moves by κ'.z_j, the last by κ.z' more, and z_T by z'."""
    moved = z @ kappa_turn
    moved[-1] += kappa @ turn
    return weight @ (z * (moved - weight @ moved)[:, None]) + own * turn


@pytest.mark.parametrize("told", [False, True])
def test_a_mixture_s_velocity_lies_in_the_set(weights, told):
    """Averages of random inputs with random weights, the query's own input turning with it."""
    rng, block = np.random.default_rng(7), weights.attentions[0]
    stream = Stream.at(Balls.exact(np.zeros(8))).joined(Balls.exact(0.01 * np.eye(8)), 8)
    seen = view(weights, block.norm, Query(1e4), stream)
    axis = np.sign(1e4) * seen.axis.mid * np.sqrt(8)
    turn, other = 1e-2 * rng.normal(size=(2, 8))
    turned, told_turn = (Stream.at(Balls.exact(v)) for v in (turn, other))
    found = attention_velocity(weights, 0, seen, turned, told_turn if told else None)
    maps, heads, rows = circuits(weights)[0].maps.mid, askings(weights)[0], rng.normal(size=(30, 8))
    low, high = found.support(Balls.exact(rows))
    for _ in range(200):
        total = np.zeros(8)
        for h, reach in enumerate(maps):
            z = rng.normal(size=(6, 8))
            z -= z.mean(1, keepdims=True)
            z *= np.sqrt(8) / np.linalg.norm(z, axis=1)[:, None]
            z[-1] = axis
            weight = rng.dirichlet(np.full(6, 0.3))
            form, kappa = bilinear(block, h), heads[h].kappa(Balls.exact(axis)).mid
            velocity = mixed(z, weight, form @ turn, kappa, turn, weight[-1])
            if told:
                first = np.zeros(6)
                first[0] = kappa @ other
                velocity += weight @ (z * (first - weight @ first)[:, None]) + weight[0] * other
            total += reach @ velocity
        assert (rows @ total <= rows @ found.centre + high).all()
        assert (rows @ total >= rows @ found.centre + low).all()
