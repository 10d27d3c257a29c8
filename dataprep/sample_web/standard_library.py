"""The pages that pydoc renders for Python's standard library."""

from __future__ import annotations

import importlib
import json
import os
import pydoc
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dataprep.errors import RunError
from dataprep.sample_web.page import Page

# Importing these opens a browser, prints, needs a display, or is no use to anybody.
SKIPPED = {"antigravity", "this", "idlelib", "test", "tkinter", "turtle", "turtledemo", "lib2to3", "nt", "__main__"}
# Their pages show this machine: its environment, paths and settings.
PERSONAL = {"sys", "os", "posix", "site", "sysconfig", "platform"}

_ADDRESS = re.compile(r"(?: |&nbsp;)at(?: |&nbsp;)0x[0-9a-fA-F]+")
_FILE_LINK = re.compile(r'<a href="file:[^"]*">[^<]*</a>')


def pages() -> Iterator[Page]:
    """One page for each public module of this Python that can be imported, by name; about 200, 10 MB.

    Rendered in a process of its own, in an environment that does not depend on the user's. Takes 10 s.
    """
    environment = {
        "PATH": os.defpath,
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONWARNINGS": "ignore",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "HOME": "/",
    }
    done = subprocess.run([sys.executable, "-m", __name__], capture_output=True, text=True, env=environment, cwd="/")
    if done.returncode:
        raise RunError(f"pydoc could not render the standard library: {done.stderr.strip().splitlines()[-1:]}")
    for name, html in json.loads(done.stdout).items():
        yield Page("standard library", f"https://pydoc.example/{name}.html", html.encode())


class _Stable(pydoc.HTMLDoc):
    """pydoc's renderer without the values of module data, which differ between machines and runs."""

    def docother(self, object: Any, name: str | None = None, mod: Any = None, *_: Any) -> str:
        return f"<strong>{self.escape(name or '')}</strong>: {self.escape(type(object).__name__)}"


def _rendered() -> dict[str, str]:
    os.environ.clear()  # some functions have it as a default, which is shown
    renderer = _Stable()
    found = {}
    for name in sorted(sys.stdlib_module_names - SKIPPED - PERSONAL):
        if name.startswith("_"):
            continue
        try:
            module = importlib.import_module(name)
        except ImportError:  # not built, or for another system
            continue
        page = renderer.page(pydoc.describe(module), renderer.document(module, name))
        found[name] = _ADDRESS.sub("", _FILE_LINK.sub("", page)).replace(str(Path(os.__file__).parent), "")
    return found


if __name__ == "__main__":
    out = os.dup(1)
    os.dup2(2, 1)  # whatever an import prints is no result
    with open(out, "w", encoding="utf-8") as file:
        json.dump(_rendered(), file)
