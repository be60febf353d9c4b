"""Prompts with a far query: sampled and attacked contexts, in float64, measured once a model.

Float64 because what a far query leaves of its context is small; its rounding is in ``slack``.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from theory.layernorm import readout_radius
from verify.attack import Attacked, attack, begin
from verify.kept import kept
from verify.passes import SEED
from verify.predictors import points_of
from verify.rounding import double_slack
from verify.sampling import FAMILIES, generator_of
from verify.subject import Network, Subject, answer

POINTS = (1, 2, 4, 12)
CONTEXTS = 8
STARTS = 24
ATTACKED_POINTS = 4
ROUNDS, SHARE = ((0.3, 10), (0.1, 15)), 0.25
ATTACKED = 1e3
LARGEST_CONTEXT = 1e6


class Extreme(NamedTuple):
    """The least and the largest prediction at one query, and their prompts."""

    low: float
    high: float
    low_prompt: list[float]
    high_prompt: list[float]


@cache
def reference(model: Subject) -> Network:
    """The model in float64, built once."""
    return model.reference()


def slack(model: Subject) -> float:
    """Float64 rounding of a prediction: a relative error of the stream turns it by that angle.

    Every block ends in sums of width terms; what goes into them may be anything the theorems
    allow (any weights of an average, any vector of the ball), so only these sums count.
    """
    operations = 4 * model.weights.width * (len(model.weights.blocks) + 1)
    return float(readout_radius(model.weights)) * double_slack(operations)


def contexts(model: Subject) -> Iterator[Float[Tensor, "B T"]]:
    """Sampled prompts of several lengths; the last token is the query, to be overwritten."""
    generator = generator_of(SEED, 10)
    for points in (*POINTS, (model.context + 1) // 2):
        if 2 * points - 1 > model.context:
            continue
        count = CONTEXTS if points < 20 else 2
        drawn = [family(count, points, generator) for family in FAMILIES]
        yield torch.cat(drawn).clamp(-LARGEST_CONTEXT, LARGEST_CONTEXT)


def extremes(y: Float[Tensor, " B"], tokens: list[Tensor]) -> Extreme:
    """Of predictions and the prompts that gave them."""
    low, high = int(y.argmin()), int(y.argmax())
    prompts = [row for batch in tokens for row in batch.tolist()]
    return Extreme(float(y[low]), float(y[high]), prompts[low], prompts[high])


@cache
def sampled_at(model: Subject, x: float) -> Extreme:
    """Extreme predictions at the query x over sampled contexts of every length."""
    tokens, predictions = [], []
    for drawn in contexts(model):
        drawn[:, -1] = x
        tokens.append(drawn)
        with torch.no_grad():
            predictions.append(answer(reference(model), drawn))
    return extremes(torch.cat(predictions), tokens)


@cache
def attacked_at(model: Subject, x: float) -> Extreme:
    """Extreme predictions at the query x over short contexts found by gradient ascent at ±ATTACKED.

    What moves a far query is nearly the same at every far x of a sign, so one search serves all.
    """
    if abs(x) != ATTACKED:
        near = attacked_at(model, math.copysign(ATTACKED, x))
        return moved(model, [near.low_prompt, near.high_prompt], x)
    return searched(model, x, points_of(model, ATTACKED_POINTS), STARTS, ROUNDS, SHARE)


def searched(
    model: Subject,
    x: float,
    points: int,
    starts: int,
    rounds: Sequence[tuple[float, int]],
    share: float,
    seed: int = SEED,
) -> Extreme:
    """Extreme predictions at the query x that gradient ascent over contexts finds."""
    start = begin(starts, points, seed, reach=LARGEST_CONTEXT).double()
    start[:, -1] = x
    free = torch.arange(start.shape[1]) < start.shape[1] - 1
    network = reference(model)
    found: list[Attacked] = [
        attack(
            lambda tokens, sign=sign: sign * answer(network, tokens),
            start, seed, free=free, rounds=rounds, share=share, reach=LARGEST_CONTEXT,
        )
        for sign in (-1.0, 1.0)
    ]  # fmt: skip
    return Extreme(-found[0].best, found[1].best, found[0].argbest, found[1].argbest)


def moved(model: Subject, prompts: Sequence[Sequence[float]], x: float) -> Extreme:
    """Extreme predictions over prompts of one length, their queries moved to x."""
    tokens = torch.tensor(prompts, dtype=torch.float64)
    tokens[:, -1] = x
    with torch.no_grad():
        return extremes(answer(reference(model), tokens), [tokens])


def kept_at(model: Subject, x: float) -> list[Extreme]:
    """Extreme predictions at x over the contexts kept: of each length, and of all lengths."""
    found: dict[int, list[list[float]]] = {}
    for tokens in kept(model, "N9"):
        found.setdefault(tokens.shape[1], []).append(tokens[0].tolist())
    apart = [moved(model, same, x) for same in found.values()]
    if len(apart) < 2:
        return apart
    lowest, highest = min(apart, key=lambda e: e.low), max(apart, key=lambda e: e.high)
    return [*apart, Extreme(lowest.low, highest.high, lowest.low_prompt, highest.high_prompt)]
