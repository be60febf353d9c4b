"""Other people's checkpoints, made on the spot: tiny, random, every parameter nonzero."""

import dataclasses
import json
from pathlib import Path

import torch
import yaml
from safetensors.torch import save_file
from torch import nn

from sim.checkpoint import Checkpoint, environment, save_checkpoint
from sim.config import Model, Train
from sim.model import Transformer

SMALL = Model(width=16, layers=2, heads=2, points=5)


def shaken(module: nn.Module, seed: int = 0, scale: float = 0.5) -> nn.Module:
    """Normal noise on every parameter: gammas of both signs, no bias 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=generator)
    return module.eval()


def own_model(seed: int = 0, **options) -> Transformer:
    """A network of this project."""
    model = Transformer(dataclasses.replace(SMALL, **options), seed)
    shaken(model, seed)
    return model


def save_own(path: Path, model: Transformer, seed: int = 0) -> Path:
    """Its checkpoint, as sim.train writes it."""
    tensors = {f"model.{name}": p for name, p in model.state_dict().items()}
    config = Train(name="tiny", model=model.config, seed=seed)
    save_checkpoint(path, Checkpoint(config, 7, tensors, environment()))
    return path


class Garg(nn.Module):
    """The published model: two linear maps around Hugging Face's GPT-2."""

    def __init__(self, dims: int = 1, points: int = 8, width: int = 16, layers: int = 2) -> None:
        from transformers import GPT2Config, GPT2Model

        super().__init__()
        config = GPT2Config(
            vocab_size=11,
            n_positions=2 * points,
            n_embd=width,
            n_layer=layers,
            n_head=2,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            use_cache=False,
            bos_token_id=0,
            eos_token_id=0,
        )
        self._read_in = nn.Linear(dims, width)
        self._backbone = GPT2Model(config)
        self._read_out = nn.Linear(width, 1)

    def forward(self, tokens):
        hidden = self._backbone(inputs_embeds=self._read_in(tokens[..., None])).last_hidden_state
        return self._read_out(hidden)[..., 0]


def save_garg(folder: Path, model: nn.Module, layers: int = 2, **section) -> Path:
    """config.yaml and state.pt with an optimiser's state in it."""
    folder.mkdir(parents=True, exist_ok=True)
    adam = torch.optim.Adam(model.parameters())
    sum(p.square().sum() for p in model.parameters()).backward()  # type: ignore[union-attr]
    adam.step()
    settings = {"family": "gpt2", "n_dims": 1, "n_embd": 16, "n_head": 2, "n_layer": layers}
    (folder / "config.yaml").write_text(yaml.safe_dump({"model": settings | section}))
    state = {
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": adam.state_dict(),
        "train_step": 5000,
    }
    torch.save(state, folder / "state.pt")
    return folder


def save_mapped(folder: Path, model: Transformer) -> Path:
    """The tensors of a network of ours under other names, and a mapping."""
    folder.mkdir(parents=True, exist_ok=True)
    state = model.state_dict()
    d = model.config.width
    tensors = {name.replace("blocks.", "h."): value for name, value in state.items()}
    for layer in range(model.config.layers):
        at = f"h.{layer}.attention"
        parts = [tensors.pop(f"{at}.{p}.weight") for p in ("query", "key", "value")]
        tensors[f"{at}.qkv"] = torch.cat(parts).T.contiguous()
    names: dict[str, object] = {n: n for n in state if not n.startswith("blocks.")}
    names |= {
        name.replace("blocks.0.", "blocks.{i}."): name.replace("blocks.0.", "h.{i}.")
        for name in state
        if name.startswith("blocks.0.")
    }
    for k, part in enumerate(("query", "key", "value")):
        names[f"blocks.{{i}}.attention.{part}.weight"] = {
            "name": "h.{i}.attention.qkv",
            "transpose": True,
            "rows": [k * d, (k + 1) * d],
        }
    save_file(tensors, folder / "model.safetensors")
    architecture = dataclasses.asdict(model.config)
    mapping = {"architecture": architecture, "tensors": names}
    (folder / "model.json").write_text(json.dumps(mapping))
    return folder / "model.safetensors"


TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": 23,
    "max_position_embeddings": 40,
    "embedding_size": 16,
    "image_size": 8,
    "patch_size": 4,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "dim": 16,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 24,
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 40,
}


def hugging_face(kind: str, name: str, seed: int = 0, **options):
    """A tiny random transformers model of a class, e.g. ("bert", "BertModel")."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(seed)
    config = transformers.AutoConfig.for_model(kind, **(TINY | options))
    return shaken(getattr(transformers, name)(config), seed, 0.3)


def save_hugging_face(folder: Path, model, binary: bool = False) -> Path:
    """config.json and model.safetensors, or pytorch_model.bin as older versions wrote it."""
    model.save_pretrained(folder)
    if binary:
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return folder
