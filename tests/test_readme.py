"""README: every block runs in a throw-away copy, the generated parts are fresh, links resolve."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.example_rows import example_rows
from verify.readme import PART, README, claims_part, failure_part, main, rewritten, theorem_part
from verify.rows import ROOT, write

TEXT = README.read_text()
BLOCK = re.compile(
    r"(?:<!-- quick: (?P<quick>[^\n]*) -->\n)?"
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
LIMIT = 600


@dataclass(frozen=True)
class Block:
    """One fenced block: a command to run, a file to write, or a change to make."""

    language: str
    body: str
    title: str
    quick: str

    @property
    def commands(self) -> list[str]:
        """The short form that README itself gives, or each line without its comment."""
        if self.quick:
            return [self.quick]
        lines = [re.sub(r"\s+# .*", "", line) for line in self.body.splitlines()]
        return [line for line in lines if line.strip()]


def sections() -> dict[str, list[Block]]:
    """The blocks under each heading, generated parts left out."""
    text = PART.sub("", TEXT)
    found = {}
    for part in re.split(r"^#+ ", text, flags=re.MULTILINE)[1:]:
        blocks = [
            Block(m["language"], m["body"], m["title"] or "", m["quick"] or "")
            for m in BLOCK.finditer(part)
        ]
        if blocks:
            found[part.splitlines()[0]] = blocks
    return found


@pytest.fixture
def copy(tmp_path):
    """The checkout as git sees it, models linked."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        source, target = ROOT / name, tmp_path / "copy" / name
        if not source.is_file() or name.startswith("theory/formal"):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".safetensors":
            target.symlink_to(source)
        else:
            shutil.copy(source, target)
    return tmp_path / "copy"


def run(command: str, folder: Path, stdin: str = "") -> None:
    """One command there, in this environment; it must succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    changed = {"PATH": path, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, shell=True, cwd=folder, env=os.environ | changed, timeout=LIMIT,
        capture_output=True, text=True, input=stdin,
    )  # fmt: skip
    said = (done.stdout + done.stderr)[-3000:]
    assert done.returncode == 0, f"exit {done.returncode}: {command}\n{said}"


@pytest.mark.parametrize(("heading", "blocks"), sections().items(), ids=sections())
def test_blocks_run(heading, blocks, copy):
    """In order: files are written, changes made, commands run."""
    for block in blocks:
        if block.language == "diff":
            run("git apply -", copy, stdin=block.body)
        elif block.title:
            target = copy / block.title
            assert not target.exists(), f"{block.title} is there already"
            target.write_text(block.body)
        else:
            assert block.language == "sh", f"a block of {block.language} without a title"
            for command in block.commands:
                run(command, copy)


def test_long_commands_have_a_short_form():
    for block in (b for blocks in sections().values() for b in blocks if b.language == "sh"):
        slow = ("make", "pytest verify/\n", "--engine", "--device cuda", "path/to/model")
        assert block.quick or not any(word in block.body for word in slow), block.body


def test_the_theorem_table_is_fresh():
    parts = {m[2]: m[3] for m in PART.finditer(TEXT)}
    assert set(parts) == {"failure", "claims", "times", "theorems"}
    assert parts["theorems"] == theorem_part(), "run `python -m verify.readme`"


def test_parts_are_rewritten_and_nothing_else(tmp_path):
    rows = example_rows()
    text = rewritten(TEXT, rows, ["make=3 minutes"])
    assert PART.sub("", text) == PART.sub("", TEXT)
    assert failure_part(rows) in text and claims_part(rows) in text
    assert "| `make` | 3 minutes |" in text
    assert rewritten(text, rows) == text
    (tmp_path / "README.md").write_text(TEXT)
    write(rows, tmp_path / "rows.jsonl")
    paths = ["--rows", str(tmp_path / "rows.jsonl"), "--readme", str(tmp_path / "README.md")]
    assert main([*paths, "--took", "make=3 minutes"]) == 0
    assert (tmp_path / "README.md").read_text() == text


def test_without_rows_the_numbers_stay(tmp_path, capsys):
    old = rewritten(TEXT, example_rows())
    (tmp_path / "README.md").write_text(old)
    missing = ["--rows", str(tmp_path / "none.jsonl")]
    assert main([*missing, "--readme", str(tmp_path / "README.md")]) == 0
    assert "only the theorems are renewed" in capsys.readouterr().out
    assert (tmp_path / "README.md").read_text() == rewritten(old, None)


def test_the_failure_curve_shows_floor_and_measurement():
    text = failure_part(example_rows())
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()[:1].isdigit()}
    # far out the measured o lies on the floor's bar; near by it is left of the end of the axis
    assert lines["1000"].rstrip().endswith("o") and lines["1"].rstrip().endswith("w")
    assert lines["2"].rindex("o") < lines["1000"].rindex("o")


def test_links_to_files_resolve():
    for target in re.findall(r"\]\((?!https?://|#)([^)]+)\)", TEXT):
        assert (ROOT / target).exists(), target
