"""The Coq development under theory/formal proves what theory/lemmas.py says it does."""

import fcntl
import importlib.util
import pathlib
import shutil
import subprocess

import pytest

from theory.lemmas import LEMMAS, NOT_FORMAL

FORMAL = pathlib.Path(__file__).resolve().parents[2] / "theory" / "formal"
LISTED = [name for names in LEMMAS.values() for name in names]
IDS = [
    f"{letter}{number}"
    for letter, last in {"L": 6, "S": 6, "N": 9, "G": 6, "P": 4, "F": 2, "W": 2}.items()
    for number in range(1, last + 1)
]


def script(name):
    """One of the scripts beside the Coq sources, which are no Python package."""
    spec = importlib.util.spec_from_file_location(f"formal_{name}", FORMAL / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


axioms, mutants = script("axioms"), script("mutants")


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The compiled sources; one build at a time, since test workers share the folder."""
    if shutil.which("coqc") is None:
        pytest.skip("Coq is not installed (Debian: apt-get install coq)")
    with open(tmp_path_factory.getbasetemp().parent / "coq.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "-C", FORMAL, "check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return FORMAL


def test_every_theorem_has_a_lemma_or_a_reason():
    assert sorted(LEMMAS) == sorted(IDS)
    assert {name for name, lemmas in LEMMAS.items() if not lemmas} == set(NOT_FORMAL)


def test_every_listed_lemma_is_in_the_sources():
    there = {name for source in FORMAL.glob("*.v") for name in axioms.proved(source)}
    assert set(LISTED) - there == set()
    assert len(LISTED) == len(set(LISTED))


def test_the_listed_lemmas_rest_on_the_axioms_of_the_reals_alone(built):
    assert axioms.assumptions(LISTED, built) <= axioms.STANDARD


def test_a_missing_lemma_and_an_axiom_are_seen(built, tmp_path):
    with pytest.raises(RuntimeError, match="no_such_lemma"):
        axioms.assumptions(["Softmax.no_such_lemma"], built)
    (tmp_path / "Hole.v").write_text("Theorem hole : 0 = 1.\nAdmitted.\n")
    subprocess.run(["coqc", "-q", "-Q", ".", "ICL", "Hole.v"], cwd=tmp_path, check=True)
    assert axioms.assumptions(["Hole.hole"], tmp_path) - axioms.STANDARD == {"Hole.hole"}


def test_a_hole_in_the_sources_fails_the_build(built, tmp_path):
    for name in ("Makefile", "Vectors.v"):
        shutil.copy(FORMAL / name, tmp_path)
    with open(tmp_path / "Vectors.v", "a") as source:
        source.write("Lemma hole : 0 = 1.\nAdmitted.\n")
    done = subprocess.run(["make", "-C", tmp_path, "check"], capture_output=True, text=True)
    assert done.returncode != 0
    assert "holes in the proofs" in done.stdout


@pytest.mark.parametrize("mutant", mutants.mutants(), ids=lambda m: f"{m.file}: {m.changed}")
def test_coq_refuses_the_mutant(built, mutant):
    assert mutants.refusal(mutant) is not None
