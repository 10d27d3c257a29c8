"""WARC -> clean Parquet with the stages of web.yaml on real pages, one core, beside the same pipeline in datatrove.

    python benchmarks/bench_web.py

Packs the 1,497 pages of WCXB into a WARC, runs our command and datatrove's local executor on it in turn, prints
documents/s, MB/s of HTML and where our time goes, then measures 1 worker against 2 on a run of a minute or more.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import peers
from machine import ROOT, data, keep, machine, spread

STAGES = ["extract_html", {"language": {"keep": ["en"], "min_score": 0.65}}, "gopher_quality", "gopher_repetition"]
STAGES += ["fineweb_quality"]
"""What the peer's pipeline does, too. `pipelines/web.yaml` also removes duplicates and personal data."""
PEER_EXTRA = (
    "trafilatura==2.3.1",
    "lxml_html_clean",
    "fasttext-numpy2-wheel",
    "warcio",
    "faust-cchardet",
    "python-magic",
    "fasteners",
    "resiliparse==2.0.1",
)


def pages(folder: Path) -> Path:
    """The pages of WCXB as a folder of HTML files, unpacked once."""
    import zstandard

    done = folder / "done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        with (data() / "web/extraction/wcxb_dev/wcxb_dev.tar.zst").open("rb") as raw:
            stream = zstandard.ZstdDecompressor(max_window_size=1 << 31).stream_reader(raw)
            with tarfile.open(fileobj=io.BufferedReader(stream), mode="r|") as tar:
                tar.extractall(folder, filter="data")
        done.touch()
    return folder


def pinned(command: list[str], cores: set[int]) -> tuple[float, float]:
    """(wall, CPU) seconds of a command and all it starts, on these cores."""
    before = os.times()
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - began, cpu


def ours(archive: str, out: Path, workers: int, *, whole: bool = False) -> list[str]:
    """The command for one run from nothing, with `STAGES` or with all of `pipelines/web.yaml`."""
    shutil.rmtree(out, ignore_errors=True)
    pipeline = ROOT / "pipelines/web.yaml"
    if not whole:
        pipeline = out.with_suffix(".yaml")
        value = {"name": "b", "source": {"warc": archive}, "output": str(out), "stages": STAGES}
        pipeline.write_text(json.dumps(value))
    command = [sys.executable, "-m", "dataprep", "run", str(pipeline), "--workers", str(workers)]
    return [*command, "--input", archive, "--output", str(out)]


def peer_run(archive: str, out: str, extractor: str, model: str) -> None:
    """Run under the peer's Python: the same steps with datatrove's own blocks."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.extractors.base import BaseExtractor
    from datatrove.pipeline.filters import (
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        LanguageFilter,
    )
    from datatrove.pipeline.readers import WarcReader
    from datatrove.pipeline.writers import ParquetWriter
    from datatrove.utils import lid

    class Resiliparse(BaseExtractor):
        """Our extractor in the peer's pipeline, so that the rest can be compared like for like."""

        name = "resiliparse"

        def __init__(self) -> None:
            super().__init__(timeout=5)

        def extract(self, text: str) -> str:
            from resiliparse.extract.html2text import extract_plain_text

            return str(extract_plain_text(text, main_content=True))

    lid.FT176LID.MODEL_URL = model
    archive_path = Path(archive)
    executor = LocalPipelineExecutor(
        pipeline=[
            WarcReader(str(archive_path.parent), glob_pattern=archive_path.name),
            Trafilatura(favour_precision=True, timeout=5) if extractor == "trafilatura" else Resiliparse(),
            LanguageFilter(languages=["en"], language_threshold=0.65),
            GopherQualityFilter(),
            GopherRepetitionFilter(),
            FineWebQualityFilter(),
            ParquetWriter(out),
        ],
        tasks=1,
        logging_dir=f"{out}-logs",
    )
    executor.run()


def prepare_peer() -> Path:
    """datatrove with what its WARC pipeline needs, in its own environment."""
    python = peers.python("datatrove", peers.DATATROVE)
    mark = python.parent.parent / "web-ready"
    if not mark.exists():
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEER_EXTRA], check=True)
        mark.touch()
    return python


