"""`python -m verify PATH [--out DIR]`: every claim that speaks about your model, and its table.

Exit code 0: all of them hold. 1: one is violated (its input is stored and printed). 2: bad input.
"""

import argparse
import sys
from pathlib import Path

from sim.errors import CheckpointError, UserError
from theory import Theorem
from theory.heads import ceilings
from verify.applies import runs_on, why_unchecked
from verify.cases import Candidate, Case, cases, merged
from verify.claims import claims
from verify.formats import Recognised, recognise
from verify.passes import spread
from verify.report import write_report
from verify.rows import Row, write
from verify.table import claim_table

SAMPLES = 10**5


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m verify", description=__doc__)
    found.add_argument("path", type=Path, help="a checkpoint, or a folder with one")
    found.add_argument("--out", type=Path, default=Path("verify-report"), help="where to write")
    found.add_argument("--samples", type=lambda text: int(float(text)), default=SAMPLES,
                       help="sampled prompts (default 1e5)")  # fmt: skip
    found.add_argument(
        "--engine", default="", choices=["", "processes", "dask"],
        help="draw the samples elsewhere: in processes, or on a Dask cluster",
    )  # fmt: skip
    found.add_argument("--workers", type=int, default=2, help="processes or Dask workers")
    found.add_argument("--address", help="Dask scheduler, e.g. tcp://host:8786; default: local")
    found.add_argument("--mapping", type=Path, help="JSON file that names the tensors")
    found.add_argument("--heads", type=int, help="number of heads, where the file does not say it")
    found.add_argument("--mutants", action="store_true", help="also show that each claim can fail")
    return found


def say(text: str = "") -> None:
    """To the terminal at once: claims take a while."""
    print(text, flush=True)


def describe(found: Recognised) -> list[Theorem]:
    """Say what the path is, which theorems speak about it, and why the others do not."""
    say(f"{found.file}: {found.format}: {found.description}")
    for note in found.notes:
        say(f"note: {note}")
    apply, refused, unchecked = [], {}, {}
    for theorem, reason in found.verdicts():
        if reason is not None:
            refused.setdefault(reason, []).append(theorem.id)
            continue
        weights = found.subject.weights if found.subject else None
        if weights and (why := why_unchecked(theorem.id, weights)):
            unchecked.setdefault(why, []).append(theorem.id)
        else:
            apply.append(theorem)
    say(f"theorems that apply: {' '.join(t.id for t in apply) or 'none'}")
    for reason, ids in unchecked.items():
        say(f"  not checked on one model {' '.join(ids)}: {reason}")
    for reason, ids in refused.items():
        say(f"  not {' '.join(ids)}: {reason}")
    return apply


def readout_lines(found: Recognised) -> list[str]:
    """The ceiling of each readout (L2), the widest output where there are many."""
    lines = []
    for readout in found.readouts:
        try:
            low, high = ceilings(readout.head)
        except ValueError as error:
            lines.append(f"{readout.name}: no ceiling ({error})")
            continue
        widest = int((high - low).argmax())
        more = f", widest of {len(low)} outputs (number {widest})" if len(low) > 1 else ""
        lines.append(f"{readout.name}: always in [{low[widest]:.7g}, {high[widest]:.7g}]{more}")
    return lines


def run(candidate: Candidate, samples: int, mutants: bool) -> tuple[list[Row], list[str]]:
    """Rows of every case, and what was violated."""
    rows: list[Row] = []
    violations: list[str] = []
    for claim in claims():
        if not runs_on(claim):
            continue
        for case in cases(claim, [candidate], samples):
            if case.mutant and not mutants:
                continue
            new, wrong = attempt(case)
            rows += new
            if wrong:
                violations.append(wrong)
                say(f"VIOLATED {claim.id} {claim.text}\n{wrong}")
            else:
                say(f"  {claim.id:3} {claim.text}{': mutant caught' if case.mutant else ''}")
    return rows, violations


def attempt(case: Case) -> tuple[list[Row], str]:
    """Rows of one case and the message of its failed assertion."""
    record = case.recorder()
    try:
        case.run(record)
    except AssertionError as error:
        return record.rows, str(error) or "assertion failed"
    return record.rows, ""


def check(options: argparse.Namespace) -> int:
    """The whole command.

    Raises:
        UserError: the path is no checkpoint, or the folder cannot be written to.
    """
    if options.samples < 1:
        raise UserError(f"--samples {options.samples}: at least 1 is needed")
    found = recognise(options.path, options.mapping, options.heads)
    describe(found)
    for line in readout_lines(found):
        say(line)
    if found.subject is None:
        say(f"claims need the whole network, here only its readout is read: {found.beyond}")
        write([], options.out / "rows.jsonl")
        return 0
    from verify.cases import LOADED

    LOADED[found.file] = found.subject
    if options.engine:
        place = (options.engine, options.workers, options.address)
        spread(found.subject, found.file, options.samples, *place)
    rows, violations = run(Candidate(found.file), options.samples, options.mutants)
    rows = merged(rows)
    write(rows, options.out / "rows.jsonl")
    command = f"python -m verify {options.path} --samples {options.samples} --out {options.out}"
    title, about = f"What {found.short_path} cannot do", f"{found.format}: {found.description}."
    write_report(rows, found.subject, options.out / "report.html", title, command, about)
    say()
    for line in claim_table(rows):
        say(line)
    say(f"rows: {options.out / 'rows.jsonl'}; page: {options.out / 'report.html'}")
    return 1 if violations else 0


def main(arguments: list[str] | None = None) -> int:
    """Exit code."""
    options = parser().parse_args(arguments)
    try:
        return check(options)
    except (UserError, CheckpointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
