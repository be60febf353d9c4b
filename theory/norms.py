"""What a norm can output: the image of LayerNorm, RMSNorm and DyT seen from a direction u.

One lemma serves L1, L2, S4 and N1: over all h, u.(norm(h) - beta) ranges over [-reach, reach].
"""

from flint import arb

from theory.errors import TheoryError
from theory.linear import Vector, centre, dot, hadamard, norm, vector
from theory.weights import Norm


def directional_reach(normalisation: Norm, u: Vector) -> arb:
    """sup over all h of u.(norm(h) - beta).

    LayerNorm sqrt(d) |P(gamma*u)|, RMSNorm sqrt(d) |gamma*u|, DyT |gamma*u|_1 (0 if alpha = 0).
    TheoryError without a norm: nothing bounds the output.
    """
    scaled = hadamard(vector(normalisation.gamma), u)
    root = arb(len(u)).sqrt()
    match normalisation.kind:
        case "layernorm":
            return root * norm(centre(scaled))
        case "rmsnorm":
            return root * norm(scaled)
        case "dyt":
            if normalisation.alpha == 0:
                return arb(0)
            return sum((abs(x) for x in scaled), arb(0))
    raise TheoryError(f"no bound in any direction: the norm here is {normalisation.kind!r}")


def normalise(normalisation: Norm, h: Vector) -> Vector:
    """norm(h) in ball arithmetic, the exact value enclosed; LayerNorm of a constant is beta."""
    if normalisation.kind == "none":
        return list(h)
    gamma, beta = vector(normalisation.gamma), vector(normalisation.beta)
    if normalisation.kind == "dyt":
        z = [(arb(normalisation.alpha) * x).tanh() for x in h]
    else:
        m = centre(h) if normalisation.kind == "layernorm" else list(h)
        square = dot(m, m) / len(m) + arb(normalisation.eps)
        # eps = 0 and Ph = 0: z := 0 by convention (theory.md section 0); Ph is exactly 0 only then.
        z = m if square == 0 else [x / square.sqrt() for x in m]
    return [g * x + b for g, x, b in zip(gamma, z, beta, strict=True)]
