"""One writer an output: a lease file with a heartbeat, so that it holds across hosts."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dataprep.errors import OutputBusy, OutputError
from dataprep.store import Store

LEASE = ".dataprep/lease.json"
BEAT_S = 5.0
EXPIRES_S = 60.0
SETTLE_S = 0.05


class Lease:
    """Held while a run writes. `check` raises OutputBusy if another run has taken over."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._token = secrets.token_hex(8)
        self._over = threading.Event()
        self._lost = False
        self._beats = threading.Thread(target=self._beat, daemon=True)

    def check(self) -> None:
        if self._lost:
            raise OutputBusy(f"{self._store.root}: another run took over this output; this one has stopped")

    def confirm(self) -> None:
        """`check` by the lease file itself: before what can't be undone."""
        self._lost = self._lost or not self._holds()
        self.check()

    def _write(self) -> None:
        mine = {
            "token": self._token,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": _started(os.getpid()),
            "beat": time.time(),
        }
        self._store.publish_json(LEASE, mine)

    def _beat(self) -> None:
        written = time.monotonic()
        while not self._over.wait(BEAT_S):
            try:
                held = self._store.read_json(LEASE)
                if held is not None and held["token"] != self._token:
                    self._lost = True
                    return
                self._write()
                written = time.monotonic()
            except (OSError, OutputError):  # a full disk may be emptied before the lease runs out
                if time.monotonic() - written > EXPIRES_S:
                    self._lost = True
                    return

    def _holds(self) -> bool:
        held = self._store.read_json(LEASE)
        return held is not None and held["token"] == self._token

    def acquire(self) -> None:
        held = self._store.read_json(LEASE)
        if held is not None and _alive(held):
            raise OutputBusy(
                f"{self._store.root}: another run is writing here (process {held['pid']} on {held['host']}); "
                "wait for it to end or choose another place with --output"
            )
        self._write()
        time.sleep(SETTLE_S)  # two runs that begin at once both write; the last one holds it
        if not self._holds():
            raise OutputBusy(f"{self._store.root}: another run began here at the same moment; choose another --output")
        self._beats.start()

    def release(self) -> None:
        self._over.set()
        self._beats.join()
        if not self._lost and self._holds():
            self._store.remove(LEASE)


@contextmanager
def lease(store: Store) -> Iterator[Lease]:
    """Hold the output for the length of a block. Raises OutputBusy if a live run holds it."""
    held = Lease(store)
    held.acquire()
    try:
        yield held
    finally:
        held.release()


def _alive(held: dict[str, Any]) -> bool:
    if held["host"] == socket.gethostname():
        return bool(_started(held["pid"]) == held["started"])
    return time.time() - float(held["beat"]) < EXPIRES_S


def _started(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None if there is none. Tells a reused pid apart."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])
