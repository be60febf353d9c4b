"""What a path was taken for, what can be said about it, and why not more."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from sim.config import Model
from sim.errors import CheckpointError
from theory import Theorem, TheoryError, Weights, theorems
from theory.heads import Head
from theory.read import weights_from_tensors
from verify.formats.tensors import Tensors, is_safetensors, open_safetensors
from verify.formats.torch_file import open_torch
from verify.subject import Subject

# ids of the theorems that speak about the final norm and the readout alone, whatever the tokens
READOUT_FAMILY = "L"


@dataclass(frozen=True, eq=False)
class Readout:
    """Outputs of a model behind its last norm; ``softmax`` when they are a softmax's logits."""

    name: str
    head: Head
    softmax: bool = False


@dataclass(frozen=True, eq=False)
class Recognised:
    """``subject`` when every claim can run on the model, else None and ``beyond`` says why.

    ``description`` is one sentence for the user; ``file`` the file the numbers come from.
    """

    format: str
    description: str
    file: Path
    readouts: tuple[Readout, ...]
    subject: Subject | None = None
    beyond: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def short_path(self) -> str:
        """Folder and file, e.g. toy-0123456789/step-800.safetensors: what tells runs apart."""
        return "/".join(self.file.absolute().parts[-2:])

    def verdicts(self) -> list[tuple[Theorem, str | None]]:
        """Each theorem with None where it applies, or with the reason why it does not."""
        return [(theorem, self.objection(theorem)) for theorem in theorems().values()]

    def objection(self, theorem: Theorem) -> str | None:
        """Why a theorem does not speak about this model, or None."""
        if self.subject is None and not theorem.id.startswith(READOUT_FAMILY):
            return self.beyond
        weights = self.subject.weights if self.subject else self.readouts[0].head.weights()
        try:
            return theorem.applies(weights)
        except TheoryError as error:
            return str(error)


@dataclass(frozen=True)
class Place:
    """A path given by the user, and what he said about it.

    ``mapping`` a JSON file that names the tensors; ``heads`` the number of attention heads where
    the checkpoint does not say it.
    """

    path: Path
    mapping: Path | None = None
    heads: int | None = None

    @property
    def folder(self) -> Path:
        """The folder that configurations are looked for in."""
        return self.path if self.path.is_dir() else self.path.parent

    def beside(self, *names: str) -> Path | None:
        """The first of these files in the folder."""
        return next((self.folder / n for n in names if (self.folder / n).is_file()), None)

    @cached_property
    def kind(self) -> str:
        """ "folder", "safetensors", "torch" (a zip), "pickle" (torch before 1.6) or "other"."""
        if self.path.is_dir():
            return "folder"
        if not self.path.is_file():
            raise CheckpointError(f"{self.path}: no such file or folder")
        with self.path.open("rb") as file:
            start = file.read(9)
        if start.startswith(b"PK\3\4"):
            return "torch"
        if is_safetensors(start, self.path.stat().st_size):
            return "safetensors"
        return "pickle" if start[:1] == b"\x80" else "other"


def weights_of(path: Path, tensors: Mapping[str, np.ndarray], model: Model) -> Weights:
    """Weights in the layout of sim.model.

    Raises:
        CheckpointError, TheoryError: a tensor is missing, misshapen or not finite.
    """
    try:
        # what overflows or is no number is refused by Weights in words
        with np.errstate(all="ignore"):
            return weights_from_tensors(tensors, dataclasses.asdict(model))
    except TheoryError:
        raise
    except (ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: the tensors do not fit the model ({error})") from error


def open_tensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    """Tensors and metadata of a file of either kind.

    Raises:
        CheckpointError: it is of neither kind, or damaged.
    """
    kind = Place(path).kind
    if kind == "safetensors":
        return open_safetensors(path)
    if kind == "torch":
        return open_torch(path), {}
    if kind == "pickle":
        raise CheckpointError(
            f"{path}: a bare pickle, as torch wrote before 1.6: loading it could run code in it. "
            "Where you trust it: torch.save(torch.load(..), ..) with a newer torch"
        )
    raise CheckpointError(f"{path}: neither a safetensors file nor an archive of torch.save")
