"""One model on several processes: `torchrun --nproc-per-node 2 -m sim.train ...`.

Every process draws the same prompts and works on its share of them; losses and gradients are
averaged in one message a step. torch's DistributedDataParallel sends buckets while the backward
pass runs, and rebuilds them after the first step: faster for models larger than ours (38 MB of
gradients for 12L8AH), but then the order of the sums, and with it the last bit, would depend on
when a run was resumed.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch import distributed as dist

from sim.errors import UserError


@contextmanager
def others() -> Iterator[None]:
    """Talk to the other processes.

    Raises:
        UserError: one of them is gone.
    """
    try:
        yield
    except RuntimeError as error:
        raise UserError(
            f"another process of this run is gone ({str(error).splitlines()[0]}); the same command "
            "continues from the last checkpoint"
        ) from error


@dataclass(frozen=True)
class Group:
    """`size` processes, of which this is number `rank`; one process sends nothing."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def share(self, rows: Shaped[Tensor, "*k b n"]) -> Shaped[Tensor, "*k share n"]:
        """This process's part of a batch."""
        count = rows.shape[-2] // self.size
        return rows.narrow(-2, self.rank * count, count)

    @torch.no_grad()
    def average(self, tensors: Sequence[Tensor]) -> None:
        """Means over the processes, in place and in one message."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        with others():
            dist.all_reduce(flat)
        flat /= self.size
        for tensor, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def any(self, flag: bool, device: torch.device | str) -> bool:
        """Whether one of the processes says so."""
        if self.size == 1:
            return flag
        flags = torch.tensor(float(flag), device=device)
        with others():
            dist.all_reduce(flags)
        return bool(flags > 0)

    def follow(self, number: int, tensors: Sequence[Tensor], device: torch.device | str) -> int:
        """Take over the first process's number and, in place, its tensors."""
        if self.size == 1:
            return number
        told = torch.tensor(number, device=device)
        with others():
            dist.broadcast(told, 0)
            for tensor in tensors:
                dist.broadcast(tensor.detach(), 0)
        return int(told)


ALONE = Group()


@contextmanager
def group(device: str | None) -> Iterator[tuple[Group, str | None]]:
    """The processes that torchrun started, and the device of this one; or one process alone.

    Raises:
        UserError: torchrun on a device that does not match its processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE, device
        return
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("cpu", "cuda"):
        raise UserError(f"--device {device}: under torchrun say cpu or cuda, each takes its own")
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Group(dist.get_rank(), dist.get_world_size()), device
    finally:
        dist.destroy_process_group()
