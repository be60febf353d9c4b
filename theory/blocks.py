"""N1: what the blocks of a pre-norm decoder can add to the query's own ray, block by block."""

from dataclasses import dataclass

import numpy as np
import sympy as sp
from flint import arb
from jaxtyping import Float

from theory.activations import chord, tilted_range
from theory.anatomy import (
    circuits,
    first_attention,
    insist,
    needs_bounded_stream,
    offsets,
    project,
    remembered,
    scaled_rows,
)
from theory.balls import Array, Balls, spectral_norm
from theory.interval import Interval
from theory.layernorm import LAGRANGE
from theory.steps import identity, sum_of_squares
from theory.theorem import Mutant, Step, Theorem
from theory.weights import MLP, Weights


@dataclass(frozen=True, eq=False)
class Contribution:
    """One block: what it adds lies within ``radius`` (T,) of ``centre`` (d,), for every input."""

    name: str
    centre: Balls
    radius: Float[np.ndarray, " T"]


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


def mlp_contribution(weights: Weights, mlp: MLP, name: str) -> Contribution:
    """W_2 act(u) = W_2(mid + λ(u - c) + λc) + W_2(rest), |rest_i| <= hw_i; the best of five λ."""
    root = Balls.exact(float(weights.width)).sqrt()
    hidden = units(mlp)
    rows, middle, low, high = hidden.rows, hidden.base, hidden.low, hidden.high
    down = project(weights, mlp.down.T).t
    secant, best = chord(mlp.activation, low, high), None
    for share in (0.0, 0.4, 0.7, 1.0, 1.2):
        tilt = share * secant
        bottom, top = tilted_range(mlp.activation, tilt, low, high)
        rest = Balls.between(bottom, top)
        linear = spectral_norm((down * tilt) @ rows) if share else 0.0
        radius = float((root * linear).upper()) + box_radius(down, rest.rad)
        if best is None or radius < best[0]:
            best = radius, rest.mid, tilt
    assert best is not None
    radius, mid, tilt = best
    # the radius was certified for mid + [-rad, rad]; its float mid is an exact choice of centre
    shift = (down @ (middle * tilt + mid)[:, None])[:, 0] + project(weights, mlp.down_bias)
    return Contribution(name, shift, np.full(len(weights.positions), radius * (1 + 2.0**-50)))


@remembered
def contributions(weights: Weights) -> tuple[Contribution, ...]:
    """Every block's contribution, first to last."""
    insist(needs_bounded_stream, weights)
    found, counts = [], {"attention": 0, "MLP": 0}
    for index, block in enumerate(weights.blocks):
        kind = "MLP" if isinstance(block, MLP) else "attention"
        counts[kind] += 1
        name = f"{kind} {counts[kind]}"
        if isinstance(block, MLP):
            found.append(mlp_contribution(weights, block, name))
            continue
        part = circuits(weights)[index]
        centre, radius = part.constant, np.full(len(weights.positions), part.radius)
        sharper = first_attention(weights) if index == 0 else None
        if sharper is not None and sharper[1][-1] < part.radius:
            centre, radius = centre + sharper[0], sharper[1]
        found.append(Contribution(name, centre, radius))
    return tuple(found)


@remembered
def residual_centre(weights: Weights) -> Balls:
    """k_T = Q(b_in + p_T) + Σ centres, (T, d)."""
    total = offsets(weights)
    for part in contributions(weights):
        total = total + part.centre
    return total


@remembered
def residual_radius(weights: Weights) -> Float[np.ndarray, " T"]:
    """ρ_T >= |Q h_T - Q w_in z_T - k_T| for every input."""
    parts = [part.radius for part in contributions(weights)]
    return np.sum(parts, axis=0, initial=0.0) * (1 + (len(parts) + 1) * 2.0**-52)


@remembered
def residual_bounds(weights: Weights) -> Float[np.ndarray, " T"]:
    """R_tot(T) = |k_T| + ρ_T for every position."""
    return (residual_centre(weights).norm() + residual_radius(weights)).upper()


def residual_bound(weights: Weights, position: int | None = None) -> arb:
    """R_tot: |Q h_T - Q w_in z_T| never exceeds it; over all positions when none is named."""
    bounds = residual_bounds(weights)
    return arb(float(bounds.max() if position is None else bounds[position]))


def evaluate(weights: Weights) -> dict[str, Interval]:
    """R_tot over all positions, then each block: |centre|, radius."""
    values = {"R_tot": Interval.enclose(residual_bound(weights))}
    for part in contributions(weights):
        values[f"{part.name} |centre|"] = part.centre.norm().interval()
        values[f"{part.name} radius"] = Interval.enclose(arb(float(part.radius.max())))
    return values


