"""G1 on random networks of every norm and score: measured growth never beats the derived degree."""

from dataclasses import replace

import numpy as np
import pytest
from flint import arb

from theory.growth import derive, tower, tower_alone
from theory.network import forward

SCORES = ("softmax", "hardmax", "ssa", "sigmoid", "linear")


def sizes(weights, query_alone: bool, scales=(1e7, 1e10)) -> list[float]:
    """max |y| over some prompts at each scale."""
    rng = np.random.default_rng(0)
    found = []
    base = rng.uniform(-1, 1, size=(64, len(weights.positions)))
    for t in scales:
        tokens = base.copy()
        tokens[:, -1] *= t
        if not query_alone:
            tokens[:, :-1] *= t
        found.append(np.abs(forward(weights, tokens)[:, -1]).max())
    return found


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("norm", ["none", "layernorm", "rmsnorm", "dyt"])
@pytest.mark.parametrize("query_alone", [True, False])
def test_measured_exponent_is_at_most_the_degree(random_weights, norm, score, query_alone):
    for final in ("none", "layernorm"):
        weights = random_weights(norm=norm, final_norm=final, score=score, layers=2, seed=5)
        variable = "the query alone" if query_alone else "the whole prompt"
        degree = derive(weights, variable).degree
        low, high = sizes(weights, query_alone)
        exponent = np.log(high / low) / np.log(1e3)
        # |y| <= C(1 + t)^k with the same C at both scales, once the leading power has settled
        assert exponent <= degree + 0.01
        if final == "none" and score != "sigmoid":
            assert exponent >= degree - 0.05, "generic weights attain the degree"


def test_zero_maps_lower_the_degree(random_weights):
    weights = random_weights(norm="none", score="linear", layers=1, mlp=False)
    attention = weights.attentions[0]
    keep = {"query": 2, "key": 2, "value": 2, "output": 1}
    for name, degree in keep.items():
        block = replace(attention, **{name: np.zeros_like(getattr(attention, name))})
        small = replace(weights, blocks=(block,))
        assert derive(small, "the whole prompt").degree == degree
    assert derive(replace(weights, read_out=0 * weights.read_out), "the whole prompt").degree == 0


def test_post_norm_and_no_residual(random_weights):
    post = random_weights(norm="layernorm", final_norm="none", post_norm=True)
    assert derive(post, "the whole prompt").degree == 0
    loose = replace(random_weights(norm="layernorm", final_norm="none"), residual=False)
    assert derive(loose, "the whole prompt").degree == 0


def test_query_alone_without_the_self_token(random_weights):
    for layers in (1, 2, 3):
        weights = random_weights(norm="none", score="linear", layers=layers)
        assert derive(weights, "the query alone").degree == 3**layers
        assert derive(weights, "the query alone", self_token=False).degree == 1
        assert derive(weights, "the whole prompt", self_token=False).degree == 3**layers


def test_the_printed_proof_names_every_rule_once(random_weights):
    text = str(derive(random_weights(layers=12), "the whole prompt"))
    lines = text.splitlines()
    assert len(lines) == len(set(lines)) < 200
    assert lines[-1].startswith(f"{len(lines)}. prediction: 0")
    assert any("layernorm is bounded" in line for line in lines)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_tower_is_a_network(random_weights, layers):
    """G1's witness against a linear attention of width 1 with every weight 1, z = 2 and -3."""
    weights = random_weights(
        d=1, heads=1, layers=layers, norm="none", score="linear", mlp=False, context=2
    )
    one, none = np.ones((1, 1, 1)), np.zeros((1, 1))
    maps = dict.fromkeys(("query", "key", "value", "output"), one)
    biases = dict.fromkeys(("query_bias", "key_bias", "value_bias"), none)
    blocks = [replace(b, **maps, **biases, output_bias=np.zeros(1)) for b in weights.blocks]
    ends = {"read_in": np.ones(1), "read_in_bias": np.zeros(1), "read_out": np.ones(1)}
    weights = replace(
        weights, **ends, blocks=tuple(blocks), positions=np.zeros((2, 1)), read_out_bias=0.0
    )
    for z in (2.0, -3.0):
        pair, alone = (
            forward(weights, np.array([[1.0, z]]))[0, 1],
            forward(weights, np.array([[z]]))[0, 0],
        )
        assert tower(layers, arb(z)) == pair and tower_alone(layers, arb(z)) == alone
        # hidden from itself, a query meets the context token 1 alone: it doubles in every layer
        assert tower(layers, arb(z), self_token=False) == z * 2**layers
