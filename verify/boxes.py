"""Certificates on boxes of prompts beside interval bound propagation and auto_LiRPA (CROWN).

    python -m verify.boxes [--lirpa PYTHON] [--patience SECONDS] [--out FILE]

PYTHON is the interpreter of another environment in which auto_LiRPA is installed (verify/lirpa.py
says how it is called); without it its columns stay empty. ``attained`` is what prompts of the box
reach, by corners and by ascent in float64: no bound can be narrower.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from theory.boxes import enclose_box, propagate_intervals
from theory.interval import Interval
from theory.weights import Attention, Weights
from verify.measured import FOLDER
from verify.rows import ROOT, commit, jsonable, write_text
from verify.subject import Subject, load_subject

MODELS = ("attention-only-1-0", "no-mlp-0", "rmsnorm-0", "small-0")
RADII = (1e-6, 1e-4, 1e-2, 1e-1, 1.0)
SEED, CORNERS, STEPS = 0, 512, 30


def prompt(points: int) -> np.ndarray:
    """Tokens x_1, y_1, .., x_n of a quadratic on [-1, 1], as in training."""
    x = np.random.default_rng(SEED).uniform(-1, 1, points)
    return np.stack([x, 1.3 * x - 0.4 * x**2], 1).ravel()[:-1]


def attained(model: Subject, low: np.ndarray, high: np.ndarray) -> Interval:
    """Predictions inside the box: random corners, then signed gradient ascent from the best."""
    network, generator = model.reference(), torch.Generator().manual_seed(SEED)
    ends = torch.tensor(np.stack([low, high]))
    share = torch.randint(0, 2, (CORNERS, len(low)), generator=generator).double()
    corners = ends[0] + share * (ends[1] - ends[0])
    found = []
    for sign in (-1.0, 1.0):
        best = sign * network.tokens(corners)[:, -1].detach()
        z = corners[best.argsort(descending=True)[:16]].clone()
        values = [best]
        for step in range(STEPS):
            z.requires_grad_(True)
            y = sign * network.tokens(z)[:, -1]
            values.append(y.detach())
            (slope,) = torch.autograd.grad(y.sum(), z)
            move = slope.sign() * (ends[1] - ends[0]) * 0.5 ** (1 + step / 5)
            z = torch.minimum(torch.maximum(z.detach() + move, ends[0]), ends[1])
        found.append(sign * float(torch.cat(values).max()))
    return Interval(*found)


def export(weights: Weights, tokens: np.ndarray, path: Path) -> None:
    """What verify/lirpa.py reads."""
    arrays: dict = {"read_in": weights.read_in, "read_out": weights.read_out, "prompt": tokens}
    arrays["offset"] = weights.read_in_bias + weights.positions[: len(tokens)]
    arrays["mask"] = np.where(np.tri(len(tokens)) > 0, 0.0, -1e4)
    arrays["read_out_bias"] = np.array(weights.read_out_bias)
    for name, norm in [
        ("final", weights.final_norm),
        *((f"norm{i}", b.norm) for i, b in enumerate(weights.blocks)),
    ]:
        arrays |= {f"{name}_gamma": norm.gamma, f"{name}_beta": norm.beta}
    for i, block in enumerate(weights.blocks):
        arrays |= {f"{k}{i}": v for k, v in vars(block).items() if isinstance(v, np.ndarray)}
    heads = [b.query.shape[1] for b in weights.attentions]
    plan = {
        "kinds": ["attention" if isinstance(b, Attention) else "mlp" for b in weights.blocks],
        "norms": [b.norm.kind for b in weights.blocks],
        "final": weights.final_norm.kind,
        "eps": weights.final_norm.eps,
        "scale": float(heads[0]) ** -0.5,
    }
    np.savez(path, plan=np.array(json.dumps(plan)), **arrays)


def ask_lirpa(python: str, weights: Weights, tokens: np.ndarray, radius: float, method: str,
              patience: float) -> dict:  # fmt: skip
    """Its bound, or why there is none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        export(weights, tokens, path)
        command = [python, "-P", str(ROOT / "verify" / "lirpa.py"), str(path), method, str(radius)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=patience)
        except subprocess.TimeoutExpired:
            return {"why": f"no answer within {patience:g} s"}
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return {"why": said[-1][:300]}
    told = json.loads(done.stdout.strip().splitlines()[-1])
    if np.isnan(told["low"]) or np.isnan(told["high"]):
        return {"why": "its bound is not a number", "seconds": told["seconds"]}
    return told


