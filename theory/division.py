"""Normalised scores can divide: three SSA layers without norms that follow a x on an open cone.

SSA weights are (1 + b|s|)^n over their sum, so for n = 1 they tend to s_j/Σs as the prompt grows:
a quotient of forms in the tokens. That is the division y_1 x_q/x_1 = a x_q which G4 rules out for
softmax, hardmax, sigmoid and linear attention. One example, signs x_1 > 0 > y_1, x_q > 0:
layer 1 copies (by sign) x_1 to the token y_1 and y_1 to the query; layer 2 copies x_1 to the query;
layer 3 weighs y_1 by x_q/x_1 - 1/2 and the query by 3/2 - x_q/x_1. Readout at the query.
"""

import numpy as np
import sympy as sp
from jaxtyping import Float

from theory.steps import identity
from theory.weights import Attention, Norm, Weights

WIDTH = 4


def layer(form: dict[tuple[int, int], float], value: int, sign: float, slot: int) -> Attention:
    """One head: score Σ form[a, b] h_t,a h_j,b; writes sign h_j,value to coordinate ``slot``."""
    bilinear, read, write = np.zeros((3, WIDTH, WIDTH))
    for (a, b), weight in form.items():
        bilinear[a, b] = weight
    read[0, value], write[slot, 0] = sign, 1.0
    no_bias = np.zeros((1, WIDTH))
    # scores are divided by sqrt(dh) = 2
    parts = (2.0 * np.eye(WIDTH)[None], no_bias, bilinear[None], no_bias, read[None], no_bias)
    norm = Norm("none", np.ones(WIDTH), np.zeros(WIDTH))
    return Attention(norm, *parts, write[None], np.zeros(WIDTH), "ssa", (1.0, 1.0))


FIRST = {(0, 0): -1.0}
SECOND = {(0, 0): 1.0, (0, 1): 1.0}
THIRD = {(2, 0): -2.0, (2, 1): -2.0, (0, 2): 1.0, (2, 2): 1.5, (1, 2): 2.0}
READOUT = (1.0, 1.5, -0.5, 1.0)


def divider() -> Weights:
    """The network: d = 4, one head a layer, no bias, no positions, no MLP, SSA with b = n = 1."""
    blocks = (layer(FIRST, 0, 1.0, 1), layer(SECOND, 1, 1.0, 2), layer(THIRD, 1, -1.0, 3))
    start = (np.eye(WIDTH)[0], np.zeros(WIDTH), np.zeros((3, WIDTH)))
    norm = Norm("none", np.ones(WIDTH), np.zeros(WIDTH))
    return Weights(*start, blocks, norm, np.array(READOUT), 0.0)


def in_the_cone(x: float, a: float, query: float) -> bool:
    """x > 0 > a x, x/2 < x_q < 3x/2 and |a| > max(1, x_q/x): an open set of prompts."""
    return x > 0 and a < 0 and x / 2 < query < 3 * x / 2 and -a > max(1.0, query / x)


def prompt(x: float, a: float, query: float) -> Float[np.ndarray, " 3"]:
    """(x_1, a x_1, x_q)."""
    return np.array([x, a * x, query])


def divides_exactly() -> bool:
    """Layer 3 in symbols: Σ s_j v_j/Σ s_j + read-out of the copies = x_q y_1/x_1, identically."""
    x, y, q = sp.symbols("x_1 y_1 x_q")
    # streams after layer 2 at y_1 and at the query
    first, query = (y, x, x), (q, y, x)
    scores = [
        sum(sp.nsimplify(w) * query[a] * h[b] for (a, b), w in THIRD.items())
        for h in (first, query)
    ]
    mixed = (scores[0] * -first[1] + scores[1] * -query[1]) / (scores[0] + scores[1])
    copies = sum(sp.nsimplify(w) * h for w, h in zip(READOUT, query, strict=False))
    return identity(mixed + copies, q * y / x)
