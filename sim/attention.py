"""Causal self-attention with five score functions.

Written out rather than fused: on two CPU cores and at d = 64 this is faster than torch's SDPA
(performance.md, section 2), and only softmax has a fused form.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sim.config import Model

Scores = Float[Tensor, "... t s"]
# Published initial values of SSA: b = e, n = e^0.4 (arXiv 2508.14685); both learned as logarithms.
SSA_B, SSA_N = 1.0, 0.4


def causal_mask(
    length: int, stride: int = 1, device: torch.device | str = "cpu"
) -> Bool[Tensor, "t s"]:
    """Which tokens the queries 0, stride, 2 stride, .. see: all up to and including themselves."""
    query = torch.arange(0, length, stride, device=device)
    return torch.arange(length, device=device) <= query[:, None]


def mixing(
    kind: str,
    scores: Scores,
    visible: Bool[Tensor, "t s"],
    ssa: tuple[Tensor, Tensor] | None = None,
) -> Scores:
    """Weights of the values.

    softmax exp(s)/sum; hardmax 1 at the maximum, ties shared (its scores get no gradient);
    ssa (1 + b|s|)^(n sgn s)/sum, `ssa` = (b, n); sigmoid 1/(1 + exp(-s)) and linear s:
    not normalised.
    """
    if kind == "linear":
        return scores.masked_fill(~visible, 0.0)
    if kind == "sigmoid":
        return torch.sigmoid(scores).masked_fill(~visible, 0.0)
    if kind == "ssa":
        assert ssa is not None
        b, n = ssa
        scores = n * scores.sign() * torch.log1p(b * scores.abs())
    scores = scores.masked_fill(~visible, -torch.inf)
    if kind == "hardmax":
        top = (scores == scores.amax(-1, keepdim=True)).to(scores.dtype)
        return top / top.sum(-1, keepdim=True)
    return torch.softmax(scores, dim=-1)


class Attention(nn.Module):
    """sum_h W_O,h sum_j weight_tj (W_V,h u_j + b_V,h) + b_O; scores q.k / sqrt(width / heads).

    Any batch dimensions: sim.ensemble puts one of K models in front of those of the prompts.
    """

    def __init__(self, config: Model) -> None:
        """Four square maps; `ssa_b`, `ssa_n` are log b and log n of the SSA score."""
        super().__init__()
        d = config.width
        self.heads, self.score = config.heads, config.score
        self.query, self.key, self.value, self.output = (nn.Linear(d, d) for _ in range(4))
        if config.score == "ssa":
            self.ssa_b = nn.Parameter(torch.tensor([SSA_B]))
            self.ssa_n = nn.Parameter(torch.tensor([SSA_N]))

    def split(self, u: Float[Tensor, "*b t d"]) -> Float[Tensor, "*b h t dh"]:
        """One matrix a head."""
        return u.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

    def ssa(self) -> tuple[Tensor, Tensor] | None:
        """(b, n), shaped to go with scores (.., b, h, t, s)."""
        if self.score != "ssa":
            return None
        return self.ssa_b.exp()[..., None, None, None], self.ssa_n.exp()[..., None, None, None]

    def forward(
        self, u: Float[Tensor, "*b s d"], visible: Bool[Tensor, "t s"]
    ) -> Float[Tensor, "*b t d"]:
        """Outputs for the queries that the mask has rows for: every token, or every other."""
        stride = -(-u.shape[-2] // visible.shape[0])
        q = self.split(self.query(u[..., ::stride, :]))
        k, v = self.split(self.key(u)), self.split(self.value(u))
        scores = (q * q.shape[-1] ** -0.5) @ k.mT
        mixed = mixing(self.score, scores, visible, self.ssa()) @ v
        return self.output(mixed.transpose(-3, -2).flatten(-2))
