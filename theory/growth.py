"""G1: how fast a network can grow, derived rule by rule from its architecture.

deg F <= k means |F(z)| <= C (1 + |z|)^k for every z. Two variables are kept apart: the whole
prompt, and the query's value alone with the context fixed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Literal

import numpy as np
import sympy as sp
from flint import arb

from theory.interval import Interval
from theory.steps import identity, nonnegative
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import MLP, Attention, Norm, Weights

Variable = Literal["the whole prompt", "the query alone"]


@dataclass(frozen=True)
class Derivation:
    """A node of the proof tree: what it bounds, the degree, the rule, its premises."""

    what: str
    degree: int
    rule: str
    premises: tuple["Derivation", ...] = ()

    def __str__(self) -> str:
        """The proof as numbered lines, premises first, each naming the lines it rests on."""
        number: dict[int, int] = {}
        lines: list[str] = []

        def visit(node: "Derivation") -> int:
            if id(node) not in number:
                rests = ", ".join(str(visit(premise)) for premise in node.premises)
                source = f" from {rests}" if rests else ""
                number[id(node)] = len(number) + 1
                lines.append(f"{len(number)}. {node.what}: {node.degree}{source} ({node.rule})")
            return number[id(node)]

        visit(self)
        return "\n".join(lines)


@dataclass(frozen=True)
class Pair:
    """The degrees of the query's stream and of the context tokens' streams."""

    query: Derivation
    context: Derivation

    def map(self, change: Callable[[Derivation], Derivation]) -> "Pair":
        """The same change to both."""
        return Pair(change(self.query), change(self.context))


def affine(what: str, source: Derivation, *maps: np.ndarray) -> Derivation:
    """An affine map keeps the degree; a map that is 0 leaves a constant."""
    if any(not m.any() for m in maps):
        return Derivation(what, 0, "constant: the map is 0", (source,))
    return Derivation(what, source.degree, "affine map: the degree of its input", (source,))


def normalised(what: str, norm: Norm, source: Derivation) -> Derivation:
    """LayerNorm, RMSNorm and DyT are bounded; "none" is the identity."""
    if norm.kind == "none":
        return source
    return Derivation(what, 0, f"{norm.kind} is bounded", (source,))


def attention_degree(
    what: str, attention: Attention, inputs: Pair, of_query: bool, self_token: bool
) -> Derivation:
    """What the attention adds to the query's stream (of_query) or to a context token's."""
    own = inputs.query if of_query else inputs.context
    if not attention.output.any() or not (attention.value.any() or attention.value_bias.any()):
        return Derivation(what, 0, "constant: no value is written")
    seen = [inputs.context] + ([own] if self_token else [])
    values = [affine("values", node, attention.value) for node in seen]
    if attention.score != "linear":
        largest = max(values, key=lambda node: node.degree)
        rule = f"{attention.score} weights lie in [0, 1]: the degree of the values"
        return Derivation(what, largest.degree, rule, (largest,))
    query = affine("queries", own, attention.query)
    keys = [affine("keys", node, attention.key) for node in seen]
    pair = max(zip(keys, values, strict=True), key=lambda kv: kv[0].degree + kv[1].degree)
    premises = (query, *pair)
    degree = sum(node.degree for node in premises)
    return Derivation(what, degree, "Σ (q.k) v: the degrees of q, k and v add", premises)


def block_degree(
    what: str, block: Attention | MLP, inputs: Pair, of_query: bool, self_token: bool
) -> Derivation:
    """What a block adds."""
    if isinstance(block, Attention):
        return attention_degree(what, block, inputs, of_query, self_token)
    own = inputs.query if of_query else inputs.context
    hidden = affine("pre-activations", own, block.up, block.down)
    return Derivation(
        what, hidden.degree, f"|{block.activation}(u)| <= |u|: the degree of u", (hidden,)
    )


def add(stream: Derivation, change: Derivation) -> Derivation:
    """h + change has the larger degree of the two."""
    degree = max(stream.degree, change.degree)
    return Derivation("residual sum", degree, "sum: the maximum", (stream, change))


def derive(weights: Weights, variable: Variable, self_token: bool = True) -> Derivation:
    """The proof that the prediction's degree is at most ``.degree``; print it to read it.

    ``self_token`` False: a strict causal mask, under which a token does not see itself.
    """
    token = Derivation("token", 1, "the variable itself")
    fixed = token if variable == "the whole prompt" else Derivation("token", 0, "fixed context")
    stream = Pair(
        affine("read-in of the query", token, weights.read_in),
        affine("read-in of the context", fixed, weights.read_in),
    )
    for index, block in enumerate(weights.blocks):
        name = f"block {index}, {type(block).__name__}"
        norm = partial(normalised, "norm", block.norm)
        inputs = stream if weights.post_norm else stream.map(norm)
        changes = Pair(
            *(block_degree(name, block, inputs, of_query, self_token) for of_query in (True, False))
        )
        if weights.residual:
            changes = Pair(add(stream.query, changes.query), add(stream.context, changes.context))
        stream = changes.map(norm) if weights.post_norm else changes
    final = normalised("final norm", weights.final_norm, stream.query)
    return affine("prediction", final, weights.read_out)


# (1 + |z|)^k for k = 0..3, with s = |z| >= 0 and constants C, D >= 0
S, C, D = sp.symbols("s C D", nonnegative=True)
DEGREES = list(product(range(4), range(4)))


def size(k: int) -> sp.Expr:
    """(1 + |z|)^k."""
    return (1 + S) ** k


def sum_rule(factor: sp.Expr) -> bool:
    """C (1+s)^k + D (1+s)^l <= (C + D) (1+s)^max(k,l)."""
    return all(
        nonnegative(sp.expand(factor * (C + D) * size(max(k, m)) - C * size(k) - D * size(m)))
        for k, m in DEGREES
    )


def product_rule(factor: sp.Expr) -> bool:
    """C (1+s)^k D (1+s)^l = C D (1+s)^(k+l)."""
    return all(
        identity(C * size(k) * D * size(m), factor * C * D * size(k + m)) for k, m in DEGREES
    )


def composition_rule(factor: sp.Expr) -> bool:
    """C (1 + D (1+s)^l)^k <= C (1 + D)^k (1+s)^(kl)."""
    return all(
        nonnegative(sp.expand(factor * C * (1 + D) ** k * size(k * m) - C * (1 + D * size(m)) ** k))
        for k, m in DEGREES
    )


def weights_rule(factor: sp.Expr) -> bool:
    """|Σ p_j v_j| <= factor Σ |v_j| for weights p_j = 1/(1 + q_j) in [0, 1], n = 1..4."""
    for n in range(1, 5):
        q, v = (sp.symbols(f"{name}1:{n + 1}", nonnegative=True) for name in "qv")
        mixed = sum(b / (1 + a) for a, b in zip(q, v, strict=True))
        if not nonnegative(factor * sp.Add(*v) - mixed):
            return False
    return True


def activation_rule(factor: sp.Expr) -> bool:
    """|u Φ| <= factor |u| for a gate Φ = 1/(1 + q) in [0, 1] (ReLU, GELU, SiLU)."""
    u, q = sp.symbols("|u| q", nonnegative=True)
    return nonnegative(factor * u - u / (1 + q))


def tower(layers: int, z: arb, self_token: bool = True) -> arb:
    """d = 1, linear attention, all weights 1, context token 1, query z: h_q += h_q Σ_j h_j².

    With the self token degree 3^layers in z, without it degree 1.
    """
    context, query = arb(1), z
    for _ in range(layers):
        seen = context**2 + (query**2 if self_token else 0)
        context, query = context * (1 + (context**2 if self_token else 0)), query * (1 + seen)
    return query


FAR = arb(2) ** 60


def cubed_twice() -> Attainment:
    """Two linear layers at z = 2^60: y against 3^2 from the coefficient 1 of z^9."""
    z = FAR
    return Attainment(tower_alone(2, z), (1 + z) ** 9)


def tower_alone(layers: int, z: arb) -> arb:
    """The same with the query as the only token: h += h³."""
    for _ in range(layers):
        z = z + z**3
    return z


def exponent(values: tuple[arb, arb], points: tuple[arb, arb]) -> arb:
    """Slope of log|y| against log z between two points."""
    return (abs(values[1]) / abs(values[0])).log() / (points[1] / points[0]).log()


def sum_is_not_the_minimum() -> bool:
    """F = z + 1: the smaller degree 0 would bound it; it exceeds every constant, e.g. 2^59."""
    return bool(exponent((FAR + 1, FAR**2 + 1), (FAR, FAR**2)) > arb(1) / 2)


def values_count() -> bool:
    """Linear attention as q + k = 2: one layer at d = 1 has exponent 3."""
    z = (FAR, FAR**2)
    return bool(exponent((tower_alone(1, z[0]), tower_alone(1, z[1])), z) > arb(5) / 2)


def self_token_counts() -> bool:
    """One linear layer, query alone: exponent 1 under a strict mask, 3 with the self token."""
    z = (FAR, FAR**2)
    strict = exponent((tower(1, z[0], False), tower(1, z[1], False)), z)
    seen = exponent((tower(1, z[0]), tower(1, z[1])), z)
    return bool(strict < arb(11) / 10) and bool(seen > arb(5) / 2)


def growth_formula() -> sp.Basic:
    """|F(z)| ≤ C (1 + |z|)^(3^L)."""
    value, c, z, layers = sp.symbols("|F(z)| C |z| L", nonnegative=True)
    return sp.Le(value, c * (1 + z) ** (3**layers))


def degrees(weights: Weights) -> dict[str, Interval]:
    """The certified degree in each variable: an upper bound, 0 a lower one."""
    variables: tuple[Variable, ...] = ("the whole prompt", "the query alone")
    return {
        f"degree in {variable}": Interval(0.0, float(derive(weights, variable).degree))
        for variable in variables
    }


G1 = Theorem(
    "G1",
    "growth degree",
    "deg F ≤ k if |F(z)| ≤ C(1+|z|)^k. Affine maps and ReLU, GELU, SiLU keep the degree; a sum has "
    "the maximum, a product the sum, a composition the product; LayerNorm, RMSNorm, DyT have 0; "
    "softmax, hardmax, SSA and sigmoid attention have that of the values, linear attention "
    "q + k + v. So: a final norm gives 0; softmax without norms ≤ 1 at every depth; L layers of "
    "linear attention ≤ 3^L in the whole prompt and in the query alone, but 1 in the query alone "
    "under a mask that hides a token from itself",
    assumptions=(
        "the degree is an upper bound: weights on a null set grow more slowly",
        '"follows degree m only if deg ≥ m" is for a fixed context and x_q -> inf: in the whole '
        "prompt the values y_i have size |z|^m themselves",
    ),
    needs=(),
    source="this work; formal/Growth.v",
    tight=True,
    formula=growth_formula,
    steps=(
        Step("sum: C(1+s)^k + D(1+s)^l ≤ (C+D)(1+s)^max(k,l)", sum_rule, bears_constant=True),
        Step("product: the degrees add", product_rule, bears_constant=True),
        Step("composition: C(1+D(1+s)^l)^k ≤ C(1+D)^k(1+s)^(kl)", composition_rule, True),
        Step("|Σ p_j v_j| ≤ Σ |v_j| for weights in [0, 1]", weights_rule, bears_constant=True),
        Step("|u Φ(u)| ≤ |u|", activation_rule, bears_constant=True),
    ),
    evaluate=degrees,
    witnesses=(Witness("d = 1, two linear layers, all weights 1, z = 2^60", cubed_twice),),
    mutants=(
        Mutant("sum = the minimum", sum_is_not_the_minimum),
        Mutant("linear attention = q + k", values_count),
        Mutant("degree 1 in the query alone, self token visible", self_token_counts),
    ),
)