def constant_is_added_once(n: int) -> bool:
    """Σ w_j (v_j + k) = Σ w_j v_j + k for Σ w = 1."""
    w = sp.symbols(f"w1:{n}", real=True)
    v, k = sp.symbols(f"v0:{n}", real=True), sp.Symbol("k", real=True)
    mix = [1 - sp.Add(*w), *w]
    left = sum(a * (x + k) for a, x in zip(mix, v, strict=True))
    return identity(left, sum(a * x for a, x in zip(mix, v, strict=True)) + k)


def slopes_split() -> bool:
    """act = λ(u - c) + λc + mid + (act - λu - mid)."""
    act, lam, u, c, mid = sp.symbols("act λ u c mid", real=True)
    return identity(act, lam * (u - c) + (lam * c + mid) + (act - lam * u - mid))


def heads_gap(heads: int, factor: sp.Expr) -> bool:
    """factor H Σ t_h² - (Σ t_h)² = Σ_(g<h) (t_g - t_h)²: stacking costs sqrt(H)."""
    t = sp.symbols(f"t0:{heads}", real=True)
    squares = [(sp.Integer(1), t[g] - t[h]) for g in range(heads) for h in range(g)]
    return sum_of_squares(factor * heads * sum(x**2 for x in t) - sp.Add(*t) ** 2, squares)


def half_disc_gap(factor: sp.Expr) -> bool:
    """factor² (p² + q²)(s² + t²) - (ps + qt)² = (pt - qs)²: the support of a disc."""
    p, q, s, t = sp.symbols("p q s t", real=True)
    gap = factor**2 * (p**2 + q**2) * (s**2 + t**2) - (p * s + q * t) ** 2
    return sum_of_squares(gap, [(sp.Integer(1), p * t - q * s)])


def chord_gap(factor: sp.Expr) -> bool:
    """factor C w²/8 - C t(w-t)/2 = C (w-2t)²/8: how far a function leaves its chord."""
    c, w, t = sp.symbols("C w t", nonnegative=True)
    return sum_of_squares(factor * c * w**2 / 8 - c * t * (w - t) / 2, [(c / 8, w - 2 * t)])


def one_block_left_out() -> bool:
    """Two blocks that add 1 each move the stream by 2: more than either radius alone."""
    return bool(arb(1) + arb(1) > arb(1))


def block_formula() -> sp.Basic:
    """|P h - P w_in x| ≤ |k| + Σ ρ_l."""
    moved, k, rho = sp.symbols("|Ph-Pw_in·x| |k_T| Σρ_l", nonnegative=True)
    return sp.Le(moved, k + rho)


N1 = Theorem(
    "N1",
    "what the blocks can add",
    "pre-norm decoder, every input of every length: |Q h_T - Q w_in x - k_T| ≤ Σ ρ_l, so "
    "|Q h_T - Q w_in x| ≤ R_tot(T) = |k_T| + Σ ρ_l. k_T sums Q(b_in + p_T) and each block's centre "
    "before any norm is taken. Attention: ρ = sqrt(d) min(Σ|A_h|, sqrt(H)|[A_1..A_H]|), and for "
    "the first attention the exact half discs that w_in z + b_in + p_j can reach. MLP: ρ = sqrt(d)"
    "|Q W_2 diag(λ) W_1 Γ P| + max |Q W_2 v| over |v_i| ≤ hw_i, mid ± hw the range of act(u) - λu",
    assumptions=(
        "pre-norm residual blocks with LayerNorm, RMSNorm or DyT before each",
        "attention weights ≥ 0 with sum 1",
    ),
    needs=("L1", "S2"),
    source="this work",
    tight=False,
    formula=block_formula,
    steps=(
        LAGRANGE,
        Step(
            "the value constants leave the average: Σ w_j (A z_j + k) = Σ w_j A z_j + k",
            lambda f: all(constant_is_added_once(n) for n in range(1, 5)),
        ),
        Step(
            "(Σ|A_h z_h|)² ≤ H Σ|A_h z_h|², and |[A](z_1..z_H)|² ≤ |[A]|² H d",
            lambda f: all(heads_gap(h, f) for h in range(2, 5)),
            bears_constant=True,
        ),
        Step("p s + q t ≤ sqrt(p² + q²) on a disc", half_disc_gap, bears_constant=True),
        Step("act(u) = λ(u - c) + (λc + mid) + rest, |rest| ≤ hw", lambda f: slopes_split()),
        Step(
            "a cell's function is within C w²/8 of its chord, C = sup|act''|",
            chord_gap,
            bears_constant=True,
        ),
    ),
    evaluate=evaluate,
    applies=needs_bounded_stream,
    mutants=(Mutant("one block left out", one_block_left_out),),
)
