"""pytest as the reader's tool: `pytest verify/ [-k L2] [--all-seeds] [--model PATH] [--samples N]`.

Each claim runs on every model it speaks about, and once more with each of its mutants, which must
make it fail. The run ends with the table of claims and writes rows.jsonl; `--junitxml FILE` is
pytest's own.
"""

import dataclasses
import json
import os
import time
from pathlib import Path

import pytest
import torch
from xdist.scheduler import LoadScopeScheduling

from sim.errors import UserError
from verify.cases import Candidate, Case, cases, merged, zoo_candidates
from verify.record import Recorder
from verify.rows import Row, write
from verify.table import claim_table, ledger_lines
from verify.zoo import FOLDER

HERE = Path(__file__).resolve().parent
COLLECTED: list[Row] = []
SPENT: list[tuple[float, str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """--model, --with-model, --zoo, --samples, --all-seeds, --rows."""
    group = parser.getgroup("icl-limits")
    group.addoption(
        "--model", action="append", default=[], metavar="PATH",
        help="check this checkpoint instead of the zoo (may be repeated)",
    )  # fmt: skip
    group.addoption(
        "--with-model", action="append", default=[], metavar="PATH",
        help="check this checkpoint beside the zoo",
    )  # fmt: skip
    group.addoption("--zoo", type=Path, default=FOLDER, help="folder with a manifest.json")
    group.addoption(
        "--samples", type=lambda text: int(float(text)),
        help="sampled prompts a model, e.g. 1e9; every 10^6 are a test of their own (default: 1e6 "
        "for the zoo's first model, 1e5 for its others)",
    )  # fmt: skip
    group.addoption(
        "--all-seeds", action="store_true",
        help="claims about one model on every model of the zoo, not on one seed of each kind",
    )  # fmt: skip
    group.addoption(
        "--rows", type=Path,
        help="where rows are written (default rows.jsonl, of a selection rows-selected.jsonl)",
    )  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """All claims take all cores (at most 8: each loads the zoo) unless told otherwise by -n."""
    option = config.option
    chosen = option.keyword or option.model or "::" in "".join(config.args)
    # the rows of a few claims must not take the place of a whole run's
    option.rows = option.rows or HERE / ("rows-selected.jsonl" if chosen else "rows.jsonl")
    # set in xdist's processes and in what they start: no processes of processes
    worker = "PYTEST_XDIST_WORKER" in os.environ
    alone = worker or chosen or option.usepdb or option.collectonly
    if option.numprocesses is None and not alone and (cores := os.cpu_count() or 1) > 1:
        option.numprocesses = min(8, cores)


def pytest_configure(config: pytest.Config) -> None:
    """One thread a process where there are several: numpy's and torch's would wait in turn."""
    if config.getoption("numprocesses", None):
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    if hasattr(config, "workerinput"):
        torch.set_num_threads(1)


class OneProcessAModel(LoadScopeScheduling):
    """With -n: a model's claims share its sampling pass and attacks, so they share a process."""

    def _split_scope(self, nodeid: str) -> str:
        *model, _ = nodeid.partition("[")[2].split(" | ")
        return " | ".join(model) or nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log) -> LoadScopeScheduling | None:
    """Unless --dist asks for another."""
    return OneProcessAModel(config, log) if config.getvalue("dist") == "load" else None


def candidates(config: pytest.Config) -> list[Candidate]:
    """The models under test.

    Raises:
        pytest.UsageError: a path that is no checkpoint (exit code 4 before any claim runs).
    """
    options = config.option
    if options.model:
        return [Candidate(Path(path)) for path in options.model]
    beside = [Candidate(Path(p), ("beside the zoo", p)) for p in options.with_model]
    return zoo_candidates(options.zoo) + beside


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a case."""
    claim = getattr(metafunc.function, "claim", None)
    if claim is None:
        return
    config, option = metafunc.config, metafunc.config.option
    try:
        found = list(cases(claim, candidates(config), option.samples, option.all_seeds))
    except UserError as error:
        raise pytest.UsageError(str(error)) from error
    if config.getoption("--model"):
        found = [case for case in found if not case.claim.together]
    metafunc.fixturenames.append("case")
    metafunc.parametrize("case", [parameter(case) for case in found])


def parameter(case: Case):
    """The case with its id, and a skip where the zoo lacks a role."""
    missing = ", ".join(case.missing)
    marks = [pytest.mark.skip(reason=f"the zoo has no model {missing}")] if missing else []
    return pytest.param(case, id=case.name, marks=marks)


@pytest.fixture
def record(case: Case, request: pytest.FixtureRequest):
    """The case's recorder; its rows travel with the report."""
    recorder = case.recorder()
    yield recorder
    lines = [("row", json.dumps(dataclasses.asdict(row))) for row in recorder.rows]
    request.node.user_properties += lines


@pytest.fixture
def model(case: Case):
    """The model under test, with the fault that a mutant plants."""
    return case.subject


@pytest.fixture
def zoo(case: Case):
    """Role -> models, for claims about several."""
    return case.zoo()


@pytest.fixture
def shrink():
    """Replaced by the case's own arguments in pytest_pyfunc_call, like the three below."""


twist = samples = shard = shrink


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run the case: a mutant passes when the claim fails."""
    if getattr(pyfuncitem.function, "claim", None) is None:
        return None
    recorder, case = pyfuncitem.funcargs["record"], pyfuncitem.callspec.params["case"]
    assert isinstance(recorder, Recorder) and isinstance(case, Case)
    start = time.process_time()
    try:
        case.run(recorder)
    finally:
        seconds = time.process_time() - start
        pyfuncitem.user_properties.append(("cpu", f"{seconds:.3f}"))
    return True


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect rows where the table is printed: in the one process, or in xdist's controller."""
    if report.when == "teardown":
        found = [Row(**json.loads(str(v))) for name, v in report.user_properties if name == "row"]
        COLLECTED.extend(found)
        spent = [float(str(v)) for name, v in report.user_properties if name == "cpu"]
        SPENT.extend((seconds, report.nodeid.split("::")[-1]) for seconds in spent)


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    """The table of claims: proved, seen, ratio, verdict; and the rows file."""
    if not COLLECTED:
        return
    rows = merged(sorted(COLLECTED, key=lambda row: row.id))
    COLLECTED.clear()
    try:
        write(rows, config.option.rows)
    except UserError as error:
        terminalreporter.write_line(f"error: {error}")
    terminalreporter.section("claims")
    for line in claim_table(rows, terminalreporter._tw.fullwidth):
        terminalreporter.write_line(line)
    for line in ledger_lines(rows):
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"rows: {config.option.rows}")
    total = sum(seconds for seconds, _ in SPENT)
    dearest = "; ".join(f"{seconds:.1f} s {name}" for seconds, name in sorted(SPENT)[:-4:-1])
    terminalreporter.write_line(f"CPU time of the claims: {total:.0f} s; most: {dearest}")
    SPENT.clear()
