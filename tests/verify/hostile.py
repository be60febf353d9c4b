"""Archives of torch.save whose pickle or whose zip is meant to do harm."""

import io
import os
import pickle
import random
import struct
import zipfile

import torch

CANARY = "canary"


class Runs:
    """Unpickled by a trusting loader, this makes a file."""

    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def calls(protocol: int) -> list[bytes]:
    """Pickles that call something."""
    touch = f"open({CANARY!r}, 'w')"
    objects = (Runs(os.system, f"touch {CANARY}"), Runs(eval, touch), Runs(exec, touch))
    return [pickle.dumps({"a": o}, protocol) for o in objects]


def long(value: int) -> bytes:
    """LONG1."""
    data = pickle.dumps(value, 2)
    return data[2:-1] if data[2:3] == b"\x8a" else b"\x8a\x08" + struct.pack("<q", value)


STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n("


def tensor(count: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """A pickle of {"a": tensor} with any numbers in it."""

    def tuple_(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(long, values)) + b"t"

    part = REBUILD + STORAGE + long(count) + b"tQ" + long(offset) + tuple_(shape) + tuple_(strides)
    return b"\x80\x02}X\x01\x00\x00\x00a" + part + b"\x89ccollections\nOrderedDict\n)RtRs."


PICKLES = (
    *calls(0),
    *calls(2),
    *calls(4),
    *calls(5),
    # old ways to call: INST, OBJ, NEWOBJ
    b"(S'touch canary'\nios\nsystem\n.",
    b"(cos\nsystem\nS'touch canary'\no.",
    b"\x80\x02cos\nsystem\nX\x0c\x00\x00\x00touch canary\x85\x81.",
    b"\x80\x02cbuiltins\ngetattr\ncos\nsystem\nX\x01\x00\x00\x00x\x86R.",
    # memory: a bytearray of 4 GiB, a memo of 2^32 entries, a string longer than the file
    b"\x80\x02cbuiltins\nbytearray\n" + long(2**32) + b"\x85R.",
    b"\x80\x02ctorch\nTensor\n" + long(2**38) + b"\x85R.",
    b"\x80\x02}r\xff\xff\xff\xff.",
    b"\x80\x02X\xff\xff\xff\x7fabc.",
    b"\x80\x02\x8b\xff\xff\xff\x7fabc.",
    # time: a key that takes 2^40 steps to hash; nesting
    b"\x80\x02}K\x01" + b"q\x01h\x01\x86" * 40 + b"K\x01s.",
    b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b".",
    b"\x80\x02" + b"(" * 100_000 + b".",
    b"\x80\x02K\x01" + b"\x85" * 100_000 + b".",
    b"\x80\x02]q\x00h\x00a.",
    # stacks and memos that are not there
    b"\x80\x02.",
    b"\x80\x02t.",
    b"\x80\x02h\x07.",
    b"\x80\x02R.",
    b"\x80\x02Q.",
    b"\x80\x02}b.",
    b"\x80\x02K\x01K\x02s.",
    b"\x80\x02}X\x01\x00\x00\x00au.",
    b"",
    b"\x80",
    # tensors that are not in their storage
    tensor(4, 0, (2**40,), (1,)),
    tensor(2**40, 0, (2**40,), (1,)),
    tensor(4, 0, (2**40,), (0,)),
    tensor(4, 3, (2,), (1,)),
    tensor(4, -1, (2,), (1,)),
    tensor(4, 0, (-4,), (1,)),
    tensor(4, 0, (2, 2), (-1, 1)),
    tensor(4, 0, (1,) * 64, (1,) * 64),
    tensor(4, 2**62, (2,), (1,)),
    tensor(2**62, 0, (4,), (1,)),
    tensor(4, 0, (2,), (1, 1)),
)


def with_pickle(data: bytes, replacement: bytes) -> bytes:
    """An archive with another data.pkl."""
    return rezipped(data, lambda name, value: replacement if name.endswith("data.pkl") else value)


def rezipped(data: bytes, edit, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Every record through ``edit(name, value)``; None drops it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for name in old.namelist():
            if (value := edit(name, old.read(name))) is not None:
                new.writestr(name, value)
    return buffer.getvalue()


def bomb() -> bytes:
    """200 kB of zip that hold 200 MB of zeros as a storage."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("a/data.pkl", tensor(5 * 10**7, 0, (5 * 10**7,), (1,)))
        new.writestr("a/data/0", bytes(2 * 10**8))
    return buffer.getvalue()


def twins(data: bytes) -> bytes:
    """Two records of one name."""
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as new:
        name = new.namelist()[0]
        new.fp.seek(0, 2)  # type: ignore[union-attr]
        new.NameToInfo.pop(name)
        new.writestr(name, b"\x80\x02}.")
    return buffer.getvalue()


def tampered(r: random.Random, data: bytes) -> bytes:
    """Sizes, offsets, flags and methods of the zip's directory changed."""
    array = bytearray(data)
    places = [k for k in range(len(array) - 46) if array[k : k + 4] == b"PK\1\2"]
    fields = {8: "<H", 10: "<H", 16: "<I", 20: "<I", 24: "<I", 28: "<H", 30: "<H", 42: "<I"}
    for _ in range(r.choice((1, 1, 3))):
        at, (offset, form) = r.choice(places), r.choice(list(fields.items()))
        width = 8 * struct.calcsize(form)
        value = r.choice((0, 1, 8, 9, 2**width - 1, 2 ** (width - 1), r.randrange(2**width)))
        struct.pack_into(form, array, at + offset, value)
    if r.random() < 0.3:
        struct.pack_into("<I", array, len(array) - 10, r.choice((0, 2**32 - 1, r.randrange(2**20))))
    return bytes(array)


def renamed(data: bytes) -> bytes:
    """The first record's folder leads out of the archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr("../../" + name, old.read(name))
    return buffer.getvalue()


def hostile_archive(r: random.Random, data: bytes) -> bytes:
    """One of all these."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return r.choice(PICKLES)
    kind = r.randrange(10)
    if kind < 4:
        return with_pickle(data, r.choice(PICKLES))
    if kind < 6:
        return tampered(r, data)
    ways = (
        lambda: r.choice(PICKLES),
        lambda: twins(data),
        lambda: renamed(data),
        lambda: data[:-22] + data[-22:-2] + b"\x05\x00abcde",
        lambda: rezipped(data, lambda n, v: v, zipfile.ZIP_DEFLATED),
        lambda: rezipped(data, lambda n, v: v if r.random() < 0.7 else None),
        lambda: rezipped(
            data, lambda n, v: v if n.endswith(".pkl") else v[: r.randrange(len(v) + 1)]
        ),
        bomb,
        lambda: torch_legacy(),
    )
    return r.choice(ways)()


def torch_legacy() -> bytes:
    """The format before torch 1.6."""
    buffer = io.BytesIO()
    torch.save({"a": torch.ones(2)}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()
