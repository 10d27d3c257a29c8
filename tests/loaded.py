"""The command in a process that has its packages loaded: their imports cost a fresh one half a second or more.

Imported, this file gives `Loaded`, which starts a command as `subprocess.Popen` would. Run, it is the process that
loads the packages once and forks at every request; the fork becomes `python -m dataprep`, with arguments, environment,
folder, output, signals and an exit code of its own. Workers of runs are spawned afresh, as ever. That a fresh process
loads what a command needs is for `test_cli.py`, which types every command into one.
"""

from __future__ import annotations

import atexit
import gc
import importlib.util
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path

_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONWARNINGS": "error"}
"""As it is before any test changes it."""
_NUMBER = struct.Struct("q")
_LARGEST = 1 << 17


# ---------------------------------------------------------------- the side of tests


class Loaded:
    """A running command: the part of `subprocess.Popen` that tests use."""

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: str) -> None:
        self.args = arguments
        self.returncode: int | None = None
        self._said = [os.memfd_create(name) for name in ("out", "err")]
        self._tells, theirs = os.pipe()
        request = json.dumps([arguments, environment, folder]).encode()
        socket.send_fds(_parent(), [request], [*self._said, theirs])
        os.close(theirs)
        self.pid = self._number()

    def _number(self) -> int:
        (number,) = _NUMBER.unpack(os.read(self._tells, _NUMBER.size))
        return int(number)

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            with selectors.DefaultSelector() as waiting:
                waiting.register(self._tells, selectors.EVENT_READ)
                if not waiting.select(timeout):
                    raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            self.returncode = self._number()
            os.close(self._tells)
        return self.returncode

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        self.wait(timeout)
        out, err = (_all_of(fd) for fd in self._said)
        return out, err

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _all_of(fd: int) -> str:
    with open(fd, encoding="utf-8") as file:
        file.seek(0)
        return file.read()


@cache
def _parent() -> socket.socket:
    """A line to the process that has everything loaded. It ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        line = theirs.fileno()
        process = subprocess.Popen([sys.executable, __file__, str(line)], env=_ENVIRONMENT, pass_fds=[line])

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


# ---------------------------------------------------------------- the side of the command


def load() -> None:
    """What commands import for their work, torch excepted, and the compiled kernels."""
    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.parquet

    from dataprep import catalog
    from dataprep.cli.main import dataprep
    from dataprep.executors import local  # noqa: F401
    from dataprep.text.warmup import compile_all, prepare
    from dataprep.tokenizers import making  # noqa: F401

    if importlib.util.find_spec("s3fs"):
        import s3fs  # noqa: F401
    pa.array([1])  # looks for pandas
    for name in dataprep.list_commands(None):  # type: ignore[arg-type]
        dataprep.get_command(None, name)  # type: ignore[arg-type]
    for name in catalog.stage_names():
        catalog.stage(name)
    for name in catalog.source_names():
        catalog.source(name)
    prepare(lambda _: None)
    compile_all()


def forked_for(line: socket.socket) -> list[str] | None:
    """Fork at every request. Gives the arguments in the fork; None in the parent once nobody asks any more."""
    waiting = selectors.DefaultSelector()
    waiting.register(line, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.data is not None:
                pid, tells = key.data
                waiting.unregister(key.fd)
                os.close(key.fd)
                _tell(tells, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                os.close(tells)
                continue
            request, fds, _, _ = socket.recv_fds(line, _LARGEST, 3)
            if not request:
                return None
            pid = os.fork()
            if pid == 0:
                return _become(request, fds, waiting)
            out, err, tells = fds
            os.close(out)
            os.close(err)
            _tell(tells, pid)
            waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, tells))


def _tell(tells: int, number: int) -> None:
    try:
        os.write(tells, _NUMBER.pack(number))
    except BrokenPipeError:
        pass  # who asked is gone


def _become(request: bytes, fds: list[int], waiting: selectors.BaseSelector) -> list[str]:
    arguments, environment, folder = json.loads(request)
    for number, fd in enumerate(fds[:2], 1):
        os.dup2(fd, number)
    others = [fd for key in waiting.get_map().values() if key.data for fd in (key.fd, key.data[1])]
    waiting.close()
    for fd in (*fds, *others):
        os.close(fd)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    return list(arguments)


def main(line: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests
    load()
    gc.freeze()  # what is loaded is no garbage: forks would visit, and so copy, all of it when they end
    with socket.socket(fileno=line) as asked:
        given = forked_for(asked)
    if given is not None:
        sys.argv[1:] = given
        runpy.run_module("dataprep", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
