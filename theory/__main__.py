"""``python -m theory``: the theorems, one of them, or all of them on a model.

python -m theory                     every theorem, its steps checked
python -m theory L2 [--model PATH]   one theorem: statement, proof, checks, numbers on a model
python -m theory certify PATH        every theorem's numbers on a checkpoint

Ids may be in either case. Checkpoints are those of this project; python -m verify PATH reads others
as well, and attacks the bounds.
Exit code 0: all well. 1: a step of the list is not proved. 2: bad input, said in one line.
"""

import argparse
import difflib
import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.table import Table

from theory.certify import certify, verdict
from theory.errors import TheoryError
from theory.lemmas import LEMMAS
from theory.page import checked, numbers, page, text, value_lines
from theory.read import load_weights
from theory.theorem import Theorem, theorems
from theory.weights import Weights

ALIASES = {"E1": "W1", "E2": "G5"}
ZOO = Path(__file__).resolve().parent.parent / "verify" / "zoo"


def find(name: str) -> Theorem:
    """The theorem of an id or alias; TheoryError with a suggestion for anything else."""
    known, wanted = theorems(), name.upper()
    wanted = ALIASES.get(wanted, wanted)
    if wanted in known:
        return known[wanted]
    if Path(name).exists():
        raise TheoryError(f"{name} is a path; for its numbers: python -m theory certify {name}")
    close = suggestions(name)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    raise TheoryError(f"no theorem {name!r}{hint}; `python -m theory` lists them all")


def suggestions(name: str) -> list[str]:
    """Up to three ids that a name or a word of it stands for, else the id spelled most alike."""
    known, low = theorems(), name.lower()
    words = {word for theorem in known.values() for word in theorem.name.lower().split()}
    meant = [low, *difflib.get_close_matches(low, words, 1, 0.75)] if len(low) > 2 else []
    named = [t.id for t in known.values() if any(word in t.name.lower() for word in meant)]
    letter, digits = re.sub(r"[^A-Z]", "", name.upper())[:1], re.sub(r"\D", "", name)[:9]

    def far(id_: str) -> tuple[float, bool, int]:
        alike = difflib.SequenceMatcher(None, id_, name.upper()).ratio()
        return -alike, id_[0] != letter, abs(int(id_[1:]) - int(digits or 0))

    nearest = min([*known, *ALIASES], key=far)
    return named[:3] or ([nearest] if far(nearest)[0] <= -0.4 else [])


def zoo_model(theorem: Theorem) -> tuple[str, Weights] | None:
    """The first committed model that the theorem speaks about."""
    for path in sorted(ZOO.glob("*.safetensors")):
        weights = load_weights(path)
        if theorem.applies(weights) is None:
            return path.stem, weights
    return None


def list_all(as_json: bool) -> int:
    """Every theorem, its steps checked as it is printed; 1 if one fails."""
    known = theorems()
    if as_json:
        pages = [page(theorem) for theorem in known.values()]
        print(json.dumps(pages, ensure_ascii=False, indent=1))
        return int(not all(s["proved"] for p in pages for s in p["steps"]))
    console, failed = Console(), False
    table = Table("id", "theorem", "kind", "steps", "Coq lemmas")
    # off a terminal each line appears as soon as its steps are checked
    with console.status("checking every step") if console.is_terminal else nullcontext():
        for theorem in known.values():
            good, count = checked(theorem)
            failed |= good < count
            kind = "tight" if theorem.tight else "one-sided"
            lemmas = len(LEMMAS.get(theorem.id, ()))
            cells = (theorem.id, theorem.name, kind, f"{good}/{count} checked", f"{lemmas}")
            table.add_row(*cells)
            if not console.is_terminal:
                print("{:3} {:34} {:10} {:14} {:>2} in Coq".format(*cells), flush=True)
    if console.is_terminal:
        console.print(table)
    hint("python -m theory L2", "python -m theory certify PATH")
    return int(failed)


def hint(*commands: str) -> None:
    """What to type next."""
    print(f"next: {'; '.join(commands)}")


def show(theorem: Theorem, model: Path | None, as_json: bool) -> int:
    """One theorem and its numbers on the model given, or on one of the zoo."""
    chosen = (str(model), load_weights(model)) if model else zoo_model(theorem)
    if as_json:
        record = page(theorem)
        if chosen is not None:
            record["model"] = chosen[0]
            record["values"] = numbers(verdict(theorem, chosen[1]))
        print(json.dumps(record, ensure_ascii=False, indent=1))
        return 0
    for line in text(theorem):
        print(line)
    if chosen is None:
        print("numbers: no committed model that it speaks about; name one with --model PATH")
        return 0
    print(f"on {chosen[0]}")
    for line in value_lines(verdict(theorem, chosen[1])):
        print(line)
    if model is None:
        hint(f"python -m theory {theorem.id} --model PATH", "python -m theory certify PATH")
    return 0


def show_certificate(path: Path, as_json: bool) -> int:
    """Every theorem's numbers on one checkpoint."""
    weights = load_weights(path)
    if as_json:
        record = {id_: numbers(values) for id_, values in certify(weights).items()}
        print(json.dumps(record, ensure_ascii=False, indent=1))
        return 0
    for theorem in theorems().values():
        print(f"{theorem.id} {theorem.name}")
        for line in value_lines(verdict(theorem, weights)):
            print(line, flush=True)
    hint(f"python -m theory L2 --model {path}", f"python -m verify {path}")
    return 0


def run(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and answer it."""
    parser = argparse.ArgumentParser(prog="python -m theory", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", nargs="*", help="an id such as L2, or: certify PATH")
    parser.add_argument(
        "--model", type=Path, metavar="PATH",
        help="with an id: the checkpoint to evaluate on (default: a committed model)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    options = parser.parse_args(arguments)
    if options.model and (not options.what or options.what[0] == "certify"):
        raise TheoryError(
            f"--model goes with one theorem; all of them: python -m theory certify {options.model}"
        )
    match options.what:
        case []:
            return list_all(options.json)
        case ["certify", path]:
            return show_certificate(Path(path), options.json)
        case ["certify", *_]:
            raise TheoryError("certify takes one checkpoint: python -m theory certify PATH")
        case [word, *rest] if difflib.get_close_matches(word.lower(), ["certify"], 1, 0.7):
            path = rest[0] if rest else "PATH"
            raise TheoryError(f"no command {word!r}; did you mean: python -m theory certify {path}")
        case [name]:
            return show(find(name), options.model, options.json)
    raise TheoryError(f"one theorem at a time, not {len(options.what)}")


def main() -> int:
    """``run`` with errors as one line and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        status = run()
        sys.stdout.flush()
        return status
    except TheoryError as error:
        print(f"python -m theory: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
