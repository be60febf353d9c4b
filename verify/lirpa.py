"""auto_LiRPA 0.3 on a model of this project: runs by itself, in an environment that has it.

    python -P verify/lirpa.py FILE.npz IBP|CROWN RADIUS    prints {"low": .., "high": .., ..}

It asks for torch < 1.13; with a later one it needs the names below back (its source is untouched).
Softmax is exp/Σexp shifted by the scores at the centre (its own goes through a maximum it cannot
bound), and 1/sqrt(s) is exp(-ln(s)/2): 0.3 bounds a square root by a line of slope -x^(-3/2)/2.
"""

import importlib
import json
import math
import sys
import time
import warnings

import numpy as np
import torch
from torch import nn


def load_lirpa():
    """The package, with what newer versions of torch have moved."""
    utils = importlib.import_module("torch.onnx._internal.torchscript_exporter.utils")
    state = importlib.import_module("torch.onnx._internal.torchscript_exporter._globals").GLOBALS
    helper = importlib.import_module("torch.onnx.symbolic_helper")

    def set_opset(version):
        state.export_onnx_opset_version = version

    # beyond what pyright can follow: names that are no longer there
    vars(helper)["_set_opset_version"] = set_opset
    vars(importlib.import_module("torch.onnx.utils"))["_optimize_graph"] = utils._optimize_graph
    node = importlib.import_module("torch._C").Node
    node.__getitem__ = lambda self, name: getattr(self, self.kindOf(name))(name)
    package = importlib.import_module("auto_LiRPA")
    members = package.BoundedModule._named_members

    def named_members(self, get, prefix="", recurse=True, **unused):
        return members(self, get, prefix=prefix, recurse=recurse)

    package.BoundedModule._named_members = named_members
    return package


class Network(nn.Module):
    """Read-out at the last of the tokens (1, T), in operations that auto_LiRPA bounds."""

    def __init__(self, arrays: dict, plan: dict, soft: bool) -> None:
        """``plan`` says kinds of blocks and norms; ``soft`` keeps softmax as one operation."""
        super().__init__()
        self.plan, self.soft, self.shift = plan, soft, {}
        for name, array in arrays.items():
            tensor = torch.tensor(array, dtype=torch.float64)
            self.register_parameter(name, nn.Parameter(tensor, requires_grad=False))

    def norm(self, h, name: str, kind: str):
        """LayerNorm or RMSNorm."""
        h = h - h.mean(-1, keepdim=True) if kind == "layernorm" else h
        square = (h * h).mean(-1, keepdim=True) + self.plan["eps"]
        scaled = h * torch.exp(-0.5 * torch.log(square))
        return scaled * getattr(self, f"{name}_gamma") + getattr(self, f"{name}_beta")

    def softmax(self, scores, name: str):
        """Softmax of scores near those of the first call."""
        if self.soft:
            return torch.softmax(scores, -1)
        if name not in self.shift:
            top = scores.detach().clone().amax(-1, keepdim=True)
            self.shift[name] = top.expand(scores.shape)[0].contiguous()
        raw = torch.exp(scores - self.shift[name])
        return raw * torch.reciprocal(raw.sum(-1, keepdim=True))

    def attend(self, u, i: int):
        """An attention's output."""
        total, mask = getattr(self, f"output_bias{i}"), self.get_parameter("mask")
        for k in range(getattr(self, f"query{i}").shape[0]):
            q, key, v = (
                u.matmul(getattr(self, f"{n}{i}")[k].t()) + getattr(self, f"{n}_bias{i}")[k]
                for n in ("query", "key", "value")
            )
            scores = q.matmul(key.transpose(-1, -2)) * self.plan["scale"] + mask
            mixed = self.softmax(scores, f"{i}.{k}").matmul(v)
            total = mixed.matmul(getattr(self, f"output{i}")[k].t()) + total
        return total

    def transform(self, u, i: int):
        """An MLP's output, GELU in its tanh form."""
        m = u.matmul(getattr(self, f"up{i}").t()) + getattr(self, f"up_bias{i}")
        act = m * torch.sigmoid(math.sqrt(8 / math.pi) * (m + 0.044715 * m * m * m))
        return act.matmul(getattr(self, f"down{i}").t()) + getattr(self, f"down_bias{i}")

    def forward(self, tokens):
        """y at the last token."""
        h = tokens.unsqueeze(-1).matmul(self.get_parameter("read_in")[None]) + self.get_parameter(
            "offset"
        )
        for i, (kind, norm) in enumerate(zip(self.plan["kinds"], self.plan["norms"], strict=True)):
            u = self.norm(h, f"norm{i}", norm)
            h = h + (self.attend(u, i) if kind == "attention" else self.transform(u, i))
        z = self.norm(h, "final", self.plan["final"])
        row, bias = self.get_parameter("read_out"), self.get_parameter("read_out_bias")
        return z.matmul(row.unsqueeze(-1))[:, -1] + bias


def main(path: str, method: str, radius: float) -> None:
    """One bound."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    lirpa = load_lirpa()
    torch.set_default_dtype(torch.float64)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    plan, centre = json.loads(str(arrays.pop("plan"))), torch.tensor(arrays.pop("prompt"))[None]
    network = Network(arrays, plan, soft=method == "IBP").eval()
    start = time.perf_counter()
    options = {"conv_mode": "matrix", "softmax": "simple"}
    bounded = lirpa.BoundedModule(network, centre, bound_opts=options)
    box = lirpa.PerturbationLpNorm(
        norm=math.inf, eps=radius, x_L=centre - radius, x_U=centre + radius
    )
    with torch.no_grad():
        bounded(centre)
        low, high = bounded.compute_bounds(x=(lirpa.BoundedTensor(centre, box),), method=method)
    seconds = time.perf_counter() - start
    print(json.dumps({"low": float(low), "high": float(high), "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
