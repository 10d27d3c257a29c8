"""What can go wrong, as one small tree.

DataprepError                 one line for the user: where, what, what to do; never a traceback
├── UsageError                bad flag, YAML or configuration: exit code 2
└── RunError                  the work could not be done: exit code 1
    ├── InputError            an input is missing, unreadable or damaged
    ├── ModelMissing          a model file has not been installed
    ├── OutputError           the output can't be written: full, read-only
    ├── OutputBusy            another run holds the output's lease
    ├── Diverged              training found one spike after the other
    └── TaskFailed            a task stopped: which, where, why
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DataprepError(Exception):
    """An error a user can act on. `str(error)` is the one line that is printed."""

    exit_code = 1


class UsageError(DataprepError):
    """The command line, the YAML or a setting is wrong."""

    exit_code = 2


class RunError(DataprepError):
    """The command was right and the work failed."""


class InputError(RunError):
    """An input is missing, unreadable or damaged."""


class ModelMissing(RunError):
    """A model file that a stage needs is not in the model cache."""


class OutputError(RunError):
    """The output can't be written."""


class OutputBusy(RunError):
    """Another run is writing to the same output."""


class Diverged(RunError):
    """A training run whose loss keeps jumping."""


class TaskFailed(RunError):
    """One task stopped. Other tasks are not affected."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`"; did you mean 'x'?"` for the nearest known name, else `"; known: a, b, c"`."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(names)}" if names else ""
