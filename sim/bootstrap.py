"""Bootstrap bands over seeds and prompts: how far a mean error could have come out by chance."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sim.errors import UserError


class Band(NamedTuple):
    """A mean with its percentile interval; three arrays of one shape."""

    mean: Float[np.ndarray, "*at"]
    low: Float[np.ndarray, "*at"]
    high: Float[np.ndarray, "*at"]


def _weights(draws: int, count: int, generator: np.random.Generator) -> Float[np.ndarray, "r c"]:
    """Multinomial weights of `draws` resamples with replacement; rows sum to 1."""
    return generator.multinomial(count, np.full(count, 1 / count), size=draws) / count


def band(
    errors: Float[np.ndarray, "seeds prompts *at"],
    reference: Float[np.ndarray, "seeds prompts *at"] | None = None,
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Band:
    """Percentile band of the mean over seeds (trained models) and prompts.

    Seeds and prompts are resampled independently of each other, as the design is crossed: every
    model sees the same prompts. With `reference` the statistic is mean(errors) / mean(reference),
    resampled together. One seed gives a band over prompts only: another training is not in it.

    Raises:
        UserError: fewer than two prompts, a level outside (0, 1), shapes that differ.
    """
    if errors.ndim < 2 or errors.shape[1] < 2:
        raise UserError(f"a band needs errors (seeds, prompts >= 2, ...), got shape {errors.shape}")
    if not 0 < level < 1:
        raise UserError(f"the level of a band lies between 0 and 1, got {level}")
    if reference is not None and reference.shape != errors.shape:
        raise UserError(f"errors have shape {errors.shape}, the reference {reference.shape}")
    generator = np.random.default_rng(seed)
    over_seeds = _weights(draws, errors.shape[0], generator)
    over_prompts = _weights(draws, errors.shape[1], generator)

    def resampled(values: np.ndarray) -> np.ndarray:
        flat = values.reshape(*values.shape[:2], -1)
        means = np.einsum("rs,rp,spk->rk", over_seeds, over_prompts, flat, optimize=True)
        return means.reshape(draws, *values.shape[2:])

    mean, means = errors.mean((0, 1)), resampled(errors)
    if reference is not None:
        mean, means = mean / reference.mean((0, 1)), means / resampled(reference)
    tail = (1 - level) / 2
    return Band(mean, *np.quantile(means, [tail, 1 - tail], axis=0))