def compare(archive: Path, work: Path, runs: int, peer_runs: int) -> dict[str, Any]:
    """Ours and the peer's in turn on one core."""
    from dataprep.models import path as model_path

    core = {max(os.sched_getaffinity(0))}
    python = prepare_peer()
    out = work / "ours"
    found: dict[str, list[float]] = {"ours": [], "ours, all of web.yaml": []}
    found |= {"datatrove, trafilatura": [], "datatrove, resiliparse": []}
    timings: dict[str, Any] = {}
    pinned(ours(str(archive), out, 1), core)  # compiles kernels where that has not happened
    for turn in range(runs):
        found["ours"].append(pinned(ours(str(archive), out, 1), core)[0])
        found["ours, all of web.yaml"].append(pinned(ours(str(archive), out, 1, whole=True), core)[0])
        timings = json.loads((out / "timings.json").read_text())
        for name in list(found)[2:] if turn < peer_runs else ():
            target = work / "peer"
            shutil.rmtree(target, ignore_errors=True)
            shutil.rmtree(f"{target}-logs", ignore_errors=True)
            extractor = name.split(", ")[1]
            script = [str(python), str(Path(__file__).resolve()), "--peer-run", str(archive), str(target), extractor]
            found[name].append(pinned([*script, str(model_path("lid.176"))], core)[0])
    manifest = json.loads((out / "manifest.json").read_text())
    documents, size = manifest["stages"][0]["documents_out"], manifest["stages"][0]["bytes_out"]
    print(f"\n{documents} pages, {size / 1e6:.0f} MB of HTML, whole commands on one core")
    for name, walls in found.items():
        wall = statistics.median(walls)
        ratio = wall / statistics.median(found["ours"])
        print(f"{name:26} {documents / wall:7.0f} documents/s {size / 1e6 / wall:7.2f} MB/s  {ratio:5.1f} x our time")
    print(
        f"peak memory of a worker: {timings['peak_worker_memory_bytes'] / 1e6:.0f} MB; where its time goes in web.yaml:"
    )
    spent = timings["seconds"]
    for what, value in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"  {what:20} {value:7.2f} s {value / sum(spent.values()):6.1%}")
    within = sum(spent.values())
    print(f"  in tasks alone: {documents / within:.0f} documents/s, {size / 1e6 / within:.1f} MB/s per core")
    return {"documents": documents, "html_bytes": size, "wall_s": found, "timings": timings}


def scaling(archive: Path, work: Path, copies: int, runs: int) -> dict[str, Any]:
    """The same archive named many times over, with 1 and with 2 workers."""
    folder = work / "many"
    folder.mkdir(exist_ok=True)
    for n in range(copies):
        link = folder / f"{n:03d}.warc.gz"
        if not link.exists():
            link.symlink_to(archive)
    cores = os.sched_getaffinity(0)
    walls: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(runs):
        for workers in walls:
            walls[workers].append(pinned(ours(str(folder), work / f"scale-{workers}", workers), cores)[0])
    ratios = [a / b for a, b in zip(walls[1], walls[2], strict=True)]
    print(f"\n1 worker {spread(walls[1])} s, 2 workers {spread(walls[2])} s: {spread(ratios)} x")
    one, two = ((work / f"scale-{n}" / "manifest.json").read_bytes() for n in (1, 2))
    assert one == two, "the manifests of 1 and 2 workers differ"
    return {"wall_s": {str(k): v for k, v in walls.items()}, "ratio": statistics.median(ratios)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-run", nargs=4, metavar=("ARCHIVE", "OUT", "EXTRACTOR", "MODEL"), help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peer-runs", type=int, default=3, help="of each of datatrove's, in turn with ours")
    parser.add_argument("--copies", type=int, default=12, help="how often the archive is read to measure scaling")
    parser.add_argument("--no-scaling", action="store_true")
    args = parser.parse_args()
    if args.peer_run:
        peer_run(*args.peer_run)
        return
    print(machine())
    cache = ROOT / ".benchmarks"
    cache.mkdir(exist_ok=True)
    archive = cache / "wcxb.warc.gz"
    if not archive.exists():
        command = [sys.executable, "-m", "dataprep", "sample-web", str(archive), "--from", str(pages(cache / "wcxb"))]
        subprocess.run(command, check=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        figures = compare(archive, Path(folder), args.runs, args.peer_runs)
        if not args.no_scaling:
            figures["scaling"] = scaling(archive, Path(folder), args.copies, 3)
    keep("web", figures)


if __name__ == "__main__":
    main()
