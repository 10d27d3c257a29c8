"""Run a function that may hang or crash in a helper process: a bad item costs only that item.

One helper process serves one `Sandbox`. Items go to it and results come back through two anonymous files in memory;
pipes carry only "go" and "done", so neither side can block the other. The helper arms a timer before each item whose
signal ends it, so no second clock or thread watches. When the helper dies, the results already written are whole and
the next item is the guilty one: a new helper goes on after it.

Costs 60 to 100 ms for each start of a helper, and 4 % of the time of extracting the 1,497 HTML pages of WCXB (90 MB/s).
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import IO, Any, NamedTuple

CHUNK_BYTES = 4 << 20
"""Items are handed over in groups of about this size, so a helper never holds more than a group and its results."""

WALL_FACTOR = 10
"""An item that sleeps instead of computing is ended after this many times its limit."""

ITEM = struct.Struct("<q")
"""Before each item: its bytes."""
ANSWER = struct.Struct("<?q")
"""Before each answer: did the function return, and the bytes of its value or of its error."""
GROUP = struct.Struct("<q")
"""A "go": the bytes of the group's items."""

BOOT = "import sys; sys.path[:] = sys.argv[6:]; from dataprep.sandbox import serve; serve(*sys.argv[1:6])"


class Result(NamedTuple):
    """What became of one item: a value or an error, never both."""

    value: bytes | None
    error: str | None
    """`timeout`, `crashed`, or `error: TypeName: message`."""


class Sandbox:
    """`function` ("module:name", bytes -> bytes) in a helper process, at most `max_seconds` of CPU time an item.

    `settings` (JSON) are passed to each call as keywords.

    CPU time, so that a busy machine does not change what times out; an item that waits without computing is ended
    after `WALL_FACTOR * max_seconds`. Still, whether an item near the limit times out depends on the processor.

    The helper starts at the first `map` and is ended by `close`, by garbage collection, at exit, or when it sees that
    its parent has died. May be used inside a worker process; one `map` at a time.
    """

    def __init__(self, function: str, max_seconds: float, settings: Mapping[str, Any] | None = None) -> None:
        self.function = function
        self.max_seconds = max_seconds
        self.settings = json.dumps(settings or {})
        self._helper: _Helper | None = None

    def map(self, items: Iterable[bytes | str]) -> Iterator[Result]:
        """One result an item, in order. Strings arrive as UTF-8.

        Raises RuntimeError if the helper can't even start or import the function.
        """
        group: list[bytes] = []
        size = 0
        for item in items:
            group.append(item.encode() if isinstance(item, str) else item)
            size += len(group[-1])
            if size >= CHUNK_BYTES:
                yield from self._run(group)
                group, size = [], 0
        yield from self._run(group)

    def close(self) -> None:
        """End the helper. The next `map` starts a new one."""
        if self._helper is not None:
            self._helper.end()
            self._helper = None

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, group: list[bytes]) -> Iterator[Result]:
        done = 0
        while done < len(group):
            if self._helper is None or self._helper.owner != _owner():
                self.close()
                self._helper = _Helper(self.function, self.max_seconds, self.settings)
            results, alive = self._helper.run(group[done:])
            if not alive:
                self.close()
            yield from results
            done += len(results)


def _owner() -> tuple[int, int]:
    """A helper belongs to the process and thread that started it: a fork must not share its files."""
    return os.getpid(), threading.get_ident()


