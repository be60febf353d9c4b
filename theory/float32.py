"""LayerNorm in float32 arithmetic, three ways of taking the variance; and gam_n.

Two-pass and Welford are what libraries run (torch: Welford in lanes, merged by Chan's formula);
the textbook E[x²] - E[x]² is what they avoid. numpy's float32 is IEEE binary32.
"""

from collections.abc import Callable

import numpy as np
from flint import arb
from jaxtyping import Float32

Row = Float32[np.ndarray, " d"]
Moments = tuple[np.float32, np.float32]

UNIT = arb(2) ** -24
# below this a product or sum may lose everything (flush to zero allowed)
TINY = arb(2) ** -126


def growth(n: int) -> arb:
    """gam_n = n u/(1 - n u), u = 2^-24: relative error of n roundings in a row; inf for n u >= 1.

    |fl(a.b) - a.b| <= gam_n |a|.|b| for every order of summation, with or without fused
    multiply-add (Higham, Accuracy and Stability, 2002, section 3.1); not for TF32 or bfloat16.
    """
    share = n * UNIT
    return share / (1 - share) if share < 1 else arb.pos_inf()


def two_pass(h: Row) -> Moments:
    """Mean, then the mean of the squared differences from it."""
    mean = h.mean(dtype=np.float32)
    return mean, ((h - mean) ** 2).mean(dtype=np.float32)


def welford(h: Row) -> Moments:
    """One pass: mean and sum of squares updated with each entry."""
    mean, square = np.float32(0), np.float32(0)
    for k, x in enumerate(h, 1):
        step = x - mean
        mean = mean + step * (np.float32(1) / np.float32(k))
        square = square + step * (x - mean)
    return mean, square / np.float32(len(h))


def textbook(h: Row) -> Moments:
    """E[x²] - E[x]²: one pass, and cancellation."""
    mean = h.mean(dtype=np.float32)
    return mean, (h * h).mean(dtype=np.float32) - mean * mean


def layernorm(h: Row, eps: float, moments: Callable[[Row], Moments] = two_pass) -> Row:
    """(h - mean)/sqrt(variance + eps), every operation rounded to float32."""
    with np.errstate(all="ignore"):
        mean, variance = moments(h)
        return (h - mean) * (np.float32(1) / np.sqrt(variance + np.float32(eps)))
