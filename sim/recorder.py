"""Losses between two looks at them: no step waits for the device to finish."""

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from sim import schedules
from sim.checkpoint import steps_in
from sim.config import Train
from sim.errors import UserError
from sim.metrics import Metrics


class Recorder:
    """Collects the losses of one model or of a stack, and logs their means."""

    def __init__(
        self,
        configs: Sequence[Train],
        folders: Sequence[Path],
        metrics: Sequence[Metrics],
        done: int,
    ) -> None:
        """`done` steps were done before; without `metrics` nothing is logged."""
        self.configs, self.folders, self.metrics = configs, folders, metrics
        self.pending: list[Float[Tensor, "*k"]] = []
        self.done, self.since = done, time.monotonic()

    def add(self, loss: Float[Tensor, "*k"]) -> None:
        """The loss of the next step."""
        self.pending.append(loss)

    def look(self) -> str:
        """Log the mean losses since the last look; a text for the progress line.

        Raises:
            UserError: a loss was NaN or infinite; the last checkpoint is good.
        """
        if not self.pending:
            return ""
        losses = torch.stack(self.pending).double().cpu().reshape(len(self.pending), -1)
        self.check(losses)
        now = time.monotonic()
        prompts = losses.numel() * self.configs[0].batch
        speed = prompts / max(now - self.since, 1e-9)
        self.done += len(losses)
        means = losses.mean(0).tolist()
        about = {
            "rate": schedules.rate(self.configs[0], self.done - 1),
            "samples_per_second": round(speed, 1),
        }
        for metrics, mean in zip(self.metrics, means, strict=False):
            metrics.log(self.done, {"loss": mean, **about})
        self.pending, self.since = [], now
        return f"loss {sum(means) / len(means):.5f}  {speed:.0f} prompts/s"

    def check(self, losses: Float[Tensor, "steps k"]) -> None:
        """Stop at the first loss that is no number.

        Raises:
            UserError: naming the step, the seed in a stack, and the last good checkpoint.
        """
        bad = (~torch.isfinite(losses)).nonzero().tolist()
        if not bad:
            return
        row, model = bad[0]
        kept = steps_in(self.folders[model])
        where = f"the checkpoint of step {kept[-1]} is good" if kept else "none was saved yet"
        whose = f" of seed {self.configs[model].seed}" if len(self.configs) > 1 else ""
        raise UserError(
            f"the loss{whose} is {losses[row, model]:g} at step {self.done + row}: training "
            f"stopped, {where}; try a lower --optimizer.rate"
        )
