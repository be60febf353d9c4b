"""The loop that people in this field use: Hugging Face's GPT-2, torch's Adam, loss.item() a step.

Written after the published loops (Garg et al., arXiv 2208.01066, and those built on it): tokens
x_1, y_1, x_2, .. through GPT2Model between two linear maps, squared error at every x, no clipping.
The benchmark's other side; nothing else uses it.
"""

from collections.abc import Callable

import torch
from torch import nn

from sim.config import Model
from sim.errors import UserError


def backbone(config: Model) -> nn.Module:
    """GPT2Model of the same size, as transformers sets it up.

    Raises:
        UserError: transformers is not installed.
    """
    try:
        from transformers import GPT2Config, GPT2Model
    except ImportError as error:
        raise UserError(
            "the reference loop needs transformers (pip install transformers), or --no-reference"
        ) from error
    return GPT2Model(
        GPT2Config(
            n_positions=2 * config.points,
            n_embd=config.width,
            n_layer=config.layers,
            n_head=config.heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            use_cache=False,
        )
    )


def reference_model(config: Model) -> nn.ModuleDict:
    """The backbone between a read-in and a read-out."""
    return nn.ModuleDict(
        {
            "read_in": nn.Linear(1, config.width),
            "backbone": backbone(config),
            "read_out": nn.Linear(config.width, 1),
        }
    )


def reference_loop(config: Model, batch: int, device: torch.device) -> Callable[[int], float]:
    """One step of training on linear functions; returns the loss, as a number, as the loops do."""
    network = reference_model(config).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)

    def step(number: int) -> float:
        xs = torch.randn(batch, config.points).to(device)
        slope, offset = torch.randn(2, batch, 1).to(device)
        ys = slope * xs + offset
        optimizer.zero_grad()
        tokens = torch.stack([xs, ys], dim=-1).flatten(1).unsqueeze(-1)
        hidden = network["backbone"](inputs_embeds=network["read_in"](tokens)).last_hidden_state
        loss = (network["read_out"](hidden)[:, ::2, 0] - ys).square().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
