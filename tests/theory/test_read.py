"""theory.read: every number of a checkpoint arrives at its place, and what is amiss is named."""

import json
import math

import numpy as np
import pytest
from safetensors.numpy import save_file

from theory.errors import TheoryError
from theory.read import load_weights, weights_from_tensors
from theory.weights import MLP, Attention

D, HEADS, RATIO, POINTS = 4, 2, 3, 2
ROWS = 2 * POINTS - 1
ARCHITECTURE = {
    "width": D,
    "heads": HEADS,
    "layers": 2,
    "mlp": True,
    "mlp_ratio": RATIO,
    "activation": "silu",
    "block_norm": "dyt",
    "final_norm": "rmsnorm",
    "norm_position": "post",
    "residual": False,
    "eps": 0.25,
    "score": "ssa",
    "positions": "learned",
    "context": 0,
    "points": POINTS,
}


def checkpoint() -> dict[str, np.ndarray]:
    """Tensors of the layout of sim.model, no two numbers equal."""
    shapes: dict[str, tuple[int, ...]] = {
        "read_in.weight": (D, 1),
        "read_in.bias": (D,),
        "positions.weight": (ROWS, D),
        "final_norm.weight": (D,),
        "final_norm.bias": (D,),
        "read_out.weight": (1, D),
        "read_out.bias": (1,),
    }
    for layer in ("blocks.0", "blocks.1"):
        for part in ("query", "key", "value", "output"):
            shapes |= {f"{layer}.attention.{part}.weight": (D, D)}
            shapes |= {f"{layer}.attention.{part}.bias": (D,)}
        shapes |= {f"{layer}.attention.ssa_{p}": () for p in "bn"}
        for norm in ("norm1", "norm2"):
            shapes |= {f"{layer}.{norm}.{p}": (D,) for p in ("weight", "bias")}
            shapes |= {f"{layer}.{norm}.alpha": (1,)}
        shapes |= {f"{layer}.mlp.up.weight": (RATIO * D, D), f"{layer}.mlp.up.bias": (RATIO * D,)}
        shapes |= {f"{layer}.mlp.down.weight": (D, RATIO * D), f"{layer}.mlp.down.bias": (D,)}
    tensors, first = {}, 1
    for name, shape in shapes.items():
        count = math.prod(shape)
        numbers = np.arange(first, first + count, dtype=np.float32) / 64
        tensors[name] = numbers.reshape(shape)
        first += count
    return tensors


def test_every_number_is_at_its_place():
    tensors = checkpoint()
    weights = weights_from_tensors(tensors, ARCHITECTURE)
    assert [type(block) for block in weights.blocks] == [Attention, MLP, Attention, MLP]
    block = weights.blocks[2]
    assert isinstance(block, Attention)
    dh, name = D // HEADS, "blocks.1.attention"
    for h in range(HEADS):
        rows = slice(h * dh, (h + 1) * dh)
        for part in ("query", "key", "value"):
            weight, bias = (tensors[f"{name}.{part}.{kind}"] for kind in ("weight", "bias"))
            assert (getattr(block, part)[h] == weight[rows]).all()
            assert (getattr(block, f"{part}_bias")[h] == bias[rows]).all()
        assert (block.output[h] == tensors[f"{name}.output.weight"][:, rows]).all()
    assert (block.output_bias == tensors[f"{name}.output.bias"]).all()
    # the score function's b and n are stored as logarithms
    found = [math.exp(float(tensors[f"{name}.ssa_{p}"])) for p in "bn"]
    assert block.score == "ssa" and list(block.ssa) == pytest.approx(found)
    assert block.norm.alpha == tensors["blocks.1.norm1.alpha"][0]
    assert (block.norm.gamma == tensors["blocks.1.norm1.weight"]).all()
    assert (block.norm.beta == tensors["blocks.1.norm1.bias"]).all()
    mlp = weights.blocks[1]
    assert isinstance(mlp, MLP) and mlp.activation == "silu"
    for field, part in (("up", "weight"), ("up_bias", "bias")):
        assert (getattr(mlp, field) == tensors[f"blocks.0.mlp.up.{part}"]).all()
        down = getattr(mlp, field.replace("up", "down"))
        assert (down == tensors[f"blocks.0.mlp.down.{part}"]).all()
    assert (mlp.norm.gamma == tensors["blocks.0.norm2.weight"]).all()
    assert mlp.norm.kind == block.norm.kind == "dyt"


def test_the_ends_of_the_network_and_its_switches():
    tensors = checkpoint()
    weights = weights_from_tensors(tensors, ARCHITECTURE)
    assert (weights.read_in == tensors["read_in.weight"][:, 0]).all()
    assert (weights.read_in_bias == tensors["read_in.bias"]).all()
    assert (weights.positions == tensors["positions.weight"]).all()
    assert (weights.read_out == tensors["read_out.weight"][0]).all()
    assert weights.read_out_bias == tensors["read_out.bias"][0]
    assert weights.post_norm is True and weights.residual is False
    final = weights.final_norm
    assert (final.kind, final.eps) == ("rmsnorm", 0.25) and not final.beta.any()
    assert (final.gamma == tensors["final_norm.weight"]).all()
    other = weights_from_tensors(
        tensors,
        ARCHITECTURE
        | {"norm_position": "pre", "residual": True, "mlp": False, "positions": "none"}
        | {"block_norm": "none", "final_norm": "layernorm", "score": "softmax", "context": 7},
    )
    assert other.post_norm is False and other.residual is True and len(other.blocks) == 2
    # without learned positions the context is as long as the configuration says
    assert other.positions.shape == (7, D) and not other.positions.any()
    assert other.attentions[0].norm.kind == "none" and other.attentions[0].ssa == (1.0, 1.0)
    assert (other.final_norm.beta == tensors["final_norm.bias"]).all()
    assert (other.final_norm.kind, other.final_norm.eps) == ("layernorm", 0.25)


def test_a_missing_or_misshapen_tensor_is_named():
    tensors = checkpoint()
    lacking = {k: v for k, v in tensors.items() if k != "blocks.0.mlp.up.bias"}
    with pytest.raises(TheoryError, match=f"'blocks.0.mlp.up.bias'.* {len(lacking)} others"):
        weights_from_tensors(lacking, ARCHITECTURE)
    for name in ("read_out.weight", "blocks.1.attention.output.weight", "positions.weight"):
        cut = tensors | {name: tensors[name][:, 1:]}
        with pytest.raises(TheoryError, match=rf"{name} has shape .*, the configuration says"):
            weights_from_tensors(cut, ARCHITECTURE)


def test_a_file_holds_the_model_among_other_tensors(tmp_path):
    tensors = checkpoint()
    path = tmp_path / "step-1.safetensors"
    stored = {f"model.{k}": v for k, v in tensors.items()} | {"optimizer.step": np.ones(1)}
    header = {"icl_limits": json.dumps({"config": {"model": ARCHITECTURE}})}
    save_file(stored, path, metadata=header)
    assert (load_weights(path).read_out == tensors["read_out.weight"][0]).all()
    save_file(stored, path)
    with pytest.raises(TheoryError, match="no checkpoint of this project"):
        load_weights(path)
    with pytest.raises(TheoryError, match="no checkpoint of this project"):
        load_weights(tmp_path / "none")
