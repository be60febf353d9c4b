"""``theory.Weights`` run in torch: the network of a checkpoint that another program trained.

The same function as theory.network (numpy, for tests and witnesses), in float32 or float64,
batched and differentiable, so that claims can sample and attack it. Checkpoints of this project
run in sim.model itself.
"""

from typing import Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from sim.errors import UserError
from theory.weights import MLP, Attention, Norm, Weights

Stream = Float[Tensor, "... d"]


def parameter(array: np.ndarray) -> Tensor:
    """Exact if the numbers are float32 ones, as those of a checkpoint are."""
    return torch.from_numpy(np.array(array, dtype=np.float32))


class Normalisation(nn.Module):
    """Any of the four norms of theory.weights."""

    def __init__(self, norm: Norm) -> None:
        """``gamma``, ``beta`` become buffers; eps and alpha stay Python numbers."""
        super().__init__()
        self.kind, self.eps, self.alpha = norm.kind, norm.eps, norm.alpha
        self.register_buffer("gamma", parameter(norm.gamma))
        self.register_buffer("beta", parameter(norm.beta))

    def forward(self, h: Stream) -> Stream:
        """norm(h) along the last axis."""
        gamma, beta = self.get_buffer("gamma"), self.get_buffer("beta")
        if self.kind == "none":
            return h
        if self.kind == "dyt":
            return gamma * torch.tanh(self.alpha * h) + beta
        if self.eps > 0 and self.kind == "layernorm":
            return F.layer_norm(h, gamma.shape, gamma, beta, self.eps)
        m = h - h.mean(-1, keepdim=True) if self.kind == "layernorm" else h
        square = m.square().mean(-1, keepdim=True) + self.eps
        # eps = 0 and Ph = 0: z := 0 (theory.md section 0), with gradient 0
        z = m * torch.where(square > 0, square, torch.inf).rsqrt()
        return gamma * z + beta


def activate(kind: str, u: Tensor) -> Tensor:
    """The activation, entry by entry."""
    if kind == "relu":
        return F.relu(u)
    if kind == "silu":
        return F.silu(u)
    return F.gelu(u, approximate="tanh" if kind == "gelu_tanh" else "none")


class Mixer(nn.Module):
    """Causal attention with any of the five scores: Σ_h W_O,h Σ_j weight_tj v_j + b_O."""

    def __init__(self, attention: Attention) -> None:
        """Heads side by side, as in the usual fused layout."""
        super().__init__()
        self.score, self.ssa, self.heads = attention.score, attention.ssa, len(attention.query)
        d = attention.output_bias.size
        for name in ("query", "key", "value"):
            weight, bias = getattr(attention, name), getattr(attention, f"{name}_bias")
            self.register_buffer(name, parameter(weight.reshape(-1, d)))
            self.register_buffer(f"{name}_bias", parameter(bias.reshape(-1)))
        self.register_buffer("output", parameter(np.concatenate(list(attention.output), axis=1)))
        self.register_buffer("output_bias", parameter(attention.output_bias))

    def project(self, name: str, u: Stream) -> Float[Tensor, "b h t e"]:
        """Queries, keys or values, head by head."""
        flat = F.linear(u, self.get_buffer(name), self.get_buffer(f"{name}_bias"))
        return flat.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def mixing(self, scores: Float[Tensor, "b h t s"]) -> Float[Tensor, "b h t s"]:
        """Weights of each query on the tokens up to itself."""
        length = scores.shape[-1]
        hidden = torch.ones(length, length, dtype=torch.bool, device=scores.device).triu(1)
        if self.score == "linear":
            return scores.masked_fill(hidden, 0.0)
        if self.score == "sigmoid":
            return torch.sigmoid(scores).masked_fill(hidden, 0.0)
        if self.score == "ssa":
            b, n = self.ssa
            scores = n * scores.sign() * torch.log1p(b * scores.abs())
        scores = scores.masked_fill(hidden, -torch.inf)
        if self.score == "hardmax":
            top = (scores == scores.amax(-1, keepdim=True)).to(scores.dtype)
            return top / top.sum(-1, keepdim=True)
        return torch.softmax(scores, dim=-1)

    def forward(self, u: Stream) -> Stream:
        """What the attention adds for normalised inputs u."""
        q, k, v = (self.project(name, u) for name in ("query", "key", "value"))
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        mixed = (self.mixing(scores) @ v).transpose(1, 2).flatten(-2)
        return F.linear(mixed, self.get_buffer("output"), self.get_buffer("output_bias"))


class Perceptron(nn.Module):
    """W_2 act(W_1 u + b_1) + b_2."""

    def __init__(self, mlp: MLP) -> None:
        """The four arrays become buffers."""
        super().__init__()
        self.activation = mlp.activation
        for name in ("up", "up_bias", "down", "down_bias"):
            self.register_buffer(name, parameter(getattr(mlp, name)))

    def forward(self, u: Stream) -> Stream:
        """Token by token."""
        hidden = F.linear(u, self.get_buffer("up"), self.get_buffer("up_bias"))
        hidden = activate(self.activation, hidden)
        return F.linear(hidden, self.get_buffer("down"), self.get_buffer("down_bias"))


class WeightsNetwork(nn.Module):
    """A ``verify.subject.Network``; float32 until ``double()``."""

    def __init__(self, weights: Weights) -> None:
        """Copies of the weights; they get no gradient, tokens and residuals do."""
        super().__init__()
        self.post_norm, self.keeps = weights.post_norm, weights.residual
        for name in ("read_in", "read_in_bias", "positions", "read_out"):
            self.register_buffer(name, parameter(getattr(weights, name)))
        self.register_buffer("read_out_bias", parameter(np.array([weights.read_out_bias])))
        self.norms = nn.ModuleList(Normalisation(block.norm) for block in weights.blocks)
        self.parts = nn.ModuleList(
            Mixer(block) if isinstance(block, Attention) else Perceptron(block)
            for block in weights.blocks
        )
        self.final_norm = Normalisation(weights.final_norm)

    def double(self) -> Self:
        """In float64, in place."""
        return super().double()

    def residual(self, tokens: Float[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        """The stream that enters the final norm.

        Raises:
            UserError: more tokens than the model has positions.
        """
        positions, length = self.get_buffer("positions"), tokens.shape[1]
        if length > len(positions):
            raise UserError(f"{length} tokens, but the model has {len(positions)} positions")
        h = tokens.unsqueeze(-1) * self.get_buffer("read_in") + self.get_buffer("read_in_bias")
        h = h + positions[:length]
        for norm, part in zip(self.norms, self.parts, strict=True):
            change = part(h if self.post_norm else norm(h))
            h = h + change if self.keeps else change
            if self.post_norm:
                h = norm(h)
        return h

    def readout(self, residual: Stream) -> Float[Tensor, "..."]:
        """w . final_norm(h) + b."""
        row, bias = self.get_buffer("read_out")[None], self.get_buffer("read_out_bias")
        return F.linear(self.final_norm(residual), row, bias).squeeze(-1)

    def tokens(self, tokens: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
        """Read-out at every token."""
        return self.readout(self.residual(tokens))
