"""The log of a training run: one JSON object a line, in the order in which things happened; and a line of progress.

A line has `kind` (`start`, `step`, `validation`, `spike`) and `step`. Steps that a spike undid stay, before the line
that says so; only what came after the checkpoint that a run goes on from is taken away.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

from dataprep.errors import InputError

NAME: Final = "log.jsonl"
PLAIN_EVERY_S = 10.0
LIVE_EVERY_S = 0.2
_RECENT = 50
"""Steps that the rate of the progress line is taken over."""


# ---------------------------------------------------------------- writing


class Log:
    """A log file, open for lines to be added. One process writes it."""

    def __init__(self, path: str | Path) -> None:
        """Creates the file and its folder if need be; cuts off a last line that a crash left unfinished."""
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab")
        whole = _whole(self.path)
        if whole < self._file.tell():
            self._cut(whole)

    def append(self, line: dict[str, Any]) -> None:
        """Add a line and hand it to the system, so that it outlives the process. NaN and infinities become null."""
        text = json.dumps(_finite(line), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        self._file.write(text.encode() + b"\n")
        self._file.flush()

    def rewind(self, step: int) -> None:
        """Go back to the checkpoint after `step`: what happened later goes, all before it stays, byte for byte.

        -1 is before the first step. The file is cut after the last line at which the run had done no more than `step`:
        one system call, so that a crash leaves it as it was or as it should be.
        """
        keep = 0
        for end, line in _lines(self.path):
            if _reached(line) <= step:
                keep = end
        self._cut(keep)

    def _cut(self, size: int) -> None:
        self._file.truncate(size)
        os.fsync(self._file.fileno())
        self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        self._file.close()


def _reached(line: dict[str, Any]) -> int:
    """The last step of the run's present state once this line has happened."""
    if line["kind"] == "spike" and line.get("back_to") is not None:
        return int(line["back_to"])
    return int(line["step"]) - int(line["kind"] == "start")


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# ---------------------------------------------------------------- reading


def read(path: str | Path) -> list[dict[str, Any]]:
    """All whole lines of a log; a last one that is still being written, or that a crash tore, does not count.

    Raises InputError if there is no such file or a line is damaged.
    """
    return [line for _, line in _lines(Path(path))]


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each whole line and where it ends."""
    try:
        file: BinaryIO = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: can't be read: {error.strerror or error}") from error
    with file:
        end = 0
        for number, raw in enumerate(file, 1):
            if not raw.endswith(b"\n"):
                return
            end += len(raw)
            try:
                line = json.loads(raw)
                good = isinstance(line, dict) and isinstance(line["kind"], str) and type(line["step"]) is int
            except (ValueError, KeyError):
                good = False
            if not good:
                raise InputError(f"{path}: line {number} is damaged; take it out, or restore the file")
            yield end, line


def _whole(path: Path) -> int:
    """Bytes up to the end of the last whole line, found from the end."""
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        while at:
            low = max(0, at - 65536)
            file.seek(low)
            newline = file.read(at - low).rfind(b"\n")
            if newline >= 0:
                return low + newline + 1
            at = low
    return 0


# ---------------------------------------------------------------- progress


class Progress:
    """One line that is redrawn on a terminal, a plain one now and then elsewhere; fed with the lines of the log."""

    def __init__(self, steps: int, *, tokens: int | None = None, out: TextIO | None = None) -> None:
        """`steps` of the whole run; `tokens` of it, if batches grow and time is better foretold from them."""
        self._out = out or sys.stderr
        self._live = self._out.isatty()
        self._steps, self._tokens = steps, tokens
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._spikes = 0
        self._said = time.monotonic()
        self._line = ""

    def step(self, line: dict[str, Any]) -> None:
        """After a step, with its line."""
        self._recent.append((line["seconds"], line["tokens"]))
        now = time.monotonic()
        last = line["step"] + 1 == self._steps
        if now - self._said < (LIVE_EVERY_S if self._live else PLAIN_EVERY_S) and not last:
            return
        self._said = now
        self._line = self._text(line)
        if self._live:
            self._out.write(f"\r\x1b[K{self._line}")
            self._out.flush()
        else:
            print(self._line, file=self._out, flush=True)

    def validation(self, line: dict[str, Any]) -> None:
        """After a validation, with its line."""
        shown = (f"{name} {held['loss']:.4f}{_bits(held)}" for name, held in line["sources"].items())
        self.note(f"step {line['step']:,}: validation loss {', '.join(shown)}")

    def spike(self, line: dict[str, Any]) -> None:
        """After a spike, with its line; the run has fewer steps without what it skips."""
        self._spikes += 1
        self._steps = line.get("steps", self._steps)
        skipped = spans(line.get("skipped") or [])
        back = line.get("back_to")
        what = "loss or gradient is not finite" if line["value"] == "not finite" else f"spike of {line['value']}"
        where = "" if back is None else "the beginning" if back < 0 else f"the checkpoint after step {back:,}"
        done = f"; back to {where}" if where else ""
        self.note(f"step {line['step']:,}: {what}{done}{f', samples {skipped} skipped' if skipped else ''}")

    def note(self, text: str) -> None:
        """A line of its own."""
        self.clear()
        print(text, file=self._out, flush=True)

    def clear(self) -> None:
        """Take the live line away, before something else is printed and at the end."""
        if self._live:
            self._out.write("\r\x1b[K")
            self._out.flush()

    def _text(self, line: dict[str, Any]) -> str:
        seconds, tokens = sum(s for s, _ in self._recent), sum(n for _, n in self._recent)
        rate = tokens / seconds if seconds else 0.0
        loss = line["loss"]
        parts = [
            f"step {line['step']:,} of {self._steps - 1:,}",  # from 0, as `dataprep trace` counts
            "loss not finite" if loss is None or not math.isfinite(loss) else f"loss {loss:.4f}",
            f"{rate:,.0f} tokens/s",
        ]
        if line.get("mfu") is not None:
            parts.append(f"MFU {line['mfu']:.1%}")
        if self._tokens is not None and rate:
            left = max(0, self._tokens - line["seen"]) / rate
        else:
            left = (self._steps - line["step"] - 1) * seconds / len(self._recent)
        parts.append(f"{duration(left)} left")
        if self._spikes:
            parts.append(f"{self._spikes} spike{'s' if self._spikes > 1 else ''}")
        return ", ".join(parts)


def spans(ranges: Iterable[Sequence[int]]) -> str:
    """`640 to 655, 700 to 701` for ranges [from, to)."""
    return ", ".join(f"{first:,} to {last - 1:,}" for first, last in ranges)


def _bits(held: dict[str, Any]) -> str:
    bits = held.get("bits_per_byte")
    return f" ({bits:.3f} bits per byte)" if bits is not None else ""


def duration(seconds: float) -> str:
    """`3 d 04 h`, `2 h 05 min`, `4 min 03 s`, `7 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02d} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
