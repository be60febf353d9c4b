"""What torch.save wrote, read without an unpickler: nothing in the file is ever called.

The archive is a zip of raw storages and one pickle that says which tensor is which slice of what.
The pickle is read by a parser of the few opcodes that state dicts are made of; it builds
dictionaries, lists, numbers, strings and slices, and refuses everything else by name. (torch.load
with weights_only=True calls no foreign code either, but allocates whatever the file asks for:
60 bytes are enough for a bytearray of 4 GiB, or for a key that takes hours to hash.)
"""

import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from verify.formats.tensors import quoted

STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bf16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "u1",
}


@dataclass(frozen=True)
class Storage:
    """A record of the archive: ``count`` numbers of a type."""

    record: str
    kind: str
    count: int


@dataclass(frozen=True)
class Slice:
    """A tensor: strides and an offset into a storage, in numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Kind:
    """A storage type that the pickle named."""

    name: str


@dataclass(frozen=True)
class Function:
    """One of FUNCTIONS that the pickle named."""

    name: str


class Refused(ValueError):
    """The pickle holds what no state dict holds; the message names it."""


def whole(value: Any) -> bool:
    """A whole number that a file size could be."""
    return type(value) is int and 0 <= value < 2**48


def ordered_dict(pairs: Any = ()) -> dict:
    """OrderedDict(), or of a list of pairs as Python 2 wrote it."""
    made = {}
    for key, value in pairs:
        if not isinstance(key, str | int):
            raise Refused(f"a key that is a {type(key).__name__}")
        made[key] = value
    return made


def tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Slice:
    """A slice of a storage, checked to lie inside and to be no larger than it."""
    if not (isinstance(storage, Storage) and isinstance(shape, tuple) and whole(offset)):
        raise Refused("a tensor of what is no storage")
    if not (isinstance(strides, tuple) and len(strides) == len(shape) <= 8):
        raise Refused("a tensor whose strides do not fit its shape")
    if not all(map(whole, (*shape, *strides))):
        raise Refused("a tensor with negative or huge sizes")
    numbers = math.prod(shape)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if numbers > storage.count or (numbers and last >= storage.count):
        raise Refused(f"a tensor of shape {quoted(shape)} in a storage of {storage.count}")
    return Slice(storage, offset, shape, strides)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "collections OrderedDict": ordered_dict,
    "torch._utils _rebuild_tensor_v2": tensor,
    "torch._utils _rebuild_parameter": lambda made, *_: made,
}


def known(name: str) -> Kind | Function:
    """The inert stand-in of a global; anything but a few is refused here, before it can matter."""
    module, _, attribute = name.partition(" ")
    if module == "torch" and attribute in STORAGES:
        return Kind(attribute)
    if name in FUNCTIONS:
        return Function(name)
    raise Refused(f"it asks for {quoted(name.replace(' ', '.'))}, which no state dict needs")


MARK = object()


class Parser:
    """A stack machine without calls: see the module's text."""

    def __init__(self) -> None:
        """Empty stack, empty memo."""
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        """The value that the pickle describes."""
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "STOP":
                return self.stack.pop()
            self.step(opcode.name, argument)
        raise Refused("the pickle has no end")

    def step(self, name: str, argument: Any) -> None:
        """One opcode."""
        if name in LITERALS:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name]())
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name == "GLOBAL":
            self.stack.append(known(argument))
        elif name in ACTIONS:
            ACTIONS[name](self)
        elif name != "PROTO":
            raise Refused(f"opcode {name}")

    def since_mark(self) -> list[Any]:
        """Everything above the last mark, and the mark itself gone."""
        for at in range(len(self.stack) - 1, -1, -1):
            if self.stack[at] is MARK:
                found = self.stack[at + 1 :]
                del self.stack[at:]
                return found
        raise Refused("a mark that is not there")

    def make_tuple(self, count: int | None = None) -> None:
        """TUPLE, TUPLE1, TUPLE2, TUPLE3."""
        entries = self.since_mark() if count is None else self.stack[-count:]
        if count is not None:
            del self.stack[-count:]
        self.stack.append(tuple(entries))

    def set_items(self, entries: list[Any]) -> None:
        """Keys are strings or numbers: a tuple could take for ever to hash."""
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise Refused("items of what is no dictionary")
        for key, value in zip(entries[::2], entries[1::2], strict=True):
            if not isinstance(key, str | int):
                raise Refused(f"a key that is a {type(key).__name__}")
            target[key] = value

    def append(self, entries: list[Any]) -> None:
        """APPEND, APPENDS."""
        if not isinstance(self.stack[-1], list):
            raise Refused("entries of what is no list")
        self.stack[-1].extend(entries)

    def persistent(self) -> None:
        """("storage", type, record, device, count)."""
        reference = self.stack.pop()
        if not (isinstance(reference, tuple) and len(reference) == 5 and reference[0] == "storage"):
            raise Refused("a reference that is no storage")
        _, kind, record, _, count = reference
        if not (isinstance(kind, Kind) and isinstance(record, str) and whole(count)):
            raise Refused("a malformed storage")
        self.stack.append(Storage(record, kind.name, count))

    def reduce(self) -> None:
        """The three functions that a state dict asks for, replaced by what they would make."""
        arguments, function = self.stack.pop(), self.stack.pop()
        if not (isinstance(function, Function) and isinstance(arguments, tuple)):
            raise Refused("a call of what is no function")
        self.stack.append(FUNCTIONS[function.name](*arguments))

    def build(self) -> None:
        """An object's attributes (a state dict's _metadata): dropped."""
        self.stack.pop()
        if not isinstance(self.stack[-1], dict):
            raise Refused("attributes of what is no dictionary")


LITERALS = {"BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
CONSTANTS: dict[str, Callable[[], Any]] = {
    "MARK": lambda: MARK,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
}
ACTIONS: dict[str, Callable[[Parser], None]] = {
    "TUPLE": lambda p: p.make_tuple(),
    "TUPLE1": lambda p: p.make_tuple(1),
    "TUPLE2": lambda p: p.make_tuple(2),
    "TUPLE3": lambda p: p.make_tuple(3),
    "SETITEM": lambda p: p.set_items([p.stack.pop(-2), p.stack.pop()]),
    "SETITEMS": lambda p: p.set_items(p.since_mark()),
    "APPEND": lambda p: p.append([p.stack.pop()]),
    "APPENDS": lambda p: p.append(p.since_mark()),
    "BINPERSID": Parser.persistent,
    "REDUCE": Parser.reduce,
    "BUILD": Parser.build,
}
