"""Philox4x32-10 in int64 tensors: the same random bits on every device, for any (seed, step).

A counter generator has no state: word j of the stream (seed, stream, step) is a function of these
numbers, so a resumed run draws what the interrupted one would have drawn. Source: Salmon, Moraes,
Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)


def _multiply(a: int, b: Int[Tensor, "*n"]) -> tuple[Int[Tensor, "*n"], Int[Tensor, "*n"]]:
    """(high, low) words of the 64-bit product; int64 wraps, which leaves its bits right."""
    product = a * b
    return (product >> 32) & _MASK, product & _MASK


def philox(counter: Int[Tensor, "4 ..."], key: tuple[int | Tensor, int]) -> Int[Tensor, "4 ..."]:
    """Ten rounds over 32-bit words kept in int64; the key broadcasts against the counters."""
    c0, c1, c2, c3 = counter.unbind()
    k0, k1 = key
    for _ in range(10):
        high0, low0 = _multiply(_MULTIPLIERS[0], c0)
        high1, low1 = _multiply(_MULTIPLIERS[1], c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return torch.stack([c0, c1, c2, c3])


def words(
    count: int,
    seed: int | Int[Tensor, "*#p"],
    stream: int,
    step: int | Int[Tensor, "*#p"],
    device: torch.device | str = "cpu",
) -> Int[Tensor, "... count"]:
    """`count` 32-bit words; key (seed, stream), counter (block, step, high words of both).

    Tensors of seeds and steps give one row for each of their entries.
    """
    block = torch.arange(-(-count // 4), device=device)
    seed, step = (
        torch.as_tensor(number, dtype=torch.int64, device=device)[..., None]
        for number in (seed, step)
    )
    place = torch.broadcast_tensors(block, step & _MASK, step >> 32, seed >> 32)
    rounds = philox(torch.stack(place), (seed & _MASK, stream))
    return rounds.movedim(0, -1).flatten(-2)[..., :count]


def uniforms(
    count: int,
    seed: int | Int[Tensor, "*#p"],
    stream: int,
    step: int | Int[Tensor, "*#p"],
    device: torch.device | str = "cpu",
) -> Float[Tensor, "... count"]:
    """Uniform on the odd multiples of 2^-25 in (0, 1), from the top 24 bits; exact in float64."""
    top = words(count, seed, stream, step, device) >> 8
    return (top.double() + 0.5) * 2.0**-24


def normals(
    count: int,
    seed: int | Int[Tensor, "*#p"],
    stream: int,
    step: int | Int[Tensor, "*#p"],
    device: torch.device | str = "cpu",
) -> Float[Tensor, "... count"]:
    """Standard normals (Box and Muller, float64: devices may differ in the last bit of that)."""
    half = -(-count // 2)
    u, v = uniforms(2 * half, seed, stream, step, device).unflatten(-1, (2, half)).unbind(-2)
    radius, angle = (-2 * u.log()).sqrt(), 2 * math.pi * v
    return torch.cat([radius * angle.cos(), radius * angle.sin()], dim=-1)[..., :count]
