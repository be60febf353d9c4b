from pathlib import Path

import numpy as np
import pytest

from theory.balls import Balls
from theory.network import activate
from theory.read import load_weights
from theory.units import balance, energy, units, unitwise_ball
from theory.weights import MLP, ActivationKind, Norm, NormKind, Weights

ZOO = Path(__file__).resolve().parents[2] / "verify" / "zoo" / "small-0.safetensors"
KINDS = ("gelu", "gelu_tanh", "silu", "relu")


def model(
    rng, kind: ActivationKind, d=6, hidden=20, shift=1.0, norm: NormKind = "layernorm"
) -> Weights:
    """One MLP between random vectors, some of its units dead."""
    up, down = rng.normal(size=(hidden, d)), rng.normal(size=(d, hidden))
    up[:2], down[:, 3:5] = 0, 0
    layer = Norm(norm, rng.normal(size=d), shift * rng.normal(size=d), eps=1e-5, alpha=0.7)
    mlp = MLP(layer, up, shift * rng.normal(size=hidden), down, rng.normal(size=d), kind)
    vectors = rng.normal(size=(2, d))
    final = Norm("layernorm" if norm == "layernorm" else "rmsnorm", np.ones(d), np.zeros(d))
    return Weights(vectors[0], vectors[1], np.zeros((1, d)), (mlp,), final, vectors[0], 0.0)


def outputs(weights, mlp, z):
    """What the MLP adds for norm outputs z, as the stream sees it."""
    u = (z * mlp.norm.gamma + mlp.norm.beta) @ mlp.up.T + mlp.up_bias
    added = activate(mlp.activation, u) @ mlp.down.T + mlp.down_bias
    centred = weights.final_norm.kind == "layernorm"
    return u, added - added.mean(-1, keepdims=True) if centred else added


def sphere(rng, d, count, norm):
    """Directions of full length, some along the axes; corners of the cube for a DyT."""
    z = rng.normal(size=(count, d))
    z[:d] = np.eye(d)
    if norm == "dyt":
        return np.sign(z)
    z = z - z.mean(1, keepdims=True) if norm == "layernorm" else z
    return z / np.linalg.norm(z, axis=1, keepdims=True) * np.sqrt(d)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm", ("layernorm", "rmsnorm", "dyt"))
@pytest.mark.parametrize("shift", (0.0, 1.0, 6.0))
def test_no_input_leaves_either_ball(kind, norm, shift):
    rng = np.random.default_rng(3)
    weights = model(rng, kind, shift=shift, norm=norm)
    mlp = weights.blocks[0]
    assert isinstance(mlp, MLP)
    u, added = outputs(weights, mlp, sphere(rng, 6, 4000, norm))
    hidden, whole = units(mlp), energy(weights, mlp)
    assert (u >= hidden.low - 1e-9).all() and (u <= hidden.high + 1e-9).all()
    for centre, radius in (unitwise_ball(weights, mlp), (whole.centre, whole.radius)):
        reached = np.linalg.norm(added - centre.mid, axis=1).max()
        assert reached <= radius
        assert reached >= radius / 6
    # the ellipsoid's support, not its longest axis alone
    q = rng.normal(size=(50, 6))
    moved = np.abs((added - whole.centre.mid) @ q.T).max(0)
    reach = np.linalg.norm(q @ whole.columns, axis=1) + whole.missed * np.linalg.norm(q, axis=1)
    assert (moved <= reach).all()


def test_energy_wins_on_a_trained_model():
    weights = load_weights(ZOO)
    mlp = weights.blocks[1]
    assert isinstance(mlp, MLP)
    assert energy(weights, mlp).radius < 0.8 * unitwise_ball(weights, mlp)[1]


def test_an_mlp_of_zeros_adds_a_constant():
    weights = model(np.random.default_rng(0), "gelu")
    mlp = weights.blocks[0]
    assert isinstance(mlp, MLP)
    mlp.up[:] = 0
    assert energy(weights, mlp).radius < 1e-6
    mlp.down[:] = 0
    assert energy(weights, mlp).radius < 1e-12


def test_the_weights_of_the_units_are_the_best_ones():
    """(Σ out²/τ)(Σ τ back²) >= (Σ out back)² (Cauchy-Schwarz), an equality at τ = out/back."""
    rng = np.random.default_rng(0)
    down, rows, half = rng.normal(size=(5, 9)), rng.normal(size=(9, 7)), rng.uniform(size=9)
    down *= 10.0 ** rng.uniform(-1, 1, size=9)
    weights = balance(Balls.exact(down), Balls.exact(rows), half) ** 2
    out, back = np.linalg.norm(down, axis=0), np.linalg.norm(rows, axis=1) * half
    assert (weights > 0).all()
    share = (out**2 / weights).sum() * (weights * back**2).sum() / (out * back).sum() ** 2
    assert 1 - 1e-12 <= share < 1.01
    # units that write nothing, or read nothing, have a weight too
    down[:, 0], rows[1] = 0, 0
    assert np.isfinite(balance(Balls.exact(down), Balls.exact(rows), half)).all()
