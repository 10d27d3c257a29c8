"""What the engine costs: Parquet -> a Filter that keeps all -> Parquet, against plain pyarrow, on one core."""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from machine import data, in_turn, keep, machine, one_core, spread, texts

from dataprep import plan as planning
from dataprep.pipeline import parse
from dataprep.resume import Progress
from dataprep.store import Store
from dataprep.worker import run_task

CORPORA = ("en_web_text", "en_classic_books", "zh_javaguide", "zh_oiwiki", "zh_pingcap_docs", "en_foldoc_encyclopedia")
ROW_GROUP = 16_384


def corpus(path: Path) -> int:
    """Real documents as one Parquet file with the columns of a corpus. Gives their bytes of text."""
    rows = []
    for name in CORPORA:
        rows += texts(data(), name)
    table = pa.table(
        {
            "id": pa.array([str(i) for i in range(len(rows))]),
            "text": pa.array(rows, pa.large_string()),
            "source": pa.array(["bench"] * len(rows)),
            "url": pa.array([f"https://example.org/{i}" for i in range(len(rows))]),
            "date": pa.nulls(len(rows), pa.string()),
        }
    )
    pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP)
    return sum(len(row.encode()) for row in rows)


def plain(source: Path, out: Path) -> None:
    """What anybody would write: read batches, write batches, one thread."""
    with pq.ParquetFile(source) as file, pq.ParquetWriter(out, file.schema_arrow, compression="zstd") as writer:
        for batch in file.iter_batches(batch_size=ROW_GROUP, use_threads=False):
            writer.write_batch(batch, row_group_size=ROW_GROUP)


def ours(source: Path, out: Path) -> None:
    """The pass tasks as a worker runs them: documents, verdicts, ledger, checksums, fsync, records."""
    shutil.rmtree(out, ignore_errors=True)
    raw = {
        "name": "b",
        "source": {"parquet": str(source)},
        "output": str(out),
        "stages": [{"thresholds": {"rules": []}}],
    }
    plan = planning.make(parse(raw, "bench"))
    for task in Progress(plan, Store(str(out))).pass_tasks(0) or ():
        run_task(plan, task, ("documents",), lambda *_: None, {})


def whole(source: Path, out: Path) -> None:
    """The command as typed: Python's start, the input's checksum and the spawned worker included."""
    shutil.rmtree(out, ignore_errors=True)
    pipeline = out.parent / "noop.yaml"
    pipeline.write_text(
        f"name: b\nsource: {{parquet: {source}}}\noutput: {out}\nstages: [{{thresholds: {{rules: []}}}}]\n"
    )
    command = [sys.executable, "-m", "dataprep", "run", str(pipeline), "--workers", "1"]
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    one_core()
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.parquet")
        size = corpus(source)
        print(f"{machine()}\n{size / 1e6:.0f} MB of text, {source.stat().st_size / 1e6:.0f} MB of Parquet")
        out = Path(folder, "out")
        theirs, task = in_turn(lambda: plain(source, Path(folder, "plain.parquet")), lambda: ours(source, out))
        ratios = [b / a for a, b in zip(theirs, task, strict=True)]
        print(f"pyarrow read and write      {spread(theirs)} s")
        print(f"the pass tasks              {spread(task)} s = {spread(ratios)} x")
        _, command = in_turn(lambda: None, lambda: whole(source, out), 3)
        print(f"`dataprep run`, whole       {spread(command)} s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        worker = json.loads((out / "timings.json").read_text())["peak_worker_memory_bytes"]
        print(f"peak memory of the worker   {worker / 1e6:.0f} MB")
        keep(
            "engine",
            {
                "text_bytes": size,
                "pyarrow_s": theirs,
                "task_s": task,
                "ratio": statistics.median(ratios),
                "command_s": command,
                "peak_worker_memory_bytes": worker,
                "peak_benchmark_memory_bytes": peak,
            },
        )


if __name__ == "__main__":
    main()
