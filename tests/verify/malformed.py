"""Checkpoints that are wrong in every way we could think of: valid ones, and what breaks them.

A checkpoint here is a dictionary {file name: bytes} and the name that is given to ``recognise``
("" for the folder). Every mutation is a function (random generator, files) -> files.
"""

import io
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path

import torch
import yaml
from foreign import own_model, save_mapped, save_own
from safetensors.torch import save

Files = dict[str, bytes]

HOSTILE_NUMBERS = (0, -1, 1, 2**31, 2**63, 10**18, 10**400, -(10**9), 0.5, 1e308, float("inf"))
HOSTILE = (
    *HOSTILE_NUMBERS,
    float("nan"),
    None,
    True,
    "",
    "x" * 5000,
    "../../etc/passwd",
    "\n\0",
    [],
    {},
)


def torch_bytes(value: object) -> bytes:
    """What torch.save writes."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def draw(*shape: int) -> torch.Tensor:
    """Normal numbers."""
    return torch.randn(shape)


def garg_state(d: int = 8, layers: int = 2) -> dict[str, torch.Tensor]:
    """The parameters of a Garg-style run, by name and shape."""
    state = {"_read_in.weight": draw(d, 1), "_read_in.bias": draw(d)}
    state |= {"_backbone.wte.weight": draw(5, d), "_backbone.wpe.weight": draw(12, d)}
    shapes = {"attn.c_attn": (d, 3 * d), "attn.c_proj": (d, d)}
    shapes |= {"mlp.c_fc": (d, 4 * d), "mlp.c_proj": (4 * d, d)}
    for k in range(layers):
        for part, shape in shapes.items():
            state[f"_backbone.h.{k}.{part}.weight"] = draw(*shape)
            state[f"_backbone.h.{k}.{part}.bias"] = draw(shape[1])
        for part in ("ln_1", "ln_2"):
            state |= {f"_backbone.h.{k}.{part}.{p}": draw(d) for p in ("weight", "bias")}
    state |= {f"_backbone.ln_f.{p}": draw(d) for p in ("weight", "bias")}
    return state | {"_read_out.weight": draw(1, d), "_read_out.bias": draw(1)}


def garg_files() -> Files:
    """A run's folder."""
    model = {"family": "gpt2", "n_dims": 1, "n_embd": 8, "n_layer": 2, "n_head": 2}
    config = {"model": model, "training": {"task": "affine_regression"}, "out_dir": "/x"}
    state = {"model_state_dict": garg_state(), "train_step": 5, "optimizer_state_dict": {"lr": 0.1}}
    return {"config.yaml": yaml.safe_dump(config).encode(), "state.pt": torch_bytes(state)}


def gpt2_files(binary: bool) -> Files:
    """A Hugging Face folder with a tied head."""
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 9}
    config |= {"layer_norm_epsilon": 1e-5, "n_embd": 8}
    tensors = {"transformer.wte.weight": draw(9, 8), "transformer.h.0.ln_1.weight": draw(8)}
    tensors |= {f"transformer.ln_f.{p}": draw(8) for p in ("weight", "bias")}
    name, data = (
        ("pytorch_model.bin", torch_bytes(tensors))
        if binary
        else ("model.safetensors", save(tensors))
    )
    return {"config.json": json.dumps(config).encode(), name: data}


def bert_files() -> Files:
    """An encoder with a masked-language head."""
    config = {"model_type": "bert", "num_hidden_layers": 1, "vocab_size": 9, "hidden_size": 8}
    tensors = {"bert.embeddings.word_embeddings.weight": draw(9, 8)}
    for name in ("bert.encoder.layer.0.output", "cls.predictions.transform"):
        tensors |= {f"{name}.LayerNorm.{p}": draw(8) for p in ("weight", "bias")}
    tensors["cls.predictions.bias"] = draw(9)
    return {"config.json": json.dumps(config).encode(), "model.safetensors": save(tensors)}


