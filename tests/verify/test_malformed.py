"""Malformed checkpoints: one clear line each, nothing executed, written or allocated without bound.

The test runs some hundreds in a process with bounded memory. By hand, as many as wanted:

    PYTHONPATH=. python tests/verify/test_malformed.py 10000 [first seed]
"""

import faulthandler
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import pytest
from hostile import CANARY, PICKLES, bomb, hostile_archive, tensor, torch_legacy, with_pickle
from malformed import (
    Files,
    corpus,
    cut,
    edit_header,
    edit_settings,
    edit_tensors,
    flip_bits,
    torch_bytes,
)

from sim.errors import CheckpointError
from theory.heads import ceilings
from verify.formats import recognise

ROOT = Path(__file__).resolve().parents[2]
HEADROOM = 3 * 2**29
SECONDS = 10


def edit_archive(r: random.Random, files: Files) -> Files:
    """A hostile pickle or zip in the place of a file of tensors."""
    name = r.choice([n for n in files if not n.endswith((".json", ".yaml"))])
    return files | {name: hostile_archive(r, files[name])}


FIRST = (flip_bits, cut, edit_settings, edit_header, edit_tensors, edit_archive)


def lay_out(r: random.Random, files: Files, folder: Path) -> None:
    """The files on disk; now and then a folder, a pipe or a link to nowhere in the place of one."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    if r.random() < 0.02:
        path = folder / r.choice(list(files))
        path.unlink()
        r.choice((path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to(path.name)))()


def state_of(folder: Path) -> dict[str, tuple]:
    """Everything that a reader could have changed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[path.name] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino)
    return found


def judge(place: Path, folder: Path) -> str:
    """What became of the path; an assertion fails where it is not as promised."""
    before = state_of(folder)
    try:
        found = recognise(place)
        found.verdicts()
        for readout in found.readouts:
            low, high = ceilings(readout.head)
            assert (low <= high).all()
        outcome = f"read as {found.format}"
    except CheckpointError as error:
        line = str(error)
        assert "\n" not in line and "\r" not in line and place.stem in line, line
        assert 10 < len(line) - len(str(folder)) < 700, line
        outcome = "refused"
    except ValueError as error:  # a theorem's clear word about weights that no double can hold
        assert type(error).__name__ == "TheoryError" and "\n" not in str(error), error
        outcome = "refused by theory"
    assert state_of(folder) == before, "files were changed"
    return outcome


def one(seed: int, valid: dict[str, tuple[Files, str]], scratch: Path) -> str:
    """One malformed checkpoint."""
    r = random.Random(seed)
    files, name = valid[r.choice(list(valid))]
    files = r.choice(FIRST)(r, files)
    if r.random() < 0.1:
        files = r.choice((flip_bits, cut))(r, files)
    folder = scratch / str(seed)
    folder.mkdir()
    lay_out(r, files, folder)
    # processor time for what computes, and a wide margin of the clock for what waits
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(12 * SECONDS)
    try:
        return judge(folder / name if name else folder, folder)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        shutil.rmtree(folder)


def too_slow(*_: object) -> None:
    raise TimeoutError(f"more than {SECONDS} s")


def bound_memory() -> None:
    """No more than HEADROOM beyond what the imports took."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + HEADROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(count: int, first: int = 0) -> int:
    """Prints the outcomes; 1 if any was not as promised."""
    warnings.simplefilter("error")
    faulthandler.enable()
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, too_slow)
    outcomes, failed, start = Counter(), 0, time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        scratch = Path(name) / "scratch"
        valid = corpus(Path(name))
        scratch.mkdir()
        for files, place in valid.values():
            folder = scratch / "valid"
            folder.mkdir()
            lay_out(random.Random(1), files, folder)
            assert judge(folder / place if place else folder, folder).startswith("read as")
            shutil.rmtree(folder)
        bound_memory()
        for seed in range(first, first + count):
            try:
                outcomes[one(seed, valid, scratch)] += 1
            except Exception:
                failed += 1
                print(f"seed {seed}:\n{traceback.format_exc()}", file=sys.stderr)
        executed = list(Path(name).rglob(CANARY))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{count} malformed checkpoints in {time.monotonic() - start:.0f} s, peak {peak} MiB")
    for outcome, number in outcomes.most_common():
        print(f"{number:6} {outcome}")
    print(f"{failed:6} not as promised; executed: {executed or 'nothing'}")
    return int(failed > 0 or bool(executed))


def test_hundreds_of_malformed_checkpoints():
    command = [sys.executable, __file__, "250", "20250203"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "executed: nothing" in done.stdout


@pytest.mark.parametrize("index", range(len(PICKLES)))
def test_no_hostile_pickle_is_read(tmp_path, index, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "state.pt"
    path.write_bytes(with_pickle(torch_bytes({"a": 1}), PICKLES[index]))
    with pytest.raises(CheckpointError, match=r"state\.pt: (refused|damaged)"):
        recognise(path)
    assert not (tmp_path / CANARY).exists()


def test_what_is_refused_is_named(tmp_path):
    path = tmp_path / "state.pt"
    for data, reason in (
        (with_pickle(torch_bytes({}), PICKLES[3]), "asks for 'posix.system'"),
        (bomb(), "compressed record"),
        (with_pickle(torch_bytes({}), tensor(4, 0, (2**40,), (0,))), "in a storage of 4"),
        (torch_legacy(), "could run code"),
    ):
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match=reason):
            recognise(path)


@pytest.mark.parametrize(("numbers", "own"), [(2**30, False), (2**30, True), (2**34, False)])
def test_sparse_files_are_not_read(tmp_path, numbers, own):
    """Gigabytes of holes behind an honest header."""
    name = "model.read_in.weight" if own else "ln_f.weight"
    header = {name: {"dtype": "F32", "shape": [numbers], "data_offsets": [0, 4 * numbers]}}
    if own:
        header["__metadata__"] = {"icl_limits": "{}"}
    text = json.dumps(header).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    os.truncate(path, 8 + len(text) + 4 * numbers)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(CheckpointError, match="too large here"):
        recognise(path)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
