"""The transformer: a decoder on scalar tokens x_1, y_1, x_2, .., read out at every x.

    h_t = w_in z_t + b_in + p_t;   h += Attention(norm1 h);   h += MLP(norm2 h)   (pre-norm)
    h = norm1(h + Attention h);    h = norm2(h + MLP h)                            (post-norm)
    y = w . final_norm(h) + b

The reference case (pre-norm LayerNorm, softmax, GELU in its tanh form, learned positions) is GPT-2
to rounding (tests/sim/test_model.py holds it against Hugging Face's). Packed models read the pairs
(x_i, y_(i-1)) as tokens instead: half the length, another architecture.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from sim.attention import Attention, causal_mask
from sim.config import Model
from sim.equivariant import equivariant
from sim.errors import UserError
from sim.norms import norm
from sim.philox import normals

PARAMETERS = 1000  # Philox streams of the initial values start here, far from those of the data


def activate(kind: str, u: Tensor) -> Tensor:
    """The activation of the MLP."""
    if kind == "relu":
        return F.relu(u)
    if kind == "silu":
        return F.silu(u)
    return F.gelu(u, approximate="tanh" if kind == "gelu_tanh" else "none")


class MLP(nn.Module):
    """W_2 act(W_1 u + b_1) + b_2."""

    def __init__(self, config: Model) -> None:
        """Hidden width mlp_ratio times the width."""
        super().__init__()
        hidden = config.mlp_ratio * config.width
        self.activation = config.activation
        self.up, self.down = nn.Linear(config.width, hidden), nn.Linear(hidden, config.width)

    def forward(self, u: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """Token by token."""
        return self.down(activate(self.activation, self.up(u)))


class Block(nn.Module):
    """An attention and, if the model has them, an MLP."""

    def __init__(self, config: Model) -> None:
        """Each part has its own norm."""
        super().__init__()
        self.post, self.residual = config.norm_position == "post", config.residual
        self.norm1 = norm(config.block_norm, config.width, config.eps)
        self.attention = Attention(config)
        if config.mlp:
            self.norm2 = norm(config.block_norm, config.width, config.eps)
            self.mlp = MLP(config)

    def forward(self, h: Float[Tensor, "*b s d"], visible: Tensor) -> Float[Tensor, "*b t d"]:
        """The stream after the block, at the queries that the mask has rows for."""
        stride = -(-h.shape[-2] // visible.shape[0])
        change = self.attention(h if self.post else self.norm1(h), visible)
        h = self.after(h[..., ::stride, :], change, self.norm1)
        if hasattr(self, "mlp"):
            h = self.after(h, self.mlp(h if self.post else self.norm2(h)), self.norm2)
        return h

    def after(self, h: Tensor, change: Tensor, normalise: nn.Module) -> Tensor:
        """The residual sum, normalised if the model is post-norm."""
        h = h + change if self.residual else change
        return normalise(h) if self.post else h


class Transformer(nn.Module):
    """`model(xs, ys)` predicts every y_i from x_1, y_1, .., x_i; see the module's text."""

    def __init__(self, config: Model, seed: int = 0) -> None:
        """Initial values are a function of the seed, the same on every device."""
        super().__init__()
        self.config = config
        rows = config.context or (config.points if config.packed else 2 * config.points - 1)
        self.read_in = nn.Linear(2 if config.packed else 1, config.width)
        if config.positions == "learned":
            self.positions = nn.Embedding(rows, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.final_norm = norm(config.final_norm, config.width, config.eps)
        self.read_out = nn.Linear(config.width, 1)
        self.rows = rows
        self.initialise(seed)

    @torch.no_grad()
    def initialise(self, seed: int) -> None:
        """N(0, 1/fan-in), a tenth of it for what writes to the stream or the answer; biases 0.

        So the ceiling is what training made it: a read-out of full size starts at R = 8 and ends
        near 7, this one ends near 3, at half the error. GPT-2's own 0.02 is made for width 768.
        Weights that do not sum to 1 add up all tokens: those attentions start smaller by as much.
        """
        for index, (name, parameter) in enumerate(self.named_parameters()):
            if "norm" in name:
                continue
            if name.endswith("bias"):
                parameter.zero_()
            elif name.endswith("weight"):
                scale = parameter.shape[1] ** -0.5
                if name.endswith(("output.weight", "down.weight", "read_out.weight")):
                    scale /= 10
                if name.endswith("output.weight") and self.config.score in ("linear", "sigmoid"):
                    scale /= self.rows
                drawn = normals(parameter.numel(), seed, PARAMETERS + index, 0)
                parameter.copy_((scale * drawn).reshape(parameter.shape))

    def embed(self, tokens: Float[Tensor, "*b t"] | Float[Tensor, "*b t 2"]) -> Tensor:
        """Read-in plus positions."""
        numbers = tokens if self.config.packed else tokens.unsqueeze(-1)
        length = numbers.shape[-2]
        if length > self.rows:
            raise UserError(
                f"{length} tokens, but the model has {self.rows} positions; train with "
                "--model.context set to the longest prompt you want to try"
            )
        h = self.read_in(numbers)
        if self.config.positions == "learned":
            h = h + self.positions.weight[..., None, :length, :]
        return h

    def residual(self, tokens: Tensor, stride: int = 1) -> Float[Tensor, "*b t d"]:
        """The stream that enters the final norm, at every token or at every other.

        With stride 2 the last block computes nothing for the y tokens, which nobody reads: the
        same numbers at 15 % less work.
        """
        h = self.embed(tokens)
        visible = causal_mask(h.shape[-2], device=h.device)
        last = causal_mask(h.shape[-2], stride, h.device)
        for block in self.blocks[:-1]:
            h = block(h, visible)
        return self.blocks[-1](h, last) if len(self.blocks) else h[..., ::stride, :]

    def readout(self, residual: Float[Tensor, "*b d"]) -> Float[Tensor, "*b"]:
        """w . final_norm(h) + b."""
        return self.read_out(self.final_norm(residual)).squeeze(-1)

    def tokens(self, tokens: Float[Tensor, "*b t"]) -> Float[Tensor, "*b t"]:
        """Read-out at every token."""
        return self.readout(self.residual(tokens))

    def plain(self, xs: Float[Tensor, "*b n"], ys: Float[Tensor, "*b n"]) -> Float[Tensor, "*b n"]:
        """Predictions without the equivariant wrapper: what is trained."""
        if self.config.packed:
            before = torch.cat([torch.zeros_like(ys[..., :1]), ys[..., :-1]], dim=-1)
            return self.readout(self.residual(torch.stack([xs, before], dim=-1)))
        prompt = torch.stack([xs, ys], dim=-1).flatten(-2)[..., :-1]
        return self.readout(self.residual(prompt, stride=2))

    def forward(self, xs: Float[Tensor, "b n"], ys: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        """Predictions, through W1's wrapper if the model is an equivariant one."""
        return equivariant(self.plain)(xs, ys) if self.config.equivariant else self.plain(xs, ys)
