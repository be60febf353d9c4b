"""The Coq development under theory/formal proves what theory/lemmas.py says it does."""

import fcntl
import importlib.util
import pathlib
import re
import shutil
import subprocess

import pytest

from theory.errors import TheoryError
from theory.formal import certificate
from theory.formal.fixed_point import T
from theory.layernorm import readout_ceiling
from theory.lemmas import LEMMAS, NOT_FORMAL, PARTLY
from theory.read import load_weights

FORMAL = pathlib.Path(__file__).resolve().parents[2] / "theory" / "formal"
ZOO = sorted((FORMAL.parents[1] / "verify" / "zoo").glob("attention-only-1-*.safetensors"))
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
        done = subprocess.run(
            ["make", "-j2", "-C", FORMAL, "check"], capture_output=True, text=True
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return FORMAL


def test_every_theorem_has_a_lemma_or_a_reason():
    assert sorted(LEMMAS) == sorted(IDS)
    assert {name for name, lemmas in LEMMAS.items() if not lemmas} == set(NOT_FORMAL)
    assert set(PARTLY) <= set(LEMMAS) - set(NOT_FORMAL)


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


def compiled(text, built, folder):
    """coqc on a certificate."""
    (folder / "CertificateDemo.v").write_text(text)
    command = ["coqc", "-q", "-Q", str(built), "ICL", "CertificateDemo.v"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def test_coq_accepts_the_numbers_of_a_model_and_no_smaller_ones(built, tmp_path, random_weights):
    weights = random_weights(d=6, layers=1, heads=2)
    found = certificate.certify(weights, "random")
    done = compiled(found.text, built, tmp_path)
    assert done.returncode == 0, done.stderr
    for number in (found.r_tot, found.ceiling, found.x_far):
        smaller = found.text.replace(f" {number}", f" {number - 1}")
        assert "certified" in compiled(smaller, built, tmp_path).stderr


@pytest.mark.parametrize("change", [-1, 1])
def test_coq_counts_the_digits_of_the_ceiling(built, tmp_path, random_weights, change):
    text = certificate.certify(random_weights(d=4, layers=0), "random").text
    digits = re.findall(r"IZR (\d+) /", text)[0]
    assert (
        "Certificate.cert"
        in compiled(text.replace(digits, str(int(digits) + change)), built, tmp_path).stderr
    )


def test_a_certificate_of_other_weights_is_refused(built, tmp_path, random_weights):
    text = certificate.certify(random_weights(d=4, layers=1, heads=1), "random").text
    word = text[text.index("w2 := [floats 0x") + 16 :][:8]
    assert compiled(text.replace(word, "43800000"), built, tmp_path).returncode != 0


@pytest.mark.parametrize("path", ZOO, ids=lambda path: path.stem)
def test_coq_accepts_the_numbers_of_a_zoo_model(built, tmp_path, path):
    done = compiled(certificate.certify(load_weights(path), path.name).text, built, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_certified_ceiling_is_l2s(random_weights):
    weights = random_weights(d=8)
    band = readout_ceiling(weights)
    radius = (band.high - band.low) / 2
    assert radius <= certificate.certify(weights, "random").ceiling / 2**T <= radius * 1.001


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"norm": "none"}, "a block without a norm"),
        ({"final_norm": "rmsnorm"}, "a final LayerNorm"),
        ({"score": "linear"}, "linear"),
        ({"post_norm": True}, "post-norm"),
    ],
)
def test_a_model_without_a_certificate_is_refused(random_weights, options, reason):
    with pytest.raises(TheoryError, match=reason):
        certificate.certify(random_weights(**options), "random")
