"""The command line of sim.evaluate: what to measure, on which predictors, as a table or JSON."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sim import evaluate, protocol
from sim.baselines import Predictor, zero
from sim.bootstrap import band
from sim.config import Law, Task
from sim.errors import UserError
from sim.predictors import WRAPPED, baseline, newest_checkpoint

LawName = Literal["uniform", "normal", "bimodal"]


@dataclass(frozen=True)
class Settings:
    """Error of predictors on prompts of their own, or on the published test set."""

    predictor: tuple[str, ...] = ()
    """Baselines: zero, least-squares, ridge, interpolation, bayes, 1-nn, 3-nn, equivariant:NAME."""
    protocol: Literal["own", "paper"] = "own"
    """paper: the test set of arXiv 2411.11465, sigma 1 .. 10, printed as its tables are."""
    measure: Literal["scale", "position", "heat", "huge", "length", "sorted"] = "scale"
    """Error at the last query by scale of x, by position, by both scales, with one huge example, by
    length of the prompt; or by position with the prompt sorted by x."""
    degree: int = 1
    x: LawName = "uniform"
    coefficients: LawName | None = None
    """Law of the coefficients; default normal for the paper's protocol and uniform for our own."""
    scales: tuple[float, ...] = (1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
    sizes: tuple[float, ...] = (1.0, 10.0, 100.0, 1000.0, 20000.0)
    lengths: tuple[int, ...] = (11, 21, 41, 61, 81)
    prompts: int = 256
    points: int = evaluate.POINTS
    seed: int = 0
    equivariant: bool = False
    """Show every predictor a second time, inside the equivariant wrapper."""
    level: float = 0.95
    """Level of the bootstrap bands over prompts and, for runs that differ in the seed, seeds."""
    json: bool = False

    @property
    def task(self) -> Task:
        """Polynomials of this degree with these laws."""
        law = self.coefficients or "uniform"
        return Task(degrees=(self.degree,), x=Law(self.x), coefficients=Law(law))


def _wrapped(members: dict[str, list[Predictor]]) -> dict[str, list[Predictor]]:
    from sim.equivariant import equivariant

    return {WRAPPED + name: [equivariant(p) for p in group] for name, group in members.items()}


def collect(settings: Settings, paths: Sequence[Path]) -> dict[str, list[Predictor]]:
    """Name -> predictors; runs whose configs differ in nothing but the seed share a name.

    Raises:
        UserError: nothing was named, an unknown baseline, or a file that is no checkpoint.
    """
    law = settings.coefficients or ("normal" if settings.protocol == "paper" else "uniform")
    groups = {name: [baseline(name, settings.degree, law=law)] for name in settings.predictor}
    members: dict[str, list[Predictor]] = {}
    for path in paths:
        file = newest_checkpoint(path)
        from sim.checkpoint import load, load_model

        config = load(file).config
        name = f"{config.name}-{replace(config, seed=0).run_id}"
        members.setdefault(name, []).append(load_model(file))
    groups |= {n if len(m) == 1 else f"{n} x{len(m)}": m for n, m in members.items()}
    if not groups:
        raise UserError("nothing to evaluate: give a run's folder, or --predictor zero")
    return groups | (_wrapped(groups) if settings.equivariant else {})


def measured(settings: Settings, predictor: Predictor) -> tuple[list[Any], np.ndarray]:
    """(where, squared errors (prompts, where)) of the measure asked for."""
    task, prompts, seed = settings.task, settings.prompts, settings.seed
    points = settings.points
    place = (prompts, seed)
    if settings.measure in ("position", "sorted"):
        sort = settings.measure == "sorted"
        errors = evaluate.error_by_position(predictor, task, *place, sort=sort, points=points)
        return list(range(settings.points)), errors
    if settings.measure == "heat":
        scales = settings.scales
        grid = evaluate.heat_map(predictor, task, scales, scales, *place, points=points)
        return [(sx, sf) for sx in scales for sf in scales], grid.reshape(-1, prompts).T
    if settings.measure == "huge":
        sizes = settings.sizes
        return list(sizes), evaluate.error_with_huge_token(
            predictor, task, sizes, *place, points=points
        ).T
    if settings.measure == "length":
        lengths = settings.lengths
        return list(lengths), evaluate.error_by_length(predictor, task, lengths, *place).T
    scales = settings.scales
    return list(scales), evaluate.error_by_scale(predictor, task, scales, *place, points=points).T


def own_rows(settings: Settings, groups: dict[str, list[Predictor]]) -> list[dict[str, Any]]:
    """One row a predictor and place: error, error over that of zero, and the band of the latter."""
    where, none = measured(settings, zero)
    rows = []
    for name, members in groups.items():
        errors = np.stack([measured(settings, predictor)[1] for predictor in members])
        reference = np.broadcast_to(none, errors.shape)
        bands = band(errors, reference, level=settings.level)
        columns = (where, errors.mean((0, 1)), *bands)
        for at, error, mean, low, high in zip(*columns, strict=True):
            numbers = {"error": error, "relative": mean, "low": low, "high": high}
            numbers = {key: float(value) for key, value in numbers.items()}
            rows.append({"predictor": name, "seeds": len(members), "at": at, **numbers})
    return rows


def paper_rows(settings: Settings, groups: dict[str, list[Predictor]]) -> list[dict[str, Any]]:
    """One row a predictor, as in the paper's tables: mean over seeds at sigma = 1 .. 10."""
    law = settings.coefficients or "normal"
    rows = []
    for name, members in groups.items():
        scores = [
            protocol.score(predictor, settings.degree, x=settings.x, coefficient=law)
            for predictor in members
        ]
        error = np.mean(scores, axis=0).tolist()
        rows.append({"predictor": name, "seeds": len(members), "error": error})
    return rows


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Plain text in columns, the first one to the left."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = []
    for row in (header, *rows):
        first, *rest = [word.rjust(width) for word, width in zip(row, widths, strict=True)]
        lines.append("  ".join([first.strip().ljust(widths[0]), *rest]))
    return "\n".join(lines)


def run(settings: Settings, paths: Sequence[Path]) -> str:
    """The whole command: measure, then a table or one JSON object."""
    if settings.degree < 0 or settings.prompts < 2 or settings.points < 2:
        raise UserError("evaluation needs --degree >= 0, --prompts >= 2 and --points >= 2")
    groups = collect(settings, paths)
    paper = settings.protocol == "paper"
    rows = paper_rows(settings, groups) if paper else own_rows(settings, groups)
    if settings.json:
        about = {"protocol": settings.protocol, "degree": settings.degree, "x": settings.x}
        about["coefficients"] = settings.coefficients or ("normal" if paper else "uniform")
        kind = {"sigma": list(protocol.SIGMAS)} if paper else {"measure": settings.measure}
        return json.dumps(about | kind | {"rows": rows}, indent=1)
    if paper:
        body = [[r["predictor"], *(f"{e:.2f}" for e in r["error"])] for r in rows]
        return table(["sigma", *map(str, protocol.SIGMAS)], body)
    names = ["error", "relative", "low", "high"]
    body = [[r["predictor"], str(r["at"]), *(f"{r[name]:.4g}" for name in names)] for r in rows]
    return table(["predictor", settings.measure, *names], body)


def main() -> None:
    """`python -m sim.evaluate [PATH ...] [--predictor NAME ...] [--json] ...`."""
    import tyro

    def command(
        paths: tyro.conf.Positional[tuple[Path, ...]] = (),
        settings: tyro.conf.OmitArgPrefixes[Settings] = Settings(),
    ) -> None:
        """Error of predictors on prompts of their own, or on the published test set.

        Args:
            paths: Checkpoints, or runs' folders (the newest checkpoint is taken).
            settings: What to measure.
        """
        print(run(settings, paths))

    try:
        tyro.cli(command, prog="python -m sim.evaluate")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
