from dataclasses import replace

import numpy as np
import pytest

from theory import TheoryError
from theory.collapse import N6, odds, odds_error, pole_distance
from theory.network import forward, normed, transform
from theory.plateau import plateau
from theory.weights import Norm

VARIANTS = [
    {"d": 8},
    {"d": 3, "heads": 1, "layers": 3, "eps": 0.0},
    {"d": 2, "heads": 1, "layers": 1},
    {"norm": "rmsnorm"},
    {"norm": "dyt", "final_norm": "layernorm", "scale": 0.5},
    {"norm": "layernorm", "final_norm": "rmsnorm", "mlp": False},
]


def inputs(weights, tokens):
    """What each attention reads, layer by layer, in float64."""
    h = tokens[..., None] * weights.read_in + weights.read_in_bias + weights.positions
    found = []
    for block in weights.blocks:
        u = normed(block.norm, h)
        if hasattr(block, "key"):
            found.append(u)
        h = h + transform(block, u)
    return found


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_patterns_depend_on_signs_alone(random_weights, options):
    weights, rng = random_weights(**options, seed=2), np.random.default_rng(1)
    size = 1e7
    tokens = rng.choice([-1, 1], size=(40, 9)) * size * rng.uniform(1, 50, size=(40, 9))
    signs = np.sign(tokens)
    for layer, u in enumerate(inputs(weights, tokens)):
        attention = weights.attentions[layer]
        for head in range(len(attention.key)):
            key = u @ attention.key[head].T + attention.key_bias[head]
            asked = u[:, -1] @ attention.query[head].T + attention.query_bias[head]
            scores = np.einsum("be,bje->bj", asked, key) / np.sqrt(key.shape[-1])
            error = float(odds_error(weights, layer, head, size))
            for sign in (1, -1):
                limit = odds(weights, attention, head, sign).midpoint / 2
                rows = signs[:, -1] == sign
                apart = scores[rows] - limit * signs[rows]
                # what is left is a constant of the query: the keys' common part
                spread = apart.max(1) - apart.min(1)
                assert (spread <= error + 1e-6 * (1 + np.abs(scores).max())).all()


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_norms_come_within_the_distance_of_their_pole(random_weights, options):
    weights, rng = random_weights(**options, seed=3), np.random.default_rng(2)
    for x in (1e3, 1e5):
        tokens = rng.choice([-1, 1], size=(200, 9)) * x * rng.uniform(1, 9, size=(200, 9))
        far = max(float(pole_distance(weights, b.norm, x)) for b in weights.blocks)
        for layer, u in enumerate(inputs(weights, tokens)):
            layer_norm = weights.attentions[layer].norm
            ends = normed(
                Norm(layer_norm.kind, layer_norm.gamma, layer_norm.beta, alpha=layer_norm.alpha),
                np.sign(tokens)[..., None] * 1e9 * weights.read_in,
            )
            off = (u - ends) / layer_norm.gamma
            assert np.linalg.norm(off, axis=-1).max() <= far + 1e-6


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_two_answers_remain(random_weights, options):
    weights, rng = random_weights(**options, seed=4), np.random.default_rng(3)
    tokens = rng.normal(size=(50, 9)) * 1e11
    y = forward(weights, tokens)[:, -1]
    for sign in (1, -1):
        mine = y[np.sign(tokens[:, -1]) == sign]
        assert mine == pytest.approx(plateau(weights, sign).midpoint, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"final_norm": "none"}, "final norm"),
        ({"post_norm": True}, "post-norm"),
        ({"score": "hardmax"}, "not softmax"),
    ],
)
def test_refusals(random_weights, options, reason):
    with pytest.raises(TheoryError, match=reason):
        N6.evaluate(random_weights(**options))


def test_a_zero_of_w_in_stops_the_collapse_of_a_dyt(random_weights):
    weights = random_weights(norm="dyt", final_norm="layernorm")
    assert N6.applies(weights) is None
    weights.read_in[3] = 0
    with pytest.raises(TheoryError, match="zero entry"):
        N6.evaluate(weights)


def test_the_error_of_the_odds_with_a_constant_query_and_with_a_linear_one(random_weights):
    """W_Q = 0: scores κ.z, and 2 far |κ|. No biases: scores z.B z, and 4 far sqrt(d)|B|."""
    weights = random_weights(d=6, heads=1, layers=1, seed=5)
    plain = Norm("layernorm", np.ones(6), np.zeros(6), eps=1e-5)
    block = replace(weights.attentions[0], norm=plain, key_bias=np.zeros((1, 6)))
    constant = replace(block, query=np.zeros((1, 6, 6)))
    linear = replace(block, query_bias=np.zeros((1, 6)))
    kappa = block.key[0].T @ block.query_bias[0] / 6**0.5
    centring = np.eye(6) - 1 / 6
    bilinear = centring @ block.key[0].T @ block.query[0] @ centring / 6**0.5
    sizes = (np.linalg.norm(kappa - kappa.mean()), 2 * 6**0.5 * np.linalg.norm(bilinear, 2))
    for attention, size in zip((constant, linear), sizes, strict=True):
        model = replace(weights, blocks=(attention,))
        far = float(pole_distance(model, plain, 1e4))
        assert float(odds_error(model, 0, 0, 1e4)) == pytest.approx(2 * far * size, rel=1e-6)
