"""The device and the CPU threads that a command works with."""

import torch

from sim.errors import UserError


def default_device() -> str:
    """A GPU when there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def choose(device: str | None, threads: int | None) -> torch.device:
    """The device asked for, or the default one; sets the number of threads if one is asked for.

    Raises:
        UserError: no threads, or a device that is not there.
    """
    if threads is not None:
        if threads < 1:
            raise UserError(f"--threads {threads}: at least one is needed")
        torch.set_num_threads(threads)
    if device is None:
        return torch.device(default_device())
    if device.split(":")[0] not in ("cpu", "cuda"):
        raise UserError(f"--device {device}: this runs on cpu or cuda")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"--device {device}: torch sees no GPU here")
    try:
        return torch.empty(1, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device {device}: {str(error).splitlines()[0]}") from error
