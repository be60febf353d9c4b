"""`python -m sim.benchmark`: a step of ours, of the reference loop, and of the machine at its best.

All variants of a table take turns in one process, so a machine that is busy slows all of them.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch

from sim.config import Model, Optimizer, Train
from sim.device import choose
from sim.errors import UserError
from sim.limits import floor, synchronise
from sim.loop import prepare
from sim.reference import reference_loop

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Settings:
    """What to measure, and how long."""

    device: str | None = None
    """cpu or cuda; default: a GPU when there is one."""
    threads: int | None = None
    """CPU threads; default: torch's, as in sim.train."""
    rounds: int = 9
    """Times that every variant has its turn."""
    steps: int = 3
    """Steps in a turn."""
    compile: bool = True
    """Also what torch.compile makes of a step; half a minute more for each variant."""
    reference: bool = True
    """The reference loop needs transformers."""
    clock: Literal["wall", "cpu"] = "wall"
    """cpu: this process's time only, for one thread on a machine that others use too."""
    json: bool = False


@dataclass(frozen=True)
class Work:
    """A table: steps of a model, or of a stack of `models`, in several `variants`."""

    name: str
    config: Train
    models: int = 1
    variants: tuple[tuple[str, dict[str, Any]], ...] = ()


@dataclass
class Row:
    """Seconds of a step, turn by turn; `memory` is the peak on a GPU, `floor` the machine's."""

    name: str
    models: int = 1
    seconds: tuple[float, ...] = ()
    memory: int = 0
    floor: float | None = None


ADAM = Optimizer("adam", rate=1e-4, warmup=0.0, schedule="constant")
TOY = Train(optimizer=ADAM, batch=64)
PAPER = replace(TOY, model=Model(width=256, layers=12, heads=8))
COMPILED = {"compile": True}
CPU = (
    Work(
        "one model, d=64, 3 layers, batch 64",
        TOY,
        variants=(
            ("float32", {}),
            ("float32, Muon", {"optimizer": Optimizer()}),
            ("float32, compiled", COMPILED),
            ("bf16, compiled", COMPILED | {"precision": "bf16"}),
        ),
    ),
)
FAST = tuple(
    (f"{precision}{', compiled' if compiled else ''}", {"precision": precision, **compiled})
    for precision in ("tf32", "bf16")
    for compiled in ({}, COMPILED)
)
GPU = (
    Work("one model, d=64, 3 layers, batch 64", TOY, variants=FAST),
    Work("64 models in a stack, d=64, 3 layers, batch 64", TOY, 64, FAST),
    Work("12L8AH, d=256, batch 64", PAPER, variants=FAST),
)


def ours(work: Work, change: dict[str, Any], device: torch.device) -> Callable[[int], object]:
    """A step of the trainer, as sim.train would run it."""
    config = replace(work.config, **change)
    configs = [replace(config, seed=seed) for seed in range(work.models)]
    return prepare(configs, device).advance


def measure(work: Work, settings: Settings, device: torch.device) -> list[Row]:
    """The rows of a table; the reference, if asked for, is the first."""
    made: list[tuple[Row, Callable[[int], object]]] = []

    def add(row: Row, step: Callable[[int], object]) -> None:
        before = torch.cuda.memory_allocated() if device.type == "cuda" else 0
        for number in range(3):
            step(number)
        if device.type == "cuda":
            row.memory = torch.cuda.max_memory_allocated() - before
            torch.cuda.reset_peak_memory_stats()
        made.append((row, step))

    if settings.reference:
        add(Row("reference"), reference_loop(work.config.model, work.config.batch, device))
    for name, change in work.variants:
        if settings.compile or not change.get("compile"):
            limit = floor(replace(work.config, **change), device, CLOCKS[settings.clock])
            add(Row(name, work.models, floor=limit), ours(work, change, device))
    for turn in range(settings.rounds):
        for row, step in made:
            row.seconds += (turn_of(step, turn, settings, device),)
    return [row for row, _ in made]


def turn_of(
    step: Callable[[int], object], turn: int, settings: Settings, device: torch.device
) -> float:
    """Seconds of a step in one turn."""
    clock = CLOCKS[settings.clock]
    synchronise(device)
    start = clock()
    for number in range(settings.steps):
        step(3 + turn * settings.steps + number)
    synchronise(device)
    return (clock() - start) / settings.steps


def numbers(row: Row, reference: Row | None, batch: int) -> dict[str, Any]:
    """What is reported of a row: for one step of one model, and against the reference."""
    least, middle = min(row.seconds), statistics.median(row.seconds)
    found: dict[str, Any] = {"name": row.name, "models": row.models}
    found |= {"ms_min": 1e3 * least, "ms_median": 1e3 * middle}
    found["samples_per_second"] = batch * row.models / middle
    if reference is not None:
        found["speedup_min"] = row.models * min(reference.seconds) / least
        found["speedup_median"] = row.models * statistics.median(reference.seconds) / middle
    if row.floor is not None:
        found |= {
            "ms_floor": 1e3 * row.floor * row.models,
            "of_floor": row.floor * row.models / least,
        }
    if row.memory:
        found["peak_mb"] = row.memory / 1e6
    return found


def table(name: str, rows: Sequence[dict[str, Any]]) -> str:
    """Plain text in columns."""
    shown = {
        "ms_min": ("min ms", ".1f"), "ms_median": ("median ms", ".1f"),
        "samples_per_second": ("samples/s", ".0f"), "speedup_min": ("x ref (min)", ".2f"),
        "speedup_median": ("x ref (median)", ".2f"), "ms_floor": ("limit ms", ".1f"),
        "of_floor": ("of limit", ".0%"), "peak_mb": ("peak MB", ".0f"),
    }  # fmt: skip
    used = {key: value for key, value in shown.items() if any(key in row for row in rows)}
    lines = [[name, *(title for title, _ in used.values())]]
    for row in rows:
        cells = (format(row[key], how) if key in row else "-" for key, (_, how) in used.items())
        lines.append([row["name"], *cells])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])])
        for first, *rest in lines
    )


def run(settings: Settings, works: Sequence[Work] | None = None) -> str:
    """The tables of a device, as text or as JSON.

    Raises:
        UserError: a device or a package that is not there.
    """
    if min(settings.rounds, settings.steps) < 1:
        raise UserError("--rounds and --steps: at least one of each is needed")
    device = choose(settings.device, settings.threads)
    tables = {}
    for work in works or (GPU if device.type == "cuda" else CPU):
        rows = measure(work, settings, device)
        reference = rows[0] if settings.reference else None
        tables[work.name] = [numbers(row, reference, work.config.batch) for row in rows]
    if not settings.json:
        return "\n\n".join(table(name, rows) for name, rows in tables.items())
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    settings = replace(settings, threads=torch.get_num_threads())
    about = {"device": where, "torch": torch.__version__, "settings": asdict(settings)}
    return json.dumps(about | {"tables": tables}, indent=1)


def main() -> None:
    """Exit 2 on bad input."""
    try:
        import tyro

        print(run(tyro.cli(Settings, prog="python -m sim.benchmark", description=__doc__)))
    except ImportError:
        print("error: the command line needs tyro: pip install tyro", file=sys.stderr)
        sys.exit(2)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
