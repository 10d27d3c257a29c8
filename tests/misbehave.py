"""A function that does what its input says, for the tests of the sandbox."""

from __future__ import annotations

import ctypes
import os
import time


def obey(item: bytes, *, mark: str = "") -> bytes:
    if item == b"spin":
        while True:
            pass
    if item == b"sleep":
        time.sleep(1000)
    if item == b"crash":
        ctypes.string_at(0)
    if item == b"exit":
        os._exit(3)
    if item == b"raise":
        raise ValueError("no good")
    if item == b"print":
        print("a line on standard output", flush=True)
    return item.upper() + mark.encode()
