"""One sampling pass a model, shared by all claims that are maxima over prompts.

A measure maps a batch of prompts to one number a prompt; the pass keeps each measure's largest
value and the prompt that gave it. Passes of several parts may run in any order and on any number
of processes: a maximum does not notice.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from sim.engines import engine
from verify.sampling import PART, batches, parts
from verify.subject import Network, Subject, at_queries, load_subject

SEED = 20250203
POINTS = 41


@dataclass(frozen=True)
class Batch:
    """Prompts with what the model said at each x and the residual that it was read from."""

    model: Subject
    family: str
    tokens: Float[Tensor, "B T"]
    y: Float[Tensor, "B n"]
    residual: Float[Tensor, "B n d"]


@dataclass(frozen=True)
class Largest:
    """The largest value of a measure, the prompt that gave it and its family."""

    value: float
    prompt: tuple[float, ...]
    family: str


@dataclass(frozen=True)
class Sampled:
    """What a pass over ``prompts`` prompts found."""

    prompts: int
    largest: Mapping[str, Largest]

    def __getitem__(self, measure: str) -> Largest:
        """The largest value of a measure."""
        return self.largest[measure]


Measure = Callable[[Batch], Float[Tensor, "B n"]]


@torch.no_grad()
def read_queries(
    network: Network, tokens: Float[Tensor, "B T"]
) -> tuple[Float[Tensor, "B n"], Float[Tensor, "B n d"]]:
    """Predictions at x_1, .., x_n and their residuals; y tokens are not read out."""
    residual = at_queries(network, tokens)
    return network.readout(residual), residual


def merge(first: Sampled, second: Sampled) -> Sampled:
    """The pass over both; of equal values the first one's prompt is kept."""
    largest = dict(first.largest)
    for name, found in second.largest.items():
        if name not in largest or found.value > largest[name].value:
            largest[name] = found
    return Sampled(first.prompts + second.prompts, largest)


def observe(batch: Batch, measures: Mapping[str, Measure]) -> Sampled:
    """The largest of each measure over one batch (NaN counts as infinite)."""
    found = {}
    for name, measure in measures.items():
        values = measure(batch).nan_to_num(nan=torch.inf)
        index = int(values.argmax())
        row, point = divmod(index, values.shape[1])
        prompt = tuple(batch.tokens[row, : 2 * point + 1].tolist())
        found[name] = Largest(float(values[row, point]), prompt, batch.family)
    return Sampled(batch.y.numel(), found)


def sample_part(
    model: Subject, measures: Mapping[str, Measure], prompts: int, part: int, say: bool = False
) -> Sampled:
    """One part of at most PART prompts."""
    points = min(POINTS, (model.context + 1) // 2)
    done, start, said = Sampled(0, {}), time.monotonic(), 0.0
    for family, tokens in batches(prompts, points, SEED, part):
        y, residual = read_queries(model.network, tokens)
        done = merge(done, observe(Batch(model, family, tokens, y, residual), measures))
        if say and (passed := time.monotonic() - start) - said > 10:
            said = passed
            speed = f"{done.prompts:.3g} of {prompts:.3g} prompts, {done.prompts / passed:.3g}/s"
            print(f"  {model.name} part {part}: {speed}", file=sys.__stderr__, flush=True)
    return done


# (model, prompts, part) -> what was found, here or by another process
STORE: dict[tuple[Subject, int, int], Sampled] = {}


def sampled(model: Subject, prompts: int, part: int = 0) -> Sampled:
    """Part ``part`` of a pass over ``prompts`` prompts with every measure; once a process."""
    from verify.measures import measures_of

    key = (model, prompts, part)
    if key not in STORE:
        here = min(PART, prompts - part * PART)
        STORE[key] = sample_part(model, measures_of(model), here, part, say=prompts > PART)
    return STORE[key]


def part_of(path: str, prompts: int, part: int) -> Sampled:
    """The same for a checkpoint's path: a job for another process or machine."""
    torch.set_num_threads(1)
    return sampled(load_subject(Path(path)), prompts, part)


def spread(
    model: Subject, path: Path, prompts: int, engine_name: str, workers: int, address: str | None
) -> None:
    """Draw every part of a pass elsewhere, by sim.engines, and store it here.

    A part is a function of (seed, part), so the number of workers changes nothing but the time
    (the last bits of float32 sums are those of the machine that drew them).
    """
    count = parts(prompts)
    with engine(engine_name, workers, address) as submit:
        jobs = [submit(part_of, str(path.resolve()), prompts, part) for part in range(count)]
        for part, job in enumerate(jobs):
            STORE[model, prompts, part] = job.result()
            print(f"  part {part + 1} of {count}", file=sys.stderr, flush=True)
