"""The norms of a block and of the read-out, by name."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sim.config import Norm


class DyT(nn.Module):
    """gamma * tanh(alpha h) + beta (Zhu, Chen, He, LeCun, Liu, CVPR 2025, arXiv 2503.10622)."""

    def __init__(self, width: int, alpha: float = 0.5) -> None:
        """`alpha` is the start of the one scalar that all coordinates share."""
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor([alpha]))
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, h: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Bounded without being normalised: no statistic of h is taken."""
        return self.weight * torch.tanh(self.alpha * h) + self.bias


def norm(kind: Norm, width: int, eps: float) -> nn.Module:
    """LayerNorm, RMSNorm and DyT with their affine parts; "none" is the identity."""
    if kind == "layernorm":
        return nn.LayerNorm(width, eps=eps)
    if kind == "rmsnorm":
        return nn.RMSNorm(width, eps=eps)
    return DyT(width) if kind == "dyt" else nn.Identity()
