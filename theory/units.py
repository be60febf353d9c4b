"""The units of an MLP: ranges, and a ball that holds all that the MLP can add.

u = rows z + base, z the norm's output less gain and shift, |z|² <= d. Two ways to bound W_2 act(u):
unit by unit (each pre-activation at its worst) or by energy (Σ (share of u_i)² at its worst).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from theory.activations import chord, lipschitz, tilted_range, value
from theory.anatomy import project, remembered, scaled_rows
from theory.balls import Array, Balls, concatenate, outward, spectral_norm
from theory.sectors import sector
from theory.streams import length
from theory.weights import MLP, Weights

# how near the range of a unit's rest is looked for
FINE = 2.0**-14


@dataclass(frozen=True, eq=False)
class Units:
    """u = rows z + base, the pre-activations of an MLP, z its norm less gain and shift; u in
    [low, high] for every input: |u_i - base_i| <= sqrt(d)|row i|, |row i|_1 after a DyT.
    """

    rows: Balls
    base: Balls
    low: Float[np.ndarray, " m"]
    high: Float[np.ndarray, " m"]


def units(mlp: MLP) -> Units:
    """The units of an MLP."""
    root = Balls.exact(float(mlp.up.shape[1])).sqrt()
    rows = scaled_rows(mlp.norm, mlp.up)
    base = (Balls.exact(mlp.up) @ mlp.norm.beta[:, None])[:, 0] + mlp.up_bias
    reach = rows.norm() * root if mlp.norm.kind != "dyt" else Balls.exact(rows.magnitude()).sum()
    return Units(rows, base, (base - reach).lower(), (base + reach).upper())


def box_radius(m: Balls, half: Array) -> float:
    """Upper bound of max |M v| over |v_i| <= half_i: the best of three.

    |M||half|; | |M| half |; and |M diag(s)| |half/s| for s = sqrt(half).
    """
    spread = np.sqrt(half)
    rounded = 1 + 2.0**-40
    return min(
        spectral_norm(m) * float(np.linalg.norm(half)) * rounded,
        float(np.linalg.norm(m.magnitude() @ half)) * rounded,
        # half_i <= s_i (half_i/s_i) up to the rounding of the square root
        spectral_norm(m * spread) * float(np.sqrt(half.sum())) * rounded,
    )


def unitwise_ball(weights: Weights, mlp: MLP) -> tuple[Balls, float]:
    """W_2 act(u) = W_2(mid + λ(u - c) + λc) + W_2(rest), |rest_i| <= hw_i; the best of five λ."""
    root = Balls.exact(float(weights.width)).sqrt()
    hidden = units(mlp)
    rows, middle, low, high = hidden.rows, hidden.base, hidden.low, hidden.high
    down = project(weights, mlp.down.T).t
    secant, best = chord(mlp.activation, low, high), None
    for share in (0.0, 0.4, 0.7, 1.0, 1.2):
        tilt = share * secant
        bottom, top = tilted_range(mlp.activation, tilt, low, high, FINE)
        rest = Balls.between(bottom, top)
        linear = spectral_norm((down * tilt) @ rows) if share else 0.0
        radius = float((root * linear).upper()) + box_radius(down, rest.rad)
        if best is None or radius < best[0]:
            best = radius, rest.mid, tilt
    assert best is not None
    radius, mid, tilt = best
    # the radius was certified for mid + [-rad, rad]; its float mid is an exact choice of centre
    shift = (down @ (middle * tilt + mid)[:, None])[:, 0] + project(weights, mlp.down_bias)
    return shift, radius * (1 + 2.0**-50)


def balance(down: Balls, rows: Balls, half: Array) -> Array:
    """sqrt(τ): any positive weights of the units are sound, these share their noise evenly."""
    out, back = np.linalg.norm(down.mid, axis=0), np.linalg.norm(rows.mid, axis=1) * half
    # units that write or read next to nothing get weights like the others
    out, back = (v + 1e-3 * max(float(v.max()), 1e-100) for v in (out, back))
    return np.sqrt(out / back)


@dataclass(frozen=True, eq=False)
class Energy:
    """Everything the MLP can add lies in centre + columns b + missed b', |b|, |b'| <= 1."""

    centre: Balls
    columns: Float[np.ndarray, "d n"]
    missed: float
    radius: float


def energy(weights: Weights, mlp: MLP) -> Energy:
    """act(u) = act(at) + λ(u - at) + rest, |rest_i| <= half_i |u_i - at_i|, at near base.

    Σ τ rest² <= z'Sz, S = rows' diag(τ half²) rows. With μ > |S|, G G' = μ - S and X G' = W_2
    diag(λ) rows: |G'z|² + Σ τ rest² <= μ d, and W_2(act(u) - act(at)) = [X, W_2 τ^(-1/2)] of it.
    """
    hidden, at = units(mlp), units(mlp).base.mid
    middle, half = sector(mlp.activation, at, hidden.low, hidden.high)
    down = project(weights, mlp.down.T).t
    weight = balance(down, hidden.rows, half)
    share = hidden.rows * (weight * half)[:, None]
    gram, linear, other = share.t @ share, (down * middle) @ hidden.rows, down / weight
    top = max(float(np.linalg.eigvalsh((gram.mid + gram.mid.T) / 2)[-1]), 1e-200)
    # at is base's midpoint, not base: |act(u) - act(u')| <= Lip |base - at|
    apart = lipschitz(mlp.activation) * length(hidden.base.rad) * spectral_norm(down)
    known = value(mlp.activation, Balls.exact(at))
    centre = (down @ known[:, None])[:, 0] + project(weights, mlp.down_bias)
    best = None
    for factor in (1.1, 1.3, 1.8, 3.0, 6.0):
        level = float(factor * top)
        gap = Balls.exact(level * np.eye(weights.width)) - gram
        root = np.linalg.cholesky((gap.mid + gap.mid.T) / 2)
        # |G'z|² exceeds z'(μ - S)z by at most |G G' - (μ - S)|_F |z|²
        lost = length((Balls.exact(root) @ root.T - gap).magnitude())
        left = Balls.exact(np.linalg.solve(root, linear.mid.T).T)
        size = Balls.exact(np.array([level, lost])).sum() * float(weights.width)
        joint = concatenate([left, other]) * size.sqrt()
        missed = length((left @ root.T - linear).magnitude()) * np.sqrt(weights.width)
        missed = float(outward(np.float64(missed + apart + length(joint.rad)), 8))
        radius = float(outward(np.float64(spectral_norm(Balls.exact(joint.mid)) + missed), 4))
        if best is None or radius < best.radius:
            best = Energy(centre, joint.mid, missed, radius)
    assert best is not None
    return best


@remembered
def energies(weights: Weights) -> dict[int, Energy]:
    """The energy bound of every MLP, by the index of its block."""
    return {i: energy(weights, b) for i, b in enumerate(weights.blocks) if isinstance(b, MLP)}
