"""Where a benchmark ran, what it read, and how its figures are kept: shared by every bench_*.py."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parent.parent / "tests"))

import corpora

if TYPE_CHECKING:
    from dataprep.documents import Documents

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
BATCH_ROWS, BATCH_BYTES = 4096, 16 << 20
"""Where the engine cuts batches."""


def data() -> Path:
    """The folder of real data: `DATAPREP_DATA`, default beside the project. Ends the program if there is none."""
    path = Path(os.environ.get("DATAPREP_DATA") or ROOT / "../shared/data").resolve()
    if not path.is_dir():
        raise SystemExit(f"real data not found at {path}; set DATAPREP_DATA to its folder")
    return path


def texts(data: Path, name: str) -> Iterator[str]:
    """The texts of a corpus, in order."""
    return corpora.texts(data / f"corpora/{name}.jsonl.zst")


def first(name: str, megabytes: float) -> list[str]:
    """The first texts of a corpus, about so many megabytes."""
    found: list[str] = []
    size = 0
    for text in texts(data(), name):
        if size > megabytes * 1e6:
            break
        found.append(text)
        size += len(text.encode())
    return found


def batches(given: list[str], language: str = "en") -> list[Documents]:
    """These texts in batches as the engine would cut them; `id` is the place in the batch."""
    from dataprep.documents import documents

    cuts, size = [0], 0
    for i, text in enumerate(given):
        size += len(text.encode())
        if size > BATCH_BYTES or i - cuts[-1] >= BATCH_ROWS:
            cuts.append(i)
            size = len(text.encode())
    rows = [given[a:b] for a, b in zip(cuts, [*cuts[1:], len(given)], strict=True)]
    return [
        documents({"id": [str(i) for i in range(len(r))], "text": r, "language": [language] * len(r)}) for r in rows
    ]


def machine() -> str:
    """One line: processor, cores, Python."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return f"{model.partition(':')[2].strip()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def one_core() -> None:
    """Stay on the last core of those allowed, with everything this process starts."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def seconds(work: Callable[[], object], runs: int = 5) -> list[float]:
    """Wall time of each of `runs` runs, after one that is not counted."""
    work()
    return [_once(work) for _ in range(runs)]


def children_seconds() -> float:
    """Processor time of all finished children so far."""
    times = os.times()
    return times.children_user + times.children_system


def _once(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turn(
    first: Callable[[], object], second: Callable[[], object], runs: int = 5
) -> tuple[list[float], list[float]]:
    """Two works A B A B ..., so that a change of the machine's speed meets both."""
    first(), second()
    pairs = [(_once(first), _once(second)) for _ in range(runs)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def cpu(work: Callable[[], object]) -> float:
    """Processor time of one run."""
    began = time.process_time()
    work()
    return time.process_time() - began


def spread(values: list[float]) -> str:
    """`median (min to max)`."""
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def run_parts(
    name: str,
    parts: Mapping[str, Callable[[Path, argparse.Namespace], dict[str, Any]]],
    parser: argparse.ArgumentParser,
) -> None:
    """The main program of a benchmark of several parts: those named, or all, each kept in results/NAME.json when done.

    A part gets the folder of real data and the options that `parser` has.
    """
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(parts)}")
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(parts):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(parts)}")
    if options.data:
        os.environ["DATAPREP_DATA"] = str(options.data)
    one_core()
    print(machine())
    known = RESULTS / f"{name}.json"
    figures = json.loads(known.read_text()) if known.exists() else {}
    figures.pop("machine", None)
    for part in options.parts or parts:
        figures[part] = parts[part](data(), options)
        keep(name, figures)


def keep(name: str, figures: dict[str, Any]) -> None:
    """Write figures beside the machine they were measured on to results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine(), **figures}, indent=1) + "\n")
