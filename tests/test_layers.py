"""The rules that hold for the whole tree: layers, file and function length."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path
    for package in ("theory", "sim", "verify", "paper", "tests")
    for path in (ROOT / package).rglob("*.py")
    if "build" not in path.parts
)
# file -> why it may be longer than the rule says
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}


def loads(module: str) -> set[str]:
    """Top-level packages that a fresh interpreter has after importing the module."""
    code = f"import {module}, sys; print(*{{m.split('.')[0] for m in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_theory_loads_no_torch():
    assert not {"torch", "sim", "verify"} & loads("theory")


def test_sim_loads_no_theory_and_needs_no_tyro():
    assert not {"theory", "verify", "tyro", "flint"} & loads("sim.train")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_are_short(path):
    name = str(path.relative_to(ROOT))
    text = path.read_text()
    if name not in LONG_FILES:
        assert len(text.splitlines()) <= 300, "one concept a file: split it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= 40 or f"{name}:{node.name}" in LONG_FUNCTIONS, f"{node.name}: {length}"
