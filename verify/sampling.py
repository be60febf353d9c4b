"""Prompts to try a bound on: random, functional, structured and extreme, the same for a seed.

A sequence of n points is n prompts: under the causal mask the read-out at x_i sees x_1..x_i only.
Sampling is cut into parts of PART prompts; part k is a pure function of (seed, k), so that parts
may be drawn by any number of processes.
"""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.quasirandom import SobolEngine

Tokens = Float[Tensor, "B T"]
Family = Callable[[int, int, Generator], Tokens]

# F2: residual entries beyond 2^63 overflow the float32 variance; w_in multiplies the token first.
# Tokens up to the largest float have a claim of their own (F2).
LARGEST = 2.0**58
PART = 10**6
LENGTHS = (41, 3, 5, 2, 11, 3)


def magnitudes(shape: tuple[int, ...], low: float, high: float, g: Generator) -> Tensor:
    """10^U(low, high)."""
    return 10 ** (low + (high - low) * torch.rand(shape, generator=g, dtype=torch.float64))


def signs(shape: tuple[int, ...], g: Generator) -> Tensor:
    """±1 with equal chance."""
    return 2.0 * torch.randint(0, 2, shape, generator=g, dtype=torch.float64) - 1


def interleave(xs: Tensor, ys: Tensor) -> Tokens:
    """x_1, y_1, ..., x_n (the last y is never read)."""
    return torch.stack([xs, ys], dim=-1).flatten(1)[:, :-1]


def polynomials(count: int, points: int, g: Generator) -> Tokens:
    """Polynomials of degree 1..5, inputs and coefficients at scales 10^U(-1, 3)."""
    xs = 2 * torch.rand(count, points, generator=g, dtype=torch.float64) - 1
    xs = xs * magnitudes((count, 1), -1, 3, g)
    coefficients = 2 * torch.rand(count, 6, generator=g, dtype=torch.float64) - 1
    degree = torch.randint(1, 6, (count, 1), generator=g)
    coefficients = coefficients * (torch.arange(6) <= degree) * magnitudes((count, 1), -1, 1, g)
    powers = xs.unsqueeze(-1) ** torch.arange(6)
    return interleave(xs, (powers * coefficients.unsqueeze(1)).sum(-1))


def log_uniform(count: int, points: int, g: Generator) -> Tokens:
    """Every token ±10^U(-6, 6), related to no function."""
    shape = (count, 2 * points - 1)
    return signs(shape, g) * magnitudes(shape, -6, 6, g)


def sobol(count: int, points: int, g: Generator) -> Tokens:
    """Quasi-random: scrambled Sobol points u, tokens sinh(14 (2u - 1)), up to ±6e5."""
    seed = int(torch.randint(0, 2**31, (1,), generator=g))
    engine = SobolEngine(2 * points - 1, scramble=True, seed=seed)
    return torch.sinh(14 * (2 * engine.draw(count, dtype=torch.float64) - 1))


def one_huge_token(count: int, points: int, g: Generator) -> Tokens:
    """Standard normal tokens, one of them ±10^U(2, 18)."""
    tokens = torch.randn(count, 2 * points - 1, generator=g, dtype=torch.float64)
    where = torch.randint(0, tokens.shape[1], (count, 1), generator=g)
    return tokens.scatter(1, where, signs((count, 1), g) * magnitudes((count, 1), 2, 18, g))


def ties(count: int, points: int, g: Generator) -> Tokens:
    """All tokens from two values: exact ties of every score."""
    values = signs((count, 2), g) * magnitudes((count, 2), -3, 3, g)
    which = torch.randint(0, 2, (count, 2 * points - 1), generator=g)
    return values.gather(1, which)


def constants(count: int, points: int, g: Generator) -> Tokens:
    """One value throughout, 0 and the float32 denormals among them."""
    value = signs((count, 1), g) * magnitudes((count, 1), -45, 18, g)
    value[0] = 0.0
    return value.expand(count, 2 * points - 1).clone()


def sorted_line(count: int, points: int, g: Generator) -> Tokens:
    """A line through sorted inputs: the paper's easiest prompt order."""
    xs = torch.randn(count, points, generator=g, dtype=torch.float64).sort(dim=1).values
    slope, offset = magnitudes((2, count, 1), -2, 3, g)
    return interleave(xs, slope * xs + offset)


def repeated_example(count: int, points: int, g: Generator) -> Tokens:
    """One example (x, y) over and over, then a query at another place."""
    x, y, query = signs((3, count, 1), g) * magnitudes((3, count, 1), -2, 2, g)
    tokens = interleave(x.expand(count, points), y.expand(count, points)).clone()
    tokens[:, -1:] = query
    return tokens


def extremes(count: int, points: int, g: Generator) -> Tokens:
    """Tokens from {0, ±denormal, ±1, ±2^58}."""
    values = torch.tensor([0.0, 2.0**-140, 1.0, LARGEST], dtype=torch.float64)
    shape = (count, 2 * points - 1)
    return signs(shape, g) * values[torch.randint(0, len(values), shape, generator=g)]


FAMILIES: tuple[Family, ...] = (
    polynomials,
    log_uniform,
    sobol,
    one_huge_token,
    ties,
    constants,
    sorted_line,
    repeated_example,
    extremes,
)


def generator_of(seed: int, part: int) -> Generator:
    """The generator of a part: no two (seed, part) below 2^31 share one."""
    return Generator().manual_seed(seed * 2**31 + part)


def parts(prompts: int) -> int:
    """How many parts a run of so many prompts has."""
    return max(1, -(-prompts // PART))


def batches(
    prompts: int, points: int, seed: int, part: int = 0, tokens: int = 2**11
) -> Iterator[tuple[str, Float[Tensor, "B T"]]]:
    """(family, float32 tokens) until at least ``prompts`` prompts (prefixes counted) were drawn.

    Prompts of ``points`` points and of the shorter LENGTHS in turn, ``tokens`` tokens a batch:
    2^11, whose activations fit a second-level cache.
    """
    generator, drawn, turn = generator_of(seed, part), 0, 0
    lengths = [min(points, length) for length in LENGTHS]
    while drawn < prompts:
        length = lengths[turn % len(lengths)]
        turn += 1
        batch = max(1, tokens // (2 * length - 1))
        for family in FAMILIES:
            drawn_tokens = family(batch, length, generator)
            yield family.__name__, drawn_tokens.clamp(-LARGEST, LARGEST).float()
            drawn += batch * length
            if drawn >= prompts:
                return
