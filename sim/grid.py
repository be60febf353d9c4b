"""Grids of configs: one base config and, for some of its fields, the values to try."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import product
from typing import Any

from sim.errors import UserError


def _split(text: str) -> list[str]:
    """The parts between the commas that stand outside brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _read(word: str) -> Any:
    try:
        return ast.literal_eval(word.strip())
    except (ValueError, SyntaxError):
        return word.strip()


def parse_axis(text: str) -> tuple[str, list[Any]]:
    """'model.layers=1,2,3' -> ('model.layers', [1, 2, 3]); values are Python literals or words.

    Raises:
        UserError: no "=", no name, or a value left out.
    """
    name, equals, values = text.partition("=")
    words = _split(values)
    if not (name and equals and all(word.strip() for word in words)):
        raise UserError(f"cannot read the axis {text!r}; write for example model.layers=1,2,3")
    return name.strip(), [_read(word) for word in words]


def with_field(config: Any, path: str, value: Any) -> Any:
    """The frozen dataclass with the field at the dotted path replaced.

    Raises:
        UserError: no such field (the message lists those there are), or a value of another kind.
    """
    first, _, rest = path.partition(".")
    known = [field.name for field in fields(config)]
    if first not in known:
        raise UserError(
            f"{type(config).__name__} has no field {first!r}; it has {', '.join(known)}"
        )
    old = getattr(config, first)
    if rest:
        if not is_dataclass(old):
            raise UserError(f"{first!r} is a plain value: there is no {rest!r} in it")
        return replace(config, **{first: with_field(old, rest, value)})
    if isinstance(old, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(old):
        raise UserError(f"{first} is {old!r}, so {value!r} cannot be one of its values")
    return replace(config, **{first: value})


def expand(base: Any, grid: Mapping[str, Sequence[Any]]) -> list[Any]:
    """Every combination of the grid's values on the base config; equal ids only once."""
    configs = {}
    for values in product(*grid.values()):
        config = base
        for path, value in zip(grid, values, strict=True):
            config = with_field(config, path, value)
        configs.setdefault(config.run_id, config)
    return list(configs.values())
