"""`python -m verify.zoo.build [NAME ...]`: train zoo models and enter them in the manifest.

Finished runs (under runs/zoo) are not trained again: interrupt and repeat the command as you like.
A zoo file holds the parameters and the header of the last checkpoint; the optimiser's moments stay
in the run's folder. One thread a model: the files are then the same on every machine with the same
torch and instruction set.
"""

import argparse
import dataclasses
import json
import sys
from functools import partial
from pathlib import Path

from sim.atomic import write_atomically
from sim.checkpoint import (
    Checkpoint,
    digest,
    load,
    path_of,
    save_checkpoint,
    steps_in,
)
from sim.config import Train
from sim.engines import engine
from sim.errors import UserError
from sim.presets import PRESETS
from sim.runs import folder
from sim.sweep import Outcome, sweep
from sim.sweep_cli import train_job
from verify.zoo import FOLDER, Entry
from verify.zoo.models import MODELS, Planned

RUNS = Path("runs/zoo")
THREADS = 1


def config_of(planned: Planned) -> Train:
    """The config of a planned model."""
    return dataclasses.replace(PRESETS[planned.preset], seed=planned.seed)


def last_metrics(path: Path) -> dict[str, float]:
    """The evaluation that ended the run."""
    return json.loads((path / "metrics.jsonl").read_text().splitlines()[-1])


def enter(planned: Planned, target: Path = FOLDER) -> Entry:
    """Copy a finished run into the zoo, without the optimiser's state."""
    config = config_of(planned)
    run = folder(config, RUNS)
    checkpoint = load(path_of(run, steps_in(run)[-1]))
    model = {n: t for n, t in checkpoint.tensors.items() if n.startswith("model.")}
    path = target / f"{planned.name}.safetensors"
    save_checkpoint(path, Checkpoint(config, checkpoint.step, model, checkpoint.environment))
    metrics = last_metrics(run)
    beaten = metrics["error"] < metrics["error_1nn"]
    return Entry(
        name=planned.name,
        roles=planned.roles,
        preset=planned.preset,
        seed=planned.seed,
        steps=checkpoint.step,
        command=f"python -m verify.zoo.build {planned.name}",
        device=f"{checkpoint.environment['device']} ({checkpoint.environment['cpu']})",
        torch=checkpoint.environment["torch"],
        sha256=digest(path),
        in_distribution_error=metrics["error"],
        nearest_neighbour_error=metrics["error_1nn"],
        learned=beaten,
    )


def manifest(new: list[Entry], target: Path = FOLDER) -> None:
    """Merge entries into manifest.json, in the order of the plan."""
    path = target / "manifest.json"
    known = {e["name"]: e for e in json.loads(path.read_text())} if path.exists() else {}
    known |= {entry.name: dataclasses.asdict(entry) for entry in new}
    ordered = [known[planned.name] for planned in MODELS if planned.name in known]
    write_atomically(path, (json.dumps(ordered, indent=1) + "\n").encode())


def build(planned: list[Planned], workers: int, target: Path = FOLDER) -> list[Outcome]:
    """Train what is not finished, one process a model, and enter each as it ends."""
    by_id = {config_of(p).run_id: p for p in planned}

    def report(outcome: Outcome) -> None:
        print(
            f"{outcome.state}  {outcome.name}  {outcome.seconds:.0f} s  {outcome.message}",
            flush=True,
        )
        if outcome.state != "failed":
            manifest([enter(by_id[outcome.run_id], target)], target)

    with engine("processes", workers) as submit:
        job = partial(train_job, THREADS)
        return sweep([config_of(p) for p in planned], RUNS.resolve(), submit, job, report=report)


def main() -> None:
    """Exit 1 if a model failed, 2 if a name is unknown."""
    parser = argparse.ArgumentParser(prog="python -m verify.zoo.build", description=__doc__)
    parser.add_argument("names", nargs="*", help="models of verify/zoo/models.py; default: all")
    parser.add_argument("--workers", type=int, default=1, help="models at a time, one core each")
    parser.add_argument("--into", type=Path, default=FOLDER, help="where the zoo files are written")
    arguments = parser.parse_args()
    known = {planned.name: planned for planned in MODELS}
    try:
        if unknown := [name for name in arguments.names if name not in known]:
            raise UserError(f"no zoo model {unknown[0]!r}; known: {', '.join(known)}")
        chosen = [known[name] for name in arguments.names] or list(MODELS)
        outcomes = build(chosen, arguments.workers, arguments.into)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(any(outcome.state == "failed" for outcome in outcomes))


if __name__ == "__main__":
    main()
