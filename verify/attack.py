"""Adversarial prompts: multi-start gradient ascent on what a bound says cannot grow.

Tokens move as z = sinh(u), so one step size serves values from 1e-3 to 1e12. What is found is kept
as tokens: replaying an attack is one forward pass.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from verify.subject import Network

Objective = Callable[[Float[Tensor, "B T"]], Float[Tensor, " B"]]


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
    u = torch.asinh(start.clone()).requires_grad_(True)
    bound = float(torch.asinh(torch.tensor(reach, dtype=torch.float64)))
    optimiser = torch.optim.Adam([u], lr=rate)
    best = torch.full(start.shape[:1], -torch.inf, dtype=start.dtype)
    where = start.clone()
    for _ in range(steps + 1):
        tokens = torch.sinh(u) if free is None else torch.where(free, torch.sinh(u), start)
        values = objective(tokens)
        with torch.no_grad():
            better = values > best
            best = torch.where(better, values, best)
            where[better] = tokens[better].detach()
        optimiser.zero_grad()
        (-values.sum()).backward()
        optimiser.step()
        with torch.no_grad():
            u.nan_to_num_(0.0).clamp_(-bound, bound)
    return Attacked(where, best)


def prediction(network: Network, sign: float = 1.0) -> Objective:
    """sign * y at the last token."""
    return lambda tokens: sign * network.tokens(tokens)[:, -1]
