"""What the machine could do at best: rates measured here, work counted in a step.

A step is bound by its matrix products (on a CPU, where everything else stays in the caches) or, on
a GPU, by the numbers that must go through memory: about 96 passes over the stream for a layer
(36 forward, 60 backward) once every chain of elementwise operations is one kernel.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from sim.config import Train
from sim.trainer import Trainer

PASSES = 96
TYPES = {"float32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def fastest(
    call: Callable[[], object], device: torch.device, clock: Callable[[], float], times: int = 7
) -> float:
    """Seconds of the fastest of some calls."""
    best = float("inf")
    for _ in range(times + 1):
        synchronise(device)
        start = clock()
        call()
        synchronise(device)
        best = min(best, clock() - start)
    return best


def multiplications(
    precision: str, device: torch.device, clock: Callable[[], float] = time.perf_counter
) -> float:
    """FLOP/s of a large matrix product."""
    from sim.trainer import products

    size = 8192 if device.type == "cuda" else 1024
    a, b = torch.randn(2, size, size, device=device, dtype=TYPES[precision]).unbind()
    with products(precision):
        return 2 * size**3 / fastest(lambda: a @ b, device, clock)


def copies(device: torch.device, clock: Callable[[], float] = time.perf_counter) -> float:
    """Bytes/s of a copy too large for the caches, read and written."""
    source = torch.empty(
        2**30 if device.type == "cuda" else 2**26, dtype=torch.uint8, device=device
    )
    target = torch.empty_like(source)
    return 2 * source.numel() / fastest(lambda: target.copy_(source), device, clock)


def work(config: Train) -> float:
    """Floating-point operations of the matrix products in a step of one model.

    Counted uncompiled: what torch.compile makes under a counter is slower, and would be reused.
    """
    trainer = Trainer(replace(config, compile=False))
    with FlopCounterMode(display=False) as counter:
        trainer.loss(*trainer.prompts(0)).backward()
    return float(counter.get_total_flops())


def traffic(config: Train) -> float:
    """Bytes that a step of one model moves when everything that can be fused is."""
    model = config.model
    tokens = config.batch * (model.points if model.packed else 2 * model.points - 1)
    return float(PASSES * tokens * model.layers * model.width * TYPES[config.precision].itemsize)


def floor(
    config: Train, device: torch.device, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of a step of one model at the rates that this device reaches."""
    products = work(config) / multiplications(config.precision, device, clock)
    if device.type == "cpu":
        return products
    return max(products, traffic(config) / copies(device, clock))
