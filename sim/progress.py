"""A live bar on a terminal; elsewhere a plain line every half minute."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

EVERY = 30.0


class Progress:
    """Call it with the steps done and a short text; `total` steps make it full."""

    def __init__(self, total: int, done: int = 0, file: TextIO | None = None) -> None:
        """`done` steps were done before: they are not counted in the rate."""
        self.total, self.first, self.file = total, done, file or sys.stderr
        self.started = self.told = time.monotonic()

    def remaining(self, done: int) -> str:
        """How long the rest will take at the rate so far, e.g. "2:05"."""
        if done <= self.first:
            return "-"
        seconds = (time.monotonic() - self.started) / (done - self.first) * (self.total - done)
        return f"{int(seconds) // 60}:{int(seconds) % 60:02}"

    def __call__(self, done: int, text: str) -> None:
        """A line if half a minute has passed since the last, or if this is the end."""
        if time.monotonic() - self.told < EVERY and done < self.total:
            return
        self.told = time.monotonic()
        print(
            f"step {done}/{self.total}  {text}  {self.remaining(done)} left",
            file=self.file,
            flush=True,
        )


class Bar(Progress):
    """The same on a terminal, drawn by rich."""

    def __init__(self, total: int, done: int = 0, file: TextIO | None = None) -> None:
        """Opens the live display; ``close`` gives the terminal back."""
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Rich

        super().__init__(total, done, file)
        self.bar = Rich(
            TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=Console(file=self.file),
        )
        self.bar.start()
        self.task = self.bar.add_task("", total=total, completed=done)

    def __call__(self, done: int, text: str) -> None:
        """Move the bar."""
        self.bar.update(self.task, completed=done, description=text)


@contextmanager
def progress(total: int, done: int = 0, quiet: bool = False) -> Iterator[Progress]:
    """A bar, plain lines, or nothing."""
    if quiet:
        yield Silent(total, done)
    elif sys.stderr.isatty():
        bar = Bar(total, done)
        try:
            yield bar
        finally:
            bar.bar.stop()
    else:
        yield Progress(total, done)


class Silent(Progress):
    """Says nothing."""

    def __call__(self, done: int, text: str) -> None:
        """Nothing."""
