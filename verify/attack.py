"""Adversarial prompts: multi-start gradient ascent on what a bound says cannot grow.

Tokens move as z = sinh(u), so one step size serves values from 1e-3 to 1e12. What is found is kept
as tokens: replaying an attack is one forward pass (`python -m verify.attack replay FILE`).
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from sim.errors import CheckpointError, UserError
from verify.sampling import Family, log_uniform, polynomials, sorted_line, ties
from verify.subject import Network, Subject, answer

Objective = Callable[[Float[Tensor, "B T"]], Float[Tensor, " B"]]

STARTS: tuple[Family, ...] = (polynomials, log_uniform, ties, sorted_line)
# Restarts move asinh(token) by normal noise of these sizes; 0 keeps the prompt itself.
JUMPS = (0.0, 0.05, 0.3, 1.0)


@dataclass(frozen=True)
class Attacked:
    """The best input of each start and what it reached; ``best`` is the maximum over starts."""

    tokens: Float[Tensor, "B T"]
    values: Float[Tensor, " B"]

    @property
    def best(self) -> float:
        """Largest value reached."""
        return float(self.values.max())

    @property
    def argbest(self) -> list[float]:
        """The prompt that reached it."""
        return self.tokens[int(self.values.argmax())].tolist()


def ascend(
    objective: Objective,
    start: Float[Tensor, "B T"],
    free: Bool[Tensor, " T"] | None = None,
    steps: int = 60,
    rate: float = 0.1,
    reach: float = 1e9,
) -> Attacked:
    """Maximise the objective from every start by Adam on asinh(token), |token| <= reach.

    Only ``free`` token positions move. The best iterate of each start is kept, so the result is
    never below its start.
    """
    with flushed():
        return climb(objective, start, free, steps, rate, reach)


@contextmanager
def flushed() -> Iterator[None]:
    """Gradients far out are denormal numbers, which cost a hundred times a normal one: make them 0.

    Only while searching: what was found is judged by ordinary arithmetic.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def climb(
    objective: Objective,
    start: Float[Tensor, "B T"],
    free: Bool[Tensor, " T"] | None,
    steps: int,
    rate: float,
    reach: float,
) -> Attacked:
    """The search of ``ascend``."""
    u = torch.asinh(start.clone()).requires_grad_(True)
    bound = float(torch.asinh(torch.tensor(reach, dtype=torch.float64)))
    optimiser = torch.optim.Adam([u], lr=rate)
    best = torch.full(start.shape[:1], -torch.inf, dtype=start.dtype)
    where = start.clone()
    for step in range(steps + 1):
        tokens = torch.sinh(u) if free is None else torch.where(free, torch.sinh(u), start)
        values = objective(tokens)
        with torch.no_grad():
            better = values > best
            best = torch.where(better, values, best)
            where[better] = tokens[better].detach()
        if step == steps:
            break
        optimiser.zero_grad()
        (-values.sum()).backward()
        optimiser.step()
        with torch.no_grad():
            u.nan_to_num_(0.0).clamp_(-bound, bound)
    return Attacked(where, best)


def restarts(found: Attacked, count: int, seed: int) -> Float[Tensor, "B T"]:
    """``count`` prompts around the best ones: JUMPS of each, those nearest to the best first."""
    generator = Generator().manual_seed(seed)
    kept = found.values.argsort(descending=True)[: max(1, count // len(JUMPS))]
    base = torch.asinh(found.tokens[kept])
    noise = torch.randn((len(JUMPS), *base.shape), generator=generator, dtype=base.dtype)
    sizes = torch.tensor(JUMPS, dtype=base.dtype)[:, None, None]
    return torch.sinh(base + sizes * noise).flatten(0, 1)[:count]


def begin(
    count: int, points: int, seed: int, families: Sequence[Family] = STARTS, reach: float = 1e9
) -> Float[Tensor, "B T"]:
    """Starts from several families in equal parts."""
    generator = Generator().manual_seed(seed)
    share = -(-count // len(families))
    drawn = torch.cat([family(share, points, generator) for family in families])
    return drawn[:count].clamp(-reach, reach).float()


def attack(
    objective: Objective,
    start: Float[Tensor, "B T"],
    seed: int,
    *,
    free: Bool[Tensor, " T"] | None = None,
    rounds: Sequence[tuple[float, int]] = ((0.3, 20), (0.1, 20), (0.03, 20)),
    share: float = 1.0,
    reach: float = 1e9,
) -> Attacked:
    """Rounds of (rate, steps), each started around the best prompts of the round before.

    Each round has ``share`` times the starts of the one before: a few of the best, climbed for
    longer, reach as far as all of them do.
    """
    found = Attacked(start, torch.full(start.shape[:1], -torch.inf, dtype=start.dtype))
    for number, (rate, steps) in enumerate(rounds):
        if number:
            start = restarts(found, max(1, round(share * len(start))), seed + number)
            if free is not None:
                start = torch.where(free, start, found.tokens[:1])
        found = ascend(objective, start, free, steps, rate, reach)
    return found


def prediction(network: Network, sign: float = 1.0) -> Objective:
    """sign * y at the last token."""
    return lambda tokens: sign * answer(network, tokens)


def towards(network: Network, end: float, radius: float) -> Objective:
    """-log of the distance to an end of the ceiling, in radii: its gradient does not die (L6).

    ``radius`` is negative for the lower end. Predictions at or beyond the end are its maximum.
    """

    def objective(tokens: Float[Tensor, "B T"]) -> Float[Tensor, " B"]:
        short = (end - answer(network, tokens)) / radius
        return -torch.log(short.clamp_min(1e-9))

    return objective


def load_stored(path: Path) -> dict:
    """A stored attack.

    Raises:
        UserError: the file is not there or is none.
    """
    try:
        stored = json.loads(path.read_text())
        return {name: stored[name] for name in ("id", "path", "model", "tokens", "bound")}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no stored attack ({error!r})") from error


def replay(path: Path, model: Path | None = None) -> str:
    """What the model says at a stored input: float32, float64, and enclosed.

    Raises:
        UserError: no stored attack, or its model is gone.
    """
    from theory.rounding import enclose_prediction
    from verify.subject import load_subject

    stored = load_stored(path)
    if not (where := model or (Path(stored["path"]) if stored["path"] else None)):
        raise CheckpointError(f"{path}: does not say which file {stored['model']} is: add its path")
    subject: Subject = load_subject(where)
    tokens = torch.tensor([stored["tokens"]], dtype=torch.float64)
    with torch.no_grad():
        single = float(subject.network.tokens(tokens.float())[0, -1])
        double = float(subject.reference().tokens(tokens)[0, -1])
    exact = enclose_prediction(subject.weights, stored["tokens"])
    return (
        f"{stored['id']} on {subject.name}: bound {stored['bound']}\n"
        f"float32 {single!r}, float64 {double!r}, exactly in {exact}"
    )


def main(arguments: list[str]) -> int:
    """`python -m verify.attack replay FILE [MODEL]`."""
    if len(arguments) not in (2, 3) or arguments[0] != "replay":
        print("usage: python -m verify.attack replay FILE [MODEL]", file=sys.stderr)
        return 2
    try:
        print(replay(Path(arguments[1]), Path(arguments[2]) if len(arguments) == 3 else None))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