def timed(bound, *arguments) -> tuple[Interval, float]:
    """A bound and the seconds it took."""
    start = time.perf_counter()
    return bound(*arguments), time.perf_counter() - start


def measure(model: Subject, tokens: np.ndarray, radius: float, options) -> list[dict]:
    """One box: ours, plain interval propagation, both of auto_LiRPA's, and what is reached."""
    if np.isinf(radius):
        low, high = (np.append(np.full(len(tokens) - 1, end), 1e3) for end in (-1e6, 1e6))
        what = "any context in [-1e6, 1e6], query 1e3"
    else:
        low, high, what = tokens - radius, tokens + radius, f"radius {radius:g}"
    reached = attained(model, low, high)
    base = {"model": model.name, "model_hash": model.hash, "what": what, "seed": SEED,
            "points": (len(tokens) + 1) // 2, "device": options.device}  # fmt: skip
    base |= {"radius": radius} if np.isfinite(radius) else {}
    found = []
    for variant, bound in (("ours", enclose_box), ("intervals", propagate_intervals)):
        interval, seconds = timed(bound, model.weights, low, high)
        found.append({"variant": variant, "low": interval.low, "high": interval.high,
                      "seconds": round(seconds, 3)})  # fmt: skip
    if options.lirpa and np.isfinite(radius):
        for method in ("IBP", "CROWN"):
            key = (model.name, len(tokens), method)
            told = {"why": "not asked: it had no bound on a smaller box"}
            if key not in options.lost:
                told = ask_lirpa(
                    options.lirpa, model.weights, tokens, radius, method, options.patience
                )
            if "why" in told:
                options.lost.add(key)
            found.append({"variant": f"auto_LiRPA {method}"} | told)
    for point in found:
        point["attained"] = reached.width
        if "low" in point:
            point["bound"] = point["high"] - point["low"]
            point["holds"] = bool(point["low"] <= reached.low and reached.high <= point["high"])
    return [base | point for point in found]


def show(point: dict) -> str:
    """A line of the table."""
    told = f"{point['bound']:10.3e} {point['seconds']:8.2f} s" if "bound" in point else point["why"]
    flag = "" if point.get("holds", True) else "  MISSES A PROMPT OF THE BOX"
    where = f"{point['model']:20}{point['points']:3} {point['what']:38}"
    return f"{where}{point['variant']:17}{told}  attained {point['attained']:.3e}{flag}"


def record(points: list[dict], arguments: list[str], lirpa: bool) -> str:
    """The file: points with their provenance, in the form of verify.measured."""
    packages = {name: version(name) for name in ("numpy", "python-flint", "torch")}
    found = {
        "id": "C-boxes",
        "curve": "boxes",
        "command": " ".join(["OMP_NUM_THREADS=1 python -m verify.boxes", *arguments]),
        "commit": commit(),
        "unit": "width of the prediction",
        "versions": packages | {"auto_LiRPA": "0.3" if lirpa else "not installed"},
        "points": points,
    }
    return json.dumps(jsonable(found), indent=1) + "\n"


def main(arguments: list[str]) -> int:
    """Print the table, write the file."""
    parser = argparse.ArgumentParser(prog="python -m verify.boxes")
    parser.add_argument("--lirpa", default="", help="an interpreter that has auto_LiRPA")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds a call of it")
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--points", nargs="*", type=int, default=(4, 21))
    radii = (*RADII, np.inf)
    parser.add_argument("--radii", nargs="*", type=float, default=radii, help="inf: any context")
    parser.add_argument("--out", type=Path, default=FOLDER / "boxes.json")
    options = parser.parse_args(arguments)
    options.lost = set()  # (model, tokens, method) that had no bound at some radius
    options.device = f"{platform.machine()}, one core, torch {torch.__version__}"
    torch.set_num_threads(1)
    points = []
    for name in options.models:
        model = load_subject(ROOT / "verify" / "zoo" / f"{name}.safetensors")
        for count in options.points:
            for radius in options.radii:
                for point in measure(model, prompt(count), radius, options):
                    points.append(point)
                    print(show(point), flush=True)
                # each time: a long run that is stopped leaves what it has
                write_text(options.out, record(points, arguments, bool(options.lirpa)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
