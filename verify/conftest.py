"""pytest as the reader's tool: `pytest verify/ [-k L2] [--model PATH] [--samples N] [-n auto]`.

Each claim runs on every model it speaks about, and, where it declares a mutant, once more with the
bound 1 % smaller, which must fail. The run ends with the table of claims and writes rows.jsonl.
"""

import json
from pathlib import Path

import pytest

from verify.claims import SHRINK, Recorder
from verify.rows import Row, write
from verify.subject import load_subject
from verify.table import claim_table
from verify.zoo import FOLDER, entries

ROWS = pytest.StashKey[list[Row]]()
HERE = Path(__file__).resolve().parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """--model, --samples, --rows."""
    group = parser.getgroup("icl-limits")
    group.addoption("--model", action="append", help="check this checkpoint instead of the zoo")
    group.addoption(
        "--samples", type=int, default=10**6, help="sampled prompts a model (default 10^6)"
    )
    group.addoption("--rows", type=Path, default=HERE / "rows.jsonl", help="where rows are written")


def candidates(config: pytest.Config) -> list[tuple[Path, tuple[str, ...]]]:
    """Paths and roles of the models under test."""
    if paths := config.getoption("--model"):
        return [(Path(path), ()) for path in paths]
    return [(FOLDER / f"{entry.name}.safetensors", entry.roles) for entry in entries()]


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a (claim, model, bound), for the models that the theorem speaks about."""
    claim = getattr(metafunc.function, "claim", None)
    if claim is None:
        return
    shrinks = [0.0, SHRINK] if claim.mutant else [0.0]
    metafunc.parametrize("shrink", shrinks, ids=["holds", "mutant"][: len(shrinks)])
    if claim.modelfree:
        return
    subjects = [
        subject
        for path, roles in candidates(metafunc.config)
        if claim.role is None or claim.role in roles
        for subject in [cached_subject(path, roles)]
        if claim.speaks_about(subject.weights) is None
    ]
    metafunc.parametrize("model", subjects, ids=[s.name for s in subjects])


LOADED: dict = {}


def cached_subject(path: Path, roles: tuple[str, ...]):
    """Load each checkpoint once a session."""
    if path not in LOADED:
        LOADED[path] = load_subject(path, roles)
    return LOADED[path]


@pytest.fixture
def record(request: pytest.FixtureRequest):
    """A Recorder whose rows reach the table, also when the claim fails."""
    parameters = request.node.callspec.params
    recorder = Recorder(
        request.function.claim, parameters.get("model"), parameters.get("shrink", 0) != 0
    )
    yield recorder
    failed = request.node.stash.get(FAILED, False)
    rows = [row if not failed or row.mutant else failing(row) for row in recorder.rows]
    request.node.user_properties += [("row", json.dumps(vars(row))) for row in rows]


FAILED = pytest.StashKey[bool]()


def failing(row: Row) -> Row:
    """The row of a claim whose assertion failed never reads as if it held."""
    import dataclasses

    return dataclasses.replace(row, holds=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Remember a failed assertion before the record fixture is torn down."""
    report = yield
    if call.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture
def samples(request: pytest.FixtureRequest) -> int:
    """Sampled prompts a model."""
    return request.config.getoption("--samples")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect rows where the table is printed: in the one process, or in xdist's controller."""
    if report.when == "teardown":
        COLLECTED.extend(Row(**json.loads(v)) for k, v in report.user_properties if k == "row")


COLLECTED: list[Row] = []


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    """The table of claims: proved, seen, ratio; and the rows file."""
    if not COLLECTED:
        return
    write(COLLECTED, config.getoption("--rows"))
    terminalreporter.section("claims")
    for line in claim_table(COLLECTED, terminalreporter._tw.fullwidth):
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"rows: {config.getoption('--rows')}")
