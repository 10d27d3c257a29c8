"""Progress with rate and ETA: one live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time

import click

from dataprep.plan import Step

PLAIN_EVERY_S = 10.0
LIVE_EVERY_S = 0.2


class Progress:
    """The `Watcher` of a run, on standard error, so that standard output stays for results."""

    def __init__(self, steps: int) -> None:
        self._live = sys.stderr.isatty()
        self._steps = steps
        self._number = self._todo = 0
        self._title = ""
        self._began = self._said = time.monotonic()

    def step(self, step: Step, todo: int, cached: int) -> None:
        self._end_line()
        self._number += 1
        self._title = f"[{self._number}/{self._steps}] {step.kind} {step.number + 1}"
        self._todo = todo
        self._began = self._said = time.monotonic()
        held = f", {cached} cached" if cached else ""
        click.echo(f"{self._title}: {_tasks(todo)} to run{held}" if todo else f"{self._title}: cached", err=True)

    def progress(self, tasks_done: int, documents: int, bytes: int) -> None:
        now = time.monotonic()
        if now - self._said < (LIVE_EVERY_S if self._live else PLAIN_EVERY_S):
            return
        self._said = now
        elapsed = now - self._began
        rate = f"{documents / elapsed:,.0f} documents/s, {bytes / elapsed / 1e6:.1f} MB/s"
        eta = f", {_duration(elapsed / tasks_done * (self._todo - tasks_done))} left" if tasks_done else ""
        line = f"{self._title}: {tasks_done}/{self._todo} tasks, {documents:,} documents, {rate}{eta}"
        if self._live:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
        else:
            click.echo(line, err=True)

    def note(self, line: str) -> None:
        self._end_line()
        click.echo(line, err=True)

    def close(self) -> None:
        self._end_line()

    def _end_line(self) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _tasks(n: int) -> str:
    return f"{n} task{'s' if n != 1 else ''}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
