"""Tensors of a file by name, read one at a time, and nothing allocated that the file cannot hold.

Floating-point tensors leave as float32, which is how PyTorch would run them after loading them
into a model of its default type; other types are refused.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from sim.errors import CheckpointError

# No checkpoint has a header near this; parsing one costs some twenty times its size in memory.
LARGEST_HEADER = 2**23
LARGEST_TEXT = 2**20
# a sparse file costs nothing to make and as long to read as a full one
LARGEST_FILE = 2**35
# 2 GiB in float32: the readouts of today's language models, and any model of numbers
MOST_NUMBERS = 2**29
FLOATS = ("F64", "F32", "F16", "BF16")

Shape = tuple[int, ...]


def quoted(text: object) -> str:
    """Somebody else's value in one short line of ours; of what may nest, only its type."""
    plain = isinstance(text, str | int | float | tuple | None)
    shown = repr(text) if plain else f"<{type(text).__name__}>"
    return shown if len(shown) <= 80 else shown[:76] + "..'"


class Tensors(Mapping[str, np.ndarray]):
    """float32 arrays by name; ``shapes`` is known before anything is read."""

    def __init__(
        self, path: Path, shapes: Mapping[str, Shape], read: Callable[[str], np.ndarray]
    ) -> None:
        """``read(name)`` gives a tensor's numbers in a floating-point type."""
        self.path, self.shapes, self.read, self.taken = path, dict(shapes), read, 0

    def __iter__(self) -> Iterator[str]:
        """Names, in the file's order."""
        return iter(self.shapes)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.shapes)

    def __contains__(self, name: object) -> bool:
        """By name, without reading it."""
        return name in self.shapes

    def __getitem__(self, name: str) -> np.ndarray:
        """The numbers, all finite.

        Raises:
            CheckpointError: one is not, or more than MOST_NUMBERS were read by now.
        """
        self.taken += math.prod(self.shapes[name])
        if self.taken > MOST_NUMBERS:
            raise CheckpointError(
                f"{self.path}: more than {MOST_NUMBERS:,} numbers: too large here"
            )
        # float64 beyond the largest float32 becomes infinite, a signalling NaN an ordinary one
        with np.errstate(over="ignore", invalid="ignore"):
            array = np.asarray(self.read(name)).astype(np.float32)
        if not np.isfinite(array).all():
            count = int(array.size - np.isfinite(array).sum())
            raise CheckpointError(
                f"{self.path}: {quoted(name)} holds {count} number(s) that are NaN or infinite in "
                "float32: no theorem applies; take an older checkpoint"
            )
        return array

    def take(self, name: str, *shape: int) -> np.ndarray:
        """The tensor, if it has that shape.

        Raises:
            CheckpointError: it is absent or has another shape, or is not a tensor of floats.
        """
        if name not in self.shapes:
            known = ", ".join(quoted(n) for n in list(self.shapes)[:3])
            raise CheckpointError(
                f"{self.path}: no tensor {quoted(name)} among its {len(self)}: {known}, .."
            )
        if self.shapes[name] != shape:
            raise CheckpointError(
                f"{self.path}: {quoted(name)} has shape {quoted(self.shapes[name])}, not {shape}"
            )
        return self[name]

    def length(self, name: str) -> int:
        """The first dimension of a tensor that has one.

        Raises:
            CheckpointError: it is absent, a scalar, or empty.
        """
        shape = self.shapes.get(name, ())
        if not shape or 0 in shape:
            raise CheckpointError(f"{self.path}: no tensor {quoted(name)} with numbers in it")
        return shape[0]

    def first(self, *names: str) -> str | None:
        """The first of these names that is there."""
        return next((name for name in names if name in self.shapes), None)

    def renamed(self, rename: Callable[[str], str | None]) -> "Tensors":
        """The tensors under new names; those renamed to None are left out."""
        old = {new: name for name in self.shapes if (new := rename(name)) is not None}
        shapes = {new: self.shapes[name] for new, name in old.items()}
        return Tensors(self.path, shapes, lambda new: self[old[new]])


def checked_size(path: Path) -> int:
    """The size of a regular file.

    Raises:
        CheckpointError: there is none, it is a pipe, a device or a folder, or it is too large.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file, or not a regular one")
    if (size := path.stat().st_size) > LARGEST_FILE:
        raise CheckpointError(f"{path}: {size:,} bytes: too large here")
    return size


def text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """A small text file.

    Raises:
        CheckpointError: it is missing, large, or not UTF-8.
    """
    size = checked_size(path)
    if size > largest:
        raise CheckpointError(f"{path}: {size:,} bytes: no configuration is that long")
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: cannot be read as text ({error})") from error


def json_object(path: Path, source: str) -> dict[str, Any]:
    """A JSON object from its text.

    Raises:
        CheckpointError: it is something else.
    """
    try:
        value = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not JSON ({quoted(str(error))})") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: a JSON object is needed, found a {type(value).__name__}")
    return value


def is_safetensors(start: bytes, size: int) -> bool:
    """Whether a file of that size whose first 9 bytes these are may be a safetensors file."""
    return len(start) >= 9 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= size


def open_safetensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    """The tensors of a safetensors file, and its metadata.

    Raises:
        CheckpointError: the header is too large or disagrees with the file.
    """
    size = checked_size(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > min(size, LARGEST_HEADER):
        raise CheckpointError(
            f"{path}: a header of {length:,} bytes in a file of {size:,}: cut off, or foreign"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            shapes = {n: tuple(file.get_slice(n).get_shape()) for n in file.keys()}
            kinds = {n: file.get_slice(n).get_dtype() for n in shapes}
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged ({quoted(str(error))})") from error

    def read(name: str) -> np.ndarray:
        if kinds[name] not in FLOATS:
            raise CheckpointError(
                f"{path}: {quoted(name)} holds {kinds[name]}, not floats: dequantise it first"
            )
        try:
            with safe_open(path, framework="pt") as file:
                return file.get_tensor(name).float().numpy()
        except (SafetensorError, OSError, ValueError) as error:
            raise CheckpointError(f"{path}: damaged ({quoted(str(error))})") from error

    return Tensors(path, shapes, read), metadata