def corpus(folder: Path) -> dict[str, tuple[Files, str]]:
    """Valid checkpoints of every format, small."""
    torch.manual_seed(0)
    model = own_model(width=8, layers=1, points=4)
    own = save_own(folder / "step-1.safetensors", model).read_bytes()
    sigmoid = own_model(
        width=8, layers=1, points=4, score="ssa", block_norm="dyt", positions="none"
    )
    other = save_own(folder / "step-2.safetensors", sigmoid).read_bytes()
    mapped = save_mapped(folder / "mapped", model)
    readout = {"norm": "rmsnorm", "gamma": "g", "rows": "w", "bias": "b", "softmax": True}
    tensors = {"g": draw(8), "w": draw(9, 8), "b": draw(9)}
    return {
        "own": ({"step-1.safetensors": own}, "step-1.safetensors"),
        "run": ({"step-1.safetensors": own, "step-2.safetensors": other}, ""),
        "garg": (garg_files(), ""),
        "bare": ({"state.pt": torch_bytes(garg_state())}, "state.pt"),
        "gpt2": (gpt2_files(False), ""),
        "gpt2 binary": (gpt2_files(True), ""),
        "bert": (bert_files(), ""),
        "mapped": ({p.name: p.read_bytes() for p in mapped.parent.iterdir()}, mapped.name),
        "readout": (
            {"a.safetensors": save(tensors), "a.json": json.dumps({"readout": readout}).encode()},
            "a.safetensors",
        ),
    }


def changed(r: random.Random, files: Files, edit: Callable[[bytes], bytes]) -> Files:
    """One file of the checkpoint edited."""
    name = r.choice(list(files))
    return files | {name: edit(files[name])}


def flip_bits(r: random.Random, files: Files) -> Files:
    """Up to 64 bits, anywhere or where the headers are."""

    def edit(data: bytes) -> bytes:
        array = bytearray(data)
        reach = r.choice((len(array), min(400, len(array)), 12))
        for _ in range(r.choice((1, 1, 2, 8, 64)) if array else 0):
            at = r.randrange(min(reach, len(array)))
            array[at if r.random() < 0.7 else -1 - at] ^= 1 << r.randrange(8)
        return bytes(array)

    return changed(r, files, edit)


def cut(r: random.Random, files: Files) -> Files:
    """Truncated, or with a piece missing, doubled, zeroed or random."""

    def edit(data: bytes) -> bytes:
        a, b = sorted(r.randrange(len(data) + 1) for _ in range(2))
        return r.choice(
            (
                data[:a],
                data[b:],
                data[:a] + data[b:],
                data[:b] + data[a:],
                data[:a] + bytes(b - a) + data[b:],
                data[:a] + r.randbytes(b - a) + data[b:],
                data + r.randbytes(r.randrange(1, 2000)),
                b"",
                r.randbytes(r.randrange(200)),
            )
        )

    return changed(r, files, edit)


def replace_leaf(r: random.Random, value: object, hostile: tuple = HOSTILE) -> object:
    """A nested JSON value with one random entry replaced, dropped, or another added."""
    if isinstance(value, dict) and value and r.random() < 0.85:
        key = r.choice(list(value))
        if r.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if r.random() < 0.1:
            return value | {r.choice(("__class__", "x", "\n", key + "s")): r.choice(hostile)}
        return value | {key: replace_leaf(r, value[key], hostile)}
    if isinstance(value, list) and value and r.random() < 0.7:
        at = r.randrange(len(value))
        return [*value[:at], replace_leaf(r, value[at], hostile), *value[at + 1 :]]
    return r.choice(hostile)


def nested(r: random.Random) -> str:
    """JSON (and YAML) deeper than any parser likes, or text that expands."""
    depth = r.choice((50, 2000, 200_000))
    laughs = "a0: &a0 [x, x]\n" + "".join(
        f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12)
    )
    return r.choice(("[" * depth, "[" * depth + "]" * depth, '{"a":' * depth, "{" * depth, laughs))


def edit_settings(r: random.Random, files: Files) -> Files:
    """config.json, config.yaml or the mapping, edited as data or as text."""
    names = [name for name in files if name.endswith((".json", ".yaml"))]
    if not names:
        return edit_header(r, files)
    name = r.choice(names)
    source = files[name].decode(errors="replace")
    try:
        value = yaml.safe_load(source)
    except Exception:
        return cut(r, files)
    kind = r.random()
    if kind < 0.1:
        text = nested(r)
    elif kind < 0.2:
        text = r.choice(
            (
                "!!python/object/apply:os.system ['touch canary']",
                "model: !!python/object/apply:builtins.open [canary, w]",
                "model: &a [*a]",
                "\t\0",
                "model: {n_embd: 8, n_head: &x !!binary aGk=, family: *x}",
            )
        )
    else:
        text = json.dumps(replace_leaf(r, value))
    return files | {name: text.encode()}


