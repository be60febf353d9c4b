"""Where jobs run: local processes, Dask, Slurm (submitit) or Ray behind one submit().

`with engine(name, workers=...) as submit:` gives submit(function, *arguments) -> Future. A job that
raises, and a worker that dies, both end as an exception of the future. The three clusters are
optional packages, imported when they are asked for.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from sim.errors import UserError

Submit = Callable[..., Future]


class JobFailed(Exception):
    """A job raised in its process, or its process died; the message says which."""


def _child(out: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        out.send((True, function(*arguments)))
    except BaseException as error:
        out.send((False, f"{type(error).__name__}: {error}"))


def _in_own_process(alive: set[BaseProcess], function: Callable[..., Any], *arguments: Any) -> Any:
    """Run in a fresh interpreter, so that a crash takes one job with it and no other."""
    fresh = multiprocessing.get_context("spawn")
    receive, send = fresh.Pipe(duplex=False)
    process = fresh.Process(target=_child, args=(send, function, arguments))
    process.start()
    alive.add(process)
    send.close()
    try:
        done, value = receive.recv()
    except EOFError:
        process.join()
        raise JobFailed(f"its process died with exit code {process.exitcode}") from None
    finally:
        receive.close()
        alive.discard(process)
    process.join()
    if not done:
        raise JobFailed(value)
    return value


@contextmanager
def processes(workers: int, address: str | None = None) -> Iterator[Submit]:
    """Local processes, `workers` at a time, one fresh process a job. The default."""
    if address is not None:
        raise UserError(f"local processes have no address, got {address!r}; use another engine")
    pool = ThreadPoolExecutor(workers)
    alive: set[BaseProcess] = set()
    try:
        yield lambda function, *arguments: pool.submit(_in_own_process, alive, function, *arguments)
    except BaseException:
        # the trainer answers a SIGTERM with a checkpoint
        for process in list(alive):
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _needs(package: str, extra: str) -> UserError:
    return UserError(f"this engine needs {package}, not installed: pip install -e '.[{extra}]'")


@contextmanager
def dask(workers: int, address: str | None = None) -> Iterator[Submit]:
    """A Dask cluster: the scheduler at `address`, or `workers` local worker processes.

    The scheduler moves the jobs of a dead worker to another one.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise _needs("distributed", "dask") from None
    # One thread a worker: a training already uses the cores it is given.
    local = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    target = LocalCluster(**local) if address is None else address
    with Client(target) as client, client.get_executor(pure=False) as executor:
        try:
            yield executor.submit
        finally:
            if address is None:
                client.shutdown()


class _Requeued:
    """A call that submitit sends again, unchanged, when Slurm preempts or times out the job.

    The trainer resumes from its last checkpoint, so the same call is the right continuation.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)

    def checkpoint(self, *arguments: Any) -> Any:
        from submitit.helpers import DelayedSubmission  # pyright: ignore[reportMissingImports]

        return DelayedSubmission(self, *arguments)


@contextmanager
def slurm(workers: int, address: str | None = None) -> Iterator[Submit]:
    """Slurm through submitit, at most `workers` jobs at once; `address` = partition, or "local"."""
    try:
        import submitit  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise _needs("submitit", "slurm") from None
    cluster = "local" if address == "local" else "slurm"
    executor = submitit.AutoExecutor(folder="runs/slurm-logs", cluster=cluster)
    executor.update_parameters(timeout_min=24 * 60, tasks_per_node=1)
    if address not in (None, "local"):
        executor.update_parameters(slurm_partition=address)
    pool = ThreadPoolExecutor(workers)

    def wait(function: Callable[..., Any], *arguments: Any) -> Any:
        return executor.submit(_Requeued(function), *arguments).result()

    try:
        yield lambda function, *arguments: pool.submit(wait, function, *arguments)
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def ray(workers: int, address: str | None = None) -> Iterator[Submit]:
    """A Ray cluster: the one at `address`, or a local one with `workers` processors."""
    try:
        import ray as cluster  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise _needs("ray", "ray") from None
    cluster.init(address=address, num_cpus=workers if address is None else None)
    try:
        yield lambda function, *arguments: cluster.remote(function).remote(*arguments).future()
    finally:
        cluster.shutdown()


ENGINES = {"processes": processes, "dask": dask, "slurm": slurm, "ray": ray}


def engine(name: str, workers: int, address: str | None = None) -> Any:
    """The engine of this name as a context manager that yields submit().

    Raises:
        UserError: no such engine, its package is missing, or fewer than one worker.
    """
    if name not in ENGINES:
        raise UserError(f"no engine {name!r}; known: {', '.join(ENGINES)}")
    if workers < 1:
        raise UserError(f"a sweep needs at least one worker, got {workers}")
    return ENGINES[name](workers, address)
