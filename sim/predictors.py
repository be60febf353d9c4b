"""Predictors by name or by file: baselines, trained models, either of them made equivariant."""

from functools import partial
from pathlib import Path

from sim.baselines import Predictor, interpolation, least_squares, nearest, ridge, zero
from sim.bayes import bayes
from sim.equivariant import equivariant
from sim.errors import CheckpointError, UserError

NAMES = ("zero", "least-squares", "ridge", "interpolation", "bayes", "1-nn", "3-nn")
WRAPPED = "equivariant:"


def baseline(
    name: str, degree: int, *, law: str = "normal", scale: float = 1.0, penalty: float = 1.0
) -> Predictor:
    """The baseline of this name; "equivariant:NAME" is the same inside the W1 wrapper.

    Least squares, ridge, interpolation and Bayes are told the degree; Bayes also the law and the
    scale of the coefficients, ridge the penalty.

    Raises:
        UserError: no baseline of this name, or no Bayes predictor for this law.
    """
    if name.startswith(WRAPPED):
        inner = name.removeprefix(WRAPPED)
        return equivariant(baseline(inner, degree, law=law, scale=scale, penalty=penalty))
    if name == "bayes" and law != "normal":
        raise UserError(
            f"the Bayes predictor is there for normal coefficients only, not {law} ones; "
            "pass --coefficients normal, or use interpolation"
        )
    known: dict[str, Predictor] = {
        "zero": zero,
        "least-squares": partial(least_squares, degree=degree),
        "ridge": partial(ridge, degree=degree, penalty=penalty),
        "interpolation": partial(interpolation, degree=degree),
        "bayes": partial(bayes, degrees=(degree,), scale=scale, law=law),
        "1-nn": partial(nearest, neighbours=1),
        "3-nn": partial(nearest, neighbours=3),
    }
    if name not in known:
        raise UserError(f"no predictor {name!r}; known: {', '.join(NAMES)}, {WRAPPED}NAME")
    return known[name]


def newest_checkpoint(path: Path) -> Path:
    """The file itself, or the checkpoint with the largest step in a run's folder.

    Raises:
        CheckpointError: there is no such file, or no checkpoint in the folder.
    """
    if path.is_file():
        return path
    if not path.exists():
        raise CheckpointError(f"{path}: no such file or folder")
    steps = {int(p.stem.split("-")[1]): p for p in path.glob("step-*.safetensors")}
    if not steps:
        raise CheckpointError(f"{path}: no step-N.safetensors in this folder; is it a run?")
    return steps[max(steps)]
