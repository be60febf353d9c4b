"""`python -m verify.zoo.search [NAME ...]`: look long for prompts that press on a bound; keep them.

L2: predictions at the ends of the ceiling. N9: contexts that move the prediction at a far query.
Several lengths and more steps than a claim has: a minute or two a model. The best prompts go
to verify/zoo/prompts.jsonl, where the claims find them; models that are done are not searched again
unless they changed. One thread a process, so the same command finds the same prompts.
"""

import argparse
import dataclasses
import json
import platform
import sys
from collections.abc import Iterator, Sequence

import torch

from sim.atomic import write_atomically
from sim.errors import UserError
from theory.anatomy import needs_ray
from theory.errors import TheoryError
from theory.functional import functional_spread
from theory.layernorm import readout_ceiling
from verify.attack import attack, begin, towards
from verify.far import ATTACKED, Extreme, searched
from verify.kept import PROMPTS, Kept, read
from verify.passes import SEED
from verify.predictors import points_of
from verify.subject import Subject, answer, load_subject
from verify.zoo import FOLDER, entries

BOUNDS = ("L2", "N9")
# a query's position counts more than the number of points: full prompts reach no farther
LENGTHS = (4, 8, 16)
STARTS, SHARE = 128, 0.5
ROUNDS = ((0.3, 40), (0.3, 40), (0.1, 40), (0.1, 40), (0.03, 40))
# reached / radius from which longer prompts are not tried
ENOUGH = 0.98
FAR_POINTS, FAR_STARTS = 12, 64
# longer contexts are tried, from so many draws of starts, while less than this share of N9's band
# is reached
LONGER, DRAWS, HALF = 24, 3, 0.5


def ceiling_prompts(model: Subject) -> Iterator[tuple[str, float, list[float]]]:
    """(end, prediction, prompt) at both ends of L2's ceiling, in float32 as the model runs."""
    ceiling = readout_ceiling(model.weights)
    for end, goal, radius in (
        ("low", ceiling.low, -ceiling.radius),
        ("high", ceiling.high, ceiling.radius),
    ):
        best: tuple[float, list[float]] | None = None
        for points in (n for n in LENGTHS if 2 * n - 1 <= model.context):
            objective, start = towards(model.network, goal, radius), begin(STARTS, points, SEED)
            found = attack(objective, start, SEED, rounds=ROUNDS, share=SHARE)
            tokens = torch.tensor([found.argbest])
            with torch.no_grad():
                y = float(answer(model.network, tokens))
            if best is None or (y - best[0]) / radius > 0:
                best = y, found.argbest
            if (best[0] - ceiling.midpoint) / radius >= ENOUGH:
                break
        assert best is not None
        yield end, *best


def far_prompts(model: Subject) -> Iterator[tuple[str, float, list[float]]]:
    """(end, prediction, prompt): contexts of the queries ±ATTACKED, in float64."""
    for x in (ATTACKED, -ATTACKED):
        lowest = highest = far(model, x, FAR_POINTS, SEED)
        width = float(functional_spread(model.weights, x))
        for draw in range(DRAWS):
            if highest.high - lowest.low >= HALF * width:
                break
            longer = far(model, x, LONGER, SEED + draw)
            lowest = min(lowest, longer, key=lambda s: s.low)
            highest = max(highest, longer, key=lambda s: s.high)
        yield "low", lowest.low, lowest.low_prompt
        yield "high", highest.high, highest.high_prompt


def far(model: Subject, x: float, points: int, seed: int) -> Extreme:
    """Extreme predictions at the query x over contexts of so many points."""
    return searched(model, x, points_of(model, points), FAR_STARTS, ROUNDS, SHARE, seed)


def search(name: str, bounds: Sequence[str] = BOUNDS) -> list[Kept]:
    """The prompts of one zoo model, for each of the bounds that the theory has for it."""
    torch.set_num_threads(1)
    model = load_subject(FOLDER / f"{name}.safetensors")
    found = []
    if "L2" in bounds:
        try:
            readout_ceiling(model.weights)
            found += [("L2", *prompt) for prompt in ceiling_prompts(model)]
        except TheoryError:
            pass  # no ceiling: nothing to press on
    if "N9" in bounds and needs_ray(model.weights) is None:
        found += [("N9", *prompt) for prompt in far_prompts(model)]
    return [
        Kept(
            model=name,
            model_hash=model.hash,
            bound=bound,
            end=end,
            # nine digits name a float32; a far context need not be kept more exactly
            tokens=tuple(float(f"{z:.9g}") for z in tokens),
            reached=reached,
            seed=SEED,
            command=f"python -m verify.zoo.search {name}",
            device=f"cpu ({platform.machine()}), torch {torch.__version__}",
        )
        for bound, end, reached, tokens in found
    ]


def keep(new: list[Kept]) -> None:
    """The file with a model's prompts in place of its old ones, in the manifest's order."""
    names, replaced = [entry.name for entry in entries()], {(n.model, n.bound) for n in new}
    old = [k for k in read() if k.model in names and (k.model, k.bound) not in replaced]
    ordered = sorted([*old, *new], key=lambda k: (names.index(k.model), k.bound))
    lines = [json.dumps(dataclasses.asdict(k)) + "\n" for k in ordered]
    write_atomically(PROMPTS, "".join(lines).encode())


def main(arguments: list[str]) -> int:
    """Search the models named, or all that have no prompts yet."""
    parser = argparse.ArgumentParser(prog="python -m verify.zoo.search", description=__doc__)
    parser.add_argument("names", nargs="*", help="zoo models; default: those without prompts")
    parser.add_argument("--bound", choices=BOUNDS, help="look for this one only")
    asked = parser.parse_args(arguments)
    names, bounds = asked.names, (asked.bound,) if asked.bound else BOUNDS
    known = {entry.name: entry.sha256 for entry in entries()}
    try:
        if unknown := [name for name in names if name not in known]:
            raise UserError(f"no zoo model {unknown[0]!r}; known: {', '.join(known)}")
        done = {k.model for k in read() if known.get(k.model, "").startswith(k.model_hash)}
        for name in names or [name for name in known if name not in done]:
            found = search(name, bounds)
            keep(found)
            said = ", ".join(f"{k.bound} {k.end} {k.reached:.6g}" for k in found)
            print(f"{name}: {said or 'no bound to press on'}", flush=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