class _Helper:
    """The parent's side of one helper process."""

    def __init__(self, function: str, max_seconds: float, settings: str) -> None:
        self.owner = _owner()
        self._items = _memory_file()
        self._answers = _memory_file()
        fds = (self._items.fileno(), self._answers.fileno())
        self._process = subprocess.Popen(
            [sys.executable, "-c", BOOT, function, settings, str(max_seconds), *map(str, fds), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=fds,
        )
        self.end = weakref.finalize(self, _end, self._process, self._items, self._answers, os.getpid())
        if self._hear() != b"+":
            message = self._answers_bytes().decode(errors="replace")
            code = self._process.wait()
            self.end()
            raise RuntimeError(f"the helper process for {function} did not start (exit {code}): {message}")

    def run(self, group: list[bytes]) -> tuple[list[Result], bool]:
        """The answers up to the item that ended the helper, and whether it is still alive."""
        items = self._items
        items.seek(0)
        items.truncate(0)
        for item in group:
            items.write(ITEM.pack(len(item)))
            items.write(item)
        self._answers.truncate(0)
        if not self._tell(GROUP.pack(items.tell())):
            return [], False  # ended from outside while it had nothing to do: no item's fault
        alive = self._hear() == b"+"
        results = _answers(self._answers_bytes())
        if len(results) < len(group):
            timed_out = -self._process.wait() in (signal.SIGPROF, signal.SIGALRM)
            results.append(Result(None, "timeout" if timed_out else "crashed"))
        return results, alive

    def _tell(self, message: bytes) -> bool:
        assert self._process.stdin is not None
        try:
            os.write(self._process.stdin.fileno(), message)
        except BrokenPipeError:
            return False
        return True

    def _hear(self) -> bytes:
        assert self._process.stdout is not None
        return os.read(self._process.stdout.fileno(), 1)

    def _answers_bytes(self) -> bytes:
        fd = self._answers.fileno()
        return os.pread(fd, os.fstat(fd).st_size, 0)


def _end(process: subprocess.Popen[bytes], items: IO[bytes], answers: IO[bytes], pid: int) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    for file in (process.stdin, process.stdout, items, answers):
        file.close()
    if pid == os.getpid():
        process.kill()
        process.wait()


def _memory_file() -> IO[bytes]:
    """An anonymous file, in memory where the system can, unbuffered."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("dataprep-sandbox"), "w+b", buffering=0)
    return tempfile.TemporaryFile("w+b", buffering=0)


def _answers(data: bytes) -> list[Result]:
    """The complete answers at the start of `data`."""
    results = []
    at = 0
    while at + ANSWER.size <= len(data):
        good, size = ANSWER.unpack_from(data, at)
        at += ANSWER.size
        if at + size > len(data):
            break
        body = data[at : at + size]
        results.append(Result(body, None) if good else Result(None, f"error: {body.decode(errors='replace')}"))
        at += size
    return results


def serve(function_path: str, settings: str, max_seconds: str, items_fd: str, answers_fd: str) -> None:
    """The helper's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes the pipe
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    go, done = os.dup(0), os.dup(1)
    os.dup2(2, 1)  # what the function prints must not look like an answer
    items, answers, parent, limit = int(items_fd), int(answers_fd), os.getppid(), float(max_seconds)
    try:
        module, _, name = function_path.partition(":")
        function = partial(getattr(importlib.import_module(module), name), **json.loads(settings))
    except Exception as error:
        os.write(answers, f"{type(error).__name__}: {error}".encode())
        os.write(done, b"-")
        sys.exit(1)
    os.write(done, b"+")
    while message := os.read(go, GROUP.size):
        (size,) = GROUP.unpack(message)
        data = os.pread(items, size, 0)
        os.lseek(answers, 0, os.SEEK_SET)
        at = 0
        while at < len(data):
            (size,) = ITEM.unpack_from(data, at)
            at += ITEM.size
            answer = _call(function, data[at : at + size], limit)
            at += size
            os.write(answers, answer)
            if os.getppid() != parent:
                sys.exit(1)
        os.write(done, b"+")


def _call(function: Callable[[bytes], bytes], item: bytes, limit: float) -> bytes:
    signal.setitimer(signal.ITIMER_PROF, limit)
    signal.setitimer(signal.ITIMER_REAL, limit * WALL_FACTOR)
    try:
        good, body = True, function(item)
    except Exception as error:
        good, body = False, f"{type(error).__name__}: {error}".encode(errors="replace")
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return ANSWER.pack(good, len(body)) + body
