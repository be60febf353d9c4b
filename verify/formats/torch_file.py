"""Files of torch.save: a zip of raw storages and one pickle that says which tensor is which slice.

Read by ``zipfile`` and by the parser of verify.formats.state_pickle; nothing in them is called.
"""

import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from sim.errors import CheckpointError
from verify.formats.state_pickle import STORAGES, Parser, Refused, Slice, Storage
from verify.formats.tensors import Tensors, checked_size, quoted

LARGEST_PICKLE = 2**22
LARGEST_DIRECTORY = 2**22


def directory_size(path: Path, size: int) -> int:
    """Bytes of the archive's table of contents, before zipfile reads it whole."""
    with path.open("rb") as file:
        file.seek(max(size - 98, 0))
        tail = file.read()
    end, ending = tail[-22:], tail[-98:-42]
    if len(end) < 22 or end[:4] != b"PK\5\6":
        raise Refused("no zip directory at its end: cut off, or not from torch.save")
    found = struct.unpack("<I", end[12:16])[0]
    if tail[-42:-38] == b"PK\6\7" and ending[:4] == b"PK\6\6":
        found = max(found % 0xFFFFFFFF, struct.unpack("<Q", ending[40:48])[0])
    return found


class Archive:
    """The zip of a torch.save file: stored records only, nothing that grows when it is read."""

    def __init__(self, path: Path) -> None:
        """Reads the table of contents."""
        self.path, size = path, checked_size(path)
        if directory_size(path, size) > LARGEST_DIRECTORY:
            raise Refused("a zip directory larger than any checkpoint has")
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        self.records = {entry.filename: entry for entry in entries}
        if len(self.records) != len(entries):
            raise Refused("two records of one name")
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise Refused("a compressed record, which torch.save never writes")
            if entry.header_offset + entry.file_size > size:
                raise Refused("a record larger than the file")
        pickles = [name for name in self.records if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise Refused(f"{len(pickles)} files data.pkl in it: not from torch.save")
        self.folder = pickles[0].removesuffix("data.pkl")
        if self.folder + "byteorder" in self.records and self.read("byteorder", 16) != b"little":
            raise Refused("numbers in big-endian order")

    def read(self, name: str, largest: int) -> bytes:
        """A record, its checksum compared."""
        entry = self.records.get(self.folder + name)
        if entry is None:
            raise Refused(f"no record {quoted(name)}")
        if entry.file_size > largest:
            raise Refused(f"a record {quoted(name)} of {entry.file_size:,} bytes")
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(entry)

    def check(self, storage: Storage) -> None:
        """The record is there and holds as many numbers as the pickle says."""
        name, count = f"data/{storage.record}", storage.count
        entry = self.records.get(self.folder + name)
        if entry is None or entry.file_size != count * width(storage):
            size = "absent" if entry is None else f"{entry.file_size:,} bytes"
            raise Refused(f"record {quoted(name)} is {size} where {count:,} numbers should be")

    def numbers(self, part: Slice) -> np.ndarray:
        """The numbers of a tensor."""
        code = STORAGES[part.storage.kind]
        if code not in ("<f8", "<f4", "<f2", "bf16"):
            raise Refused("a tensor of whole numbers where floats are needed")
        data = self.read(f"data/{part.storage.record}", part.storage.count * width(part.storage))
        if code == "bf16":
            flat = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            flat = np.frombuffer(data, code)
        if flat.size != part.storage.count:
            raise Refused("a record that changed while it was read")
        steps = tuple(step * flat.itemsize for step in part.strides)
        at = flat[part.offset :]
        return np.lib.stride_tricks.as_strided(at, part.shape, steps, writeable=False)


def width(storage: Storage) -> int:
    """Bytes a number."""
    code = STORAGES[storage.kind]
    return 2 if code == "bf16" else np.dtype(code).itemsize


BROKEN = (
    *(ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, EOFError),
    *(OSError, RuntimeError, zipfile.BadZipFile, struct.error),
)
# where trainers put the parameters, outermost first; and what wrappers put before each name
NESTS = ("model_state_dict", "state_dict", "model")
WRAPPERS = ("module.", "_orig_mod.")


def state_dict(root: Any) -> dict[str, Slice]:
    """The named tensors of what torch.save wrote: a bare state dict, or one in a dictionary."""
    for nest in NESTS:
        if isinstance(root, dict) and isinstance(root.get(nest), dict):
            root = root[nest]
    if not isinstance(root, dict):
        raise Refused("no dictionary of tensors in it")
    found = {k: v for k, v in root.items() if isinstance(k, str) and isinstance(v, Slice)}
    if not found:
        raise Refused("no dictionary of tensors in it")
    for wrapper in WRAPPERS:
        if all(name.startswith(wrapper) for name in found):
            found = {name.removeprefix(wrapper): part for name, part in found.items()}
    return found


def open_torch(path: Path) -> Tensors:
    """The parameters in a file of torch.save (torch 1.6 or later: a zip archive).

    Raises:
        CheckpointError: it is damaged, compressed, or holds more than a state dict.
    """
    try:
        archive = Archive(path)
        parts = state_dict(Parser().run(archive.read("data.pkl", LARGEST_PICKLE)))
        for part in parts.values():
            archive.check(part.storage)
    except BROKEN as error:
        raise refusal(path, error) from error

    def read(name: str) -> np.ndarray:
        try:
            return archive.numbers(parts[name])
        except BROKEN as error:
            raise refusal(path, error) from error

    return Tensors(path, {name: part.shape for name, part in parts.items()}, read)


def refusal(path: Path, error: Exception) -> CheckpointError:
    """One line about a file that is not read."""
    if isinstance(error, Refused):
        reason, advice = str(error), "; nothing was executed. Save the model's state_dict() alone"
        return CheckpointError(f"{path}: refused: {reason}{advice}")
    reason = f"{type(error).__name__} {quoted(str(error))}"
    return CheckpointError(f"{path}: damaged, or not from torch.save ({reason})")