def split_header(data: bytes) -> tuple[dict, bytes]:
    """Header and body of a safetensors file."""
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def edit_header(r: random.Random, files: Files) -> Files:
    """A safetensors header with another length, or other names, types, shapes, settings."""
    names = [name for name in files if name.endswith(".safetensors")]
    if not names:
        return flip_bits(r, files)
    name = r.choice(names)
    data = files[name]
    if r.random() < 0.2:
        length = r.choice((0, 1, 7, len(data), len(data) * 2, 2**23 + 1, 2**31, 2**62, 2**64 - 1))
        return files | {name: struct.pack("<Q", length) + data[8:]}
    try:
        header, body = split_header(data)
    except Exception:
        return cut(r, files)
    metadata = header.get("__metadata__", {})
    if "icl_limits" in metadata and r.random() < 0.6:
        if r.random() < 0.15:
            metadata["icl_limits"] = nested(r)
        else:
            edited = replace_leaf(r, json.loads(metadata["icl_limits"]))
            metadata["icl_limits"] = json.dumps(edited)
    elif r.random() < 0.1:
        return files | {
            name: struct.pack("<Q", 200_000) + nested(r).encode()[:200_000].ljust(200_000)
        }
    else:
        header = replace_leaf(
            r, header, (*HOSTILE, "I8", "F64", "F16", [2**40, 2**40], [0], [8, 1])
        )
    text = json.dumps(header).encode()
    return files | {name: struct.pack("<Q", len(text)) + text + body}


def tensors_of(name: str, data: bytes) -> tuple[dict[str, torch.Tensor], Callable[[dict], bytes]]:
    """The tensors of a valid file, and how to write them back."""
    if name.endswith(".safetensors"):
        from safetensors.torch import load

        metadata = split_header(data)[0].get("__metadata__")
        return load(data), lambda tensors: save(tensors, metadata)
    value = torch.load(io.BytesIO(data), weights_only=True)
    if "model_state_dict" in value:
        rest = {k: v for k, v in value.items() if k != "model_state_dict"}
        return value["model_state_dict"], lambda t: torch_bytes({"model_state_dict": t} | rest)
    return value, torch_bytes


def edit_tensors(r: random.Random, files: Files) -> Files:
    """NaN, infinities, extremes; wrong shapes and types; tensors missing, renamed or added."""
    name = r.choice([n for n in files if not n.endswith((".json", ".yaml"))])
    try:
        tensors, write = tensors_of(name, files[name])
    except Exception:
        return cut(r, files)
    key = r.choice(list(tensors))
    value = tensors[key].clone()
    extreme = r.choice((float("nan"), float("inf"), -float("inf"), 3e38, 1e20, 1e-45, 0.0))
    if value.numel() and value.is_floating_point():
        value.view(-1)[r.randrange(value.numel()) if r.random() < 0.5 else slice(None)] = extreme
    choices = (
        lambda: tensors | {key: value},
        lambda: tensors | {key: value},
        lambda: {k: torch.full_like(v, extreme) for k, v in tensors.items()},
        lambda: {k: v for k, v in tensors.items() if k != key},
        lambda: tensors | {key: tensors[key].T.contiguous() if tensors[key].ndim == 2 else draw(3)},
        lambda: tensors | {key: tensors[key][..., None].contiguous()},
        lambda: tensors | {key: tensors[key].reshape(-1)[:-1].clone()},
        lambda: tensors | {key: torch.zeros(r.choice(((), (0,), (1,), (8, 0), (1, 1, 1, 1))))},
        lambda: tensors | {key: tensors[key].to(r.choice((torch.int8, torch.float64, torch.bool)))},
        lambda: tensors | {key: (tensors[key].double() * 1e200)},
        lambda: tensors | {r.choice(("x", key + ".y", "_backbone.h.9999.ln_1.bias")): draw(2)},
    )
    try:
        return files | {name: write(r.choice(choices)())}
    except Exception:
        return cut(r, files)
