"""One id through everything: each theorem has steps, something sharp, a claim, a box, a row."""

import re

import pytest

from tests.test_paper import ALL
from theory import theorems
from theory.lemmas import LEMMAS, NOT_FORMAL
from verify.claims import claims
from verify.figures import drawings
from verify.rows import ROOT
from verify.words import WORDS

KNOWN = theorems()
CLAIMS = claims()
IDS = sorted({*LEMMAS, *KNOWN}, key=lambda id_: (*"LSNGWPF".partition(id_[0])[:1], id_))
BOXES = re.findall(r'#theorem\("([^"]+)"\)', ALL)
README_ROWS = re.findall(r"^\| ([LSNGWPF]\d+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)


def missing(id_: str) -> list[str]:
    """What the suite lacks of a theorem, in words."""
    lacks = []
    theorem = KNOWN.get(id_)
    if theorem is None:
        lacks.append("a Theorem in theory/")
    else:
        bearing = any(step.bears_constant for step in theorem.steps)
        lacks += [] if theorem.steps else ["a checked step"]
        lacks += [] if theorem.witnesses or bearing else ["a witness or a bearing step"]
        lacks += [] if theorem.mutants or bearing or theorem.tight else ["a mutant"]
    mine = [claim for claim in CLAIMS if claim.id == id_]
    lacks += [] if mine else ["a claim in verify/claim_*.py"]
    lacks += [f"a mutant of {c.name}" for c in mine if not c.mutants]
    lacks += [] if id_ in BOXES else ["a box in paper/sections"]
    lacks += [] if id_ in README_ROWS else ["a row in README (python -m verify.readme)"]
    lacks += [] if id_ in WORDS else ["a line in verify/words.py"]
    return lacks


@pytest.mark.parametrize("id_", IDS)
def test_one_id_names_everything(id_):
    assert not missing(id_), f"{id_} lacks " + ", ".join(missing(id_))


def test_no_name_is_left_over():
    named = {
        "claims": {c.id for c in CLAIMS if not c.id.startswith("C-")},
        "boxes": set(BOXES),
        "README": set(README_ROWS),
        "words": set(WORDS),
        "lemmas": {id_ for id_, names in LEMMAS.items() if names},
        "not formal": set(NOT_FORMAL),
        "figures": {i for d in drawings().values() for i in d.reads if not i.startswith("C-")},
    }
    left = {where: sorted(ids - set(KNOWN)) for where, ids in named.items() if ids - set(KNOWN)}
    assert not left, f"named but stated by no theorem: {left}"


def test_a_claim_function_is_named_after_its_id():
    wrong = [c.name for c in CLAIMS if not c.name.startswith(f"claim_{c.id.replace('-', '_')}_")]
    assert not wrong, wrong
