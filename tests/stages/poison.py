"""Stop the worker on marked documents, in every way a document can."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from dataprep.documents import Documents
from dataprep.stage import Filter


class Poison(Filter):
    """A document that says `POISON <how>` does it."""

    cure: bool = False
    """Do nothing."""

    def defects(self) -> tuple[str, ...]:
        return ()

    def reasons(self, docs: Documents) -> pa.StringArray:
        marked = pc.starts_with(docs["text"], "POISON ")
        for text in [] if self.cure else docs["text"].filter(marked).to_pylist():
            _swallow(text.split()[1])
        return pa.nulls(len(docs), pa.string())


def _swallow(how: Literal["exit", "segfault", "hang", "raise", "allocate"] | str) -> None:
    if how == "exit":
        os._exit(3)
    elif how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "hang":
        while True:
            time.sleep(1)
    elif how == "raise":
        raise ValueError("swallowed\npoison")
    elif how == "allocate":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), resource.RLIM_INFINITY))
        hoard = []
        while True:
            hoard.append(bytearray(16 << 20))
    else:
        raise AssertionError(how)
