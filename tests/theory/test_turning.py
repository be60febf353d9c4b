"""What an attention's average can do when its query turns: all scores equal, any query at all.

With all scores equal it is linear in each weight, and known.
"""

from dataclasses import replace

import numpy as np
import pytest

from theory.anatomy import circuits
from theory.asking import askings
from theory.balls import Balls
from theory.dispersion import block_ranges
from theory.passages import Query, view
from theory.streams import Stream
from theory.velocity import attention_velocity


def indifferent(random_weights):
    """A model whose first attention asks nothing: every score is 0."""
    weights = random_weights(layers=2, scale=1.5, seed=4)
    block = weights.attentions[0]
    mute = replace(block, query=0 * block.query, query_bias=0 * block.query_bias)
    return replace(weights, blocks=(mute, *weights.blocks[1:])), mute


@pytest.mark.parametrize("told", [False, True])
def test_without_scores_every_share_of_what_turns_is_reached_and_no_more(random_weights, told):
    """Σ_h A_h (w_h z' + v_h z_j'), every w_h and v_h in [0, 1] on its own."""
    weights, block = indifferent(random_weights)
    rng = np.random.default_rng(0)
    around = Stream.nothing(8).joined(Balls.exact(0.01 * np.eye(8)), 8)
    seen = view(weights, block.norm, Query(1e4), around)
    turn, other = rng.normal(size=(2, 8))
    turned, another = (Stream.at(Balls.exact(v)) for v in (turn, other))
    found = attention_velocity(weights, 0, seen, turned, another if told else None)
    rows = rng.normal(size=(30, 8))
    low, high = found.support(Balls.exact(rows))
    moves = [maps @ v for maps in circuits(weights)[0].maps.mid for v in (turn, other)[: 1 + told]]
    hits = np.array(moves) @ rows.T
    middle = rows @ found.centre
    np.testing.assert_allclose(middle + high, np.maximum(hits, 0).sum(0), atol=1e-9)
    np.testing.assert_allclose(middle + low, np.minimum(hits, 0).sum(0), atol=1e-9)


def test_without_scores_a_ball_of_velocities_stays_a_ball(random_weights):
    """|z'| <= 1 without a direction: one z' at w_h = 1/2, and half of one for each head alone."""
    weights, block = indifferent(random_weights)
    around = Stream.nothing(8).joined(Balls.exact(0.01 * np.eye(8)), 8)
    seen = view(weights, block.norm, Query(-300.0), around)
    turned = Stream.nothing(8).joined(Balls.exact(np.eye(8)), 8)
    found, rng = attention_velocity(weights, 0, seen, turned), np.random.default_rng(1)
    maps, rows = circuits(weights)[0].maps.mid, rng.normal(size=(40, 8))
    _, high = found.support(Balls.exact(rows))
    whole = np.linalg.norm(rows @ maps.sum(0), axis=1)
    alone = sum(np.linalg.norm(rows @ a, axis=1) for a in maps)
    assert (high >= np.maximum(whole, np.linalg.norm(rows @ maps[0], axis=1))).all()
    np.testing.assert_allclose(high, whole / 2 + alone / 2, rtol=1e-9)


def test_of_a_query_of_which_little_is_known_the_scores_move_as_their_range_says(random_weights):
    """κ z' for any query: |κ| <= range/(2 sqrt(d)), each head's rest within sqrt(d)/2 of that."""
    weights = random_weights(layers=2, scale=1.5, seed=4)
    around = Stream.nothing(8).joined(Balls.exact(3 * np.eye(8)), 8)
    seen = view(weights, weights.attentions[0].norm, Query(1.0), around)
    assert seen.closed and seen.back > 0.5
    rng = np.random.default_rng(3)
    turn, rows = rng.normal(size=8), rng.normal(size=(40, 8))
    turn -= turn.mean()
    size = np.linalg.norm(turn)
    found = attention_velocity(weights, 0, seen, Stream.at(Balls.exact(turn)))
    _, high = found.support(Balls.exact(rows))
    most = np.zeros(40)
    for h, head in enumerate(askings(weights)[0]):
        form = head.key.mid.T @ head.query.mid
        cap = block_ranges(weights, 0)[h].high / (2 * np.sqrt(8))
        reach = rows @ circuits(weights)[0].maps.mid[h]
        ball = 4 * np.linalg.norm(form @ turn) + np.sqrt(8) / 2 * cap * size
        most += np.linalg.norm(reach, axis=1) * ball + np.abs(reach @ turn) / 2
    assert (high <= most * (1 + 1e-9)).all()
