"""minhash_dedup: signatures against datasketch, the whole against datatrove, memory of `finish`, recall against theory.

    python benchmarks/bench_dedup.py [signatures] [datatrove] [finish] [recall]        default: all four

Needs the folder of real data (`--data`, `$DATAPREP_DATA`, ../shared/data). One core. datatrove's four steps run once,
about six minutes; its virtual environment is made in .benchmarks/ at the first run. Writes results/dedup.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dedup_corpus
import machine
import numpy as np
import peers

PERMUTATIONS = 112
BANDS, ROWS = 14, 8


# ---------------------------------------------------------------- text to signature


def signatures(data: Path) -> dict[str, Any]:
    """MB/s from text, beside datasketch from the same text and from the same shingle hashes."""
    import pyarrow as pa
    import xxhash
    from datasketch import MinHash

    from dataprep.text.minhash import permutations, shingles, signatures, signatures_of
    from dataprep.text.spans import text_buffers
    from dataprep.text.words import lower_words

    by = permutations(PERMUTATIONS)
    figures: dict[str, Any] = {}
    for name in ("en_web_text", "zh_oiwiki"):
        texts = list(dedup_corpus.rows(data / "corpora" / f"{name}.jsonl.zst"))
        text = text_buffers(pa.array(texts, pa.large_string()))
        size = sum(len(t.encode()) for t in texts)

        def whole(text: Any = text) -> Any:
            found = lower_words(text)
            return signatures(found.hash, found.offsets, by)

        seconds = machine.seconds(whole)
        few = texts[:300]
        small = text_buffers(pa.array(few, pa.large_string()))
        few_size = sum(len(t.encode()) for t in few)
        token = re.compile(r"\w" if name.startswith("zh") else r"\w+")

        def theirs(few: list[str] = few, token: re.Pattern[str] = token) -> Any:
            start = MinHash(PERMUTATIONS, scheme="affine32", hashfunc=xxhash.xxh32_intdigest)
            found = []
            for one in few:
                tokens = token.findall(one.lower())
                sketch = start.copy()
                sketch.update_batch([" ".join(tokens[k : k + 5]).encode() for k in range(max(1, len(tokens) - 4))])
                found.append(sketch.hashvalues)
            return found

        ours, peer = machine.in_turn(lambda small=small: whole(small), theirs)
        words = lower_words(small)
        values, offsets = shingles(words.hash, words.offsets)
        low = (values & np.uint64(0xFFFFFFFF)).astype(np.uint32)
        lists = [low[a:b].tolist() for a, b in itertools.pairwise(offsets)]
        ours_given, bulk = machine.in_turn(
            lambda values=values, offsets=offsets: signatures_of(values, offsets, by),
            lambda lists=lists: MinHash.bulk(lists, num_perm=PERMUTATIONS, scheme="affine32", hashfunc=_itself),
        )
        same = signatures_of(values, offsets, by)
        assert all(
            (row == sketch.hashvalues).all()
            for row, sketch in zip(
                same, MinHash.bulk(lists, num_perm=PERMUTATIONS, scheme="affine32", hashfunc=_itself), strict=True
            )
        ), "signatures differ from datasketch's"
        figures[name] = {
            "documents": len(texts),
            "megabytes": round(size / 1e6, 1),
            "megabytes_per_second": round(size / 1e6 / statistics.median(seconds), 1),
            "datasketch_megabytes_per_second": round(few_size / 1e6 / statistics.median(peer), 2),
            "times_datasketch_from_text": round(statistics.median(peer) / statistics.median(ours), 1),
            "times_datasketch_bulk": round(statistics.median(bulk) / statistics.median(ours_given), 1),
        }
        print(f"{name}: {size / 1e6:.1f} MB; text to {PERMUTATIONS} x 32 bits, MB/s: "
              f"{machine.spread([size / 1e6 / s for s in seconds])}")  # fmt: skip
        print(f"  datasketch {version('datasketch')} from text: "
              f"{figures[name]['datasketch_megabytes_per_second']} MB/s, "
              f"ours {figures[name]['times_datasketch_from_text']}x; bulk from shingle hashes, ours "
              f"{figures[name]['times_datasketch_bulk']}x; signatures equal")  # fmt: skip
    return figures


def _itself(value: int) -> int:
    return value


# ---------------------------------------------------------------- the whole, beside datatrove


def peer_main(source: str, out: str) -> None:
    """Run under the peer's Python: datatrove's four steps."""
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import ParquetWriter

    config = MinhashConfig(num_buckets=BANDS, hashes_per_bucket=ROWS)
    reader = JsonlReader(source)
    steps: list[tuple[str, int, list[Any]]] = [
        ("signatures", 1, [reader, MinhashDedupSignature(output_folder=f"{out}/signatures", config=config)]),
        ("buckets", BANDS, [MinhashDedupBuckets(f"{out}/signatures", f"{out}/buckets", config=config)]),
        ("cluster", 1, [MinhashDedupCluster(f"{out}/buckets", f"{out}/remove", config=config)]),
        ("filter", 1, [reader, MinhashDedupFilter(f"{out}/remove"), ParquetWriter(f"{out}/kept")]),
    ]
    for name, tasks, pipeline in steps:
        began = time.perf_counter()
        LocalPipelineExecutor(pipeline=pipeline, tasks=tasks, workers=1, logging_dir=f"{out}/logs/{name}").run()
        print(json.dumps([name, round(time.perf_counter() - began, 3)]), flush=True)


def against_datatrove(data: Path, megabytes: float) -> dict[str, Any]:
    """Wall seconds of both as commands, start-up included."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        documents, size = dedup_corpus.write(data, megabytes, here / "in")
        print(f"\n{documents:,} documents, {size / 1e6:.0f} MB of text, a fifth of them edited copies")
        pipeline = here / "dedup.yaml"
        pipeline.write_text(json.dumps({
            "name": "dedup", "source": {"jsonl": str(here / "in")}, "output": str(here / "out"),
            "stages": ["minhash_dedup"],
        }))  # fmt: skip
        command = [sys.executable, "-m", "dataprep", "run", str(pipeline), "--workers", "1", "--output"]
        ours, ours_cpu = [], []
        for n in range(6):  # the first compiles
            began, used = time.perf_counter(), machine.children_seconds()
            subprocess.run([*command, str(here / f"out{n}")], check=True, capture_output=True)
            ours.append(time.perf_counter() - began)
            ours_cpu.append(machine.children_seconds() - used)
        ours, ours_cpu = ours[1:], ours_cpu[1:]
        timings = json.loads((here / "out5/timings.json").read_text())
        manifest = json.loads((here / "out5/manifest.json").read_text())
        python = peers.python("datatrove", peers.DATATROVE)
        began, used = time.perf_counter(), machine.children_seconds()
        done = subprocess.run(
            [str(python), __file__, "--peer", str(here / "in"), str(here / "peer")],
            check=True, capture_output=True, text=True, env=peers.ENVIRONMENT,
        )  # fmt: skip
        theirs, theirs_cpu = time.perf_counter() - began, machine.children_seconds() - used
        steps = dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
        kept = sum(_rows(path) for path in (here / "peer/kept").glob("*.parquet"))
    ratio, ratio_cpu = theirs / statistics.median(ours), theirs_cpu / statistics.median(ours_cpu)
    peak = timings["peak_worker_memory_bytes"] / 1e6
    print(f"ours {machine.spread(ours)} s, processor {machine.spread(ours_cpu)} s")
    print(f"  peak of a worker {peak:.0f} MB, keeps {manifest['documents']:,}")
    print(f"datatrove 0.10.1 {theirs:.0f} s, processor {theirs_cpu:.0f} s")
    print(f"  {', '.join(f'{k} {v}' for k, v in steps.items())}; keeps {kept:,}")
    print(f"ratio {ratio:.1f}; of processor time, which other jobs on the machine change less, {ratio_cpu:.1f}")
    return {
        "documents": documents,
        "megabytes": round(size / 1e6, 1),
        "seconds": [round(s, 2) for s in ours],
        "processor_seconds": [round(s, 2) for s in ours_cpu],
        "stage_seconds": timings["seconds"],
        "peak_worker_memory_bytes": timings["peak_worker_memory_bytes"],
        "kept": manifest["documents"],
        "datatrove_seconds": round(theirs, 1),
        "datatrove_processor_seconds": round(theirs_cpu, 1),
        "datatrove_steps": steps,
        "datatrove_kept": kept,
        "ratio": round(ratio, 1),
        "ratio_of_processor_time": round(ratio_cpu, 1),
    }


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.ParquetFile(path).metadata.num_rows)


# ---------------------------------------------------------------- memory of `finish`


def finish_edges(rows: int, folder: Path) -> None:
    """Eight partitions of edges over `rows` documents: one in three leads a cluster, each edge is in four of them."""
    import pyarrow as pa

    from dataprep.duplicates import edges
    from dataprep.shards import ParquetShard

    rng = np.random.default_rng(0)
    columns = edges(ranked=True)
    parts = [ParquetShard(folder / f"{p}.parquet", columns) for p in range(8)]
    for low in range(0, rows, 100_000):
        document = np.arange(low, min(low + 100_000, rows), dtype=np.int64)
        leader = np.where(document % 3 == 0, document, rng.integers(0, document // 3 + 1) * 3)
        rank = rng.integers(0, 1 << 62, len(document), dtype=np.uint64)
        for part in parts:
            some = (rng.random(len(document)) < 0.5) | (document % 3 == 0)
            arrays = [pa.array(a[some]) for a in (document << 7, leader << 7, rank)]
            part.write(pa.RecordBatch.from_arrays(arrays, schema=columns))
    for part in parts:
        part.close()


def finish_main(folder: str) -> None:
    """One `finish` in a process of its own: prints [seconds, peak bytes]."""
    from dataprep.duplicates import write_lists
    from dataprep.text.warmup import compile_all

    compile_all()
    parts = sorted(Path(folder).glob("*.parquet"))
    out = Path(folder) / "out"
    out.mkdir()
    began = time.perf_counter()
    write_lists(parts, out)
    print(json.dumps([time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))


def finish() -> dict[str, Any]:
    """Time and peak memory of connecting 10^6 and 10^7 documents that all have copies, with ranks."""
    found = {}
    for rows in (1_000_000, 10_000_000):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, __file__, "--edges", str(rows), folder], check=True)
            command = [sys.executable, __file__, "--finish", folder]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[rows] = json.loads(done.stdout)
    (small_s, small), (large_s, large) = found.values()
    slope = (large - small) / 9e6
    allowed = 10 * np.log(1e7) / np.log(1e6)
    print(f"\nfinish: 10^6 documents {small_s:.2f} s, {small / 1e6:.0f} MB; 10^7 {large_s:.2f} s, {large / 1e6:.0f} MB")
    print(f"  {slope:.1f} bytes a document; time grows {large_s / small_s:.1f}x, n log n would be {allowed:.1f}x")
    return {
        "seconds": {rows: round(s, 2) for rows, (s, _) in found.items()},
        "peak_bytes": {rows: peak for rows, (_, peak) in found.items()},
        "bytes_per_document": round(slope, 1),
        "time_growth": round(large_s / small_s, 2),
        "n_log_n": round(float(allowed), 2),
    }


# ---------------------------------------------------------------- recall and precision


def recall(data: Path, seeds: int = 40) -> dict[str, Any]:
    """Of pairs of a real document and an edited copy, the share that share a band, against 1 - (1 - J^8)^14."""
    import random

    import pyarrow as pa

    from dataprep.text.graph import as_sets, jaccard
    from dataprep.text.minhash import band_hashes, permutations, shingles, signatures
    from dataprep.text.spans import text_buffers
    from dataprep.text.words import lower_words

    rng = random.Random(7)
    originals = [t for _, t in dedup_corpus.documents(data, 40) if 400 < len(t) < 20_000][:5000]
    copies = [dedup_corpus.edited(t, rng, rng.uniform(0, 0.12)) for t in originals]
    text = text_buffers(pa.array([*originals, *copies], pa.large_string()))
    words = lower_words(text)
    n = len(originals)
    i, j = np.arange(n), np.arange(n, 2 * n)
    exact = jaccard(*as_sets(*shingles(words.hash, words.offsets)), i, j)
    met = []
    for seed in range(1, seeds + 1):
        bands = band_hashes(signatures(words.hash, words.offsets, permutations(PERMUTATIONS, seed)), BANDS, ROWS)
        met.append((bands[:n] == bands[n:]).any(axis=1))
    rows, worst = [], 0.0
    print(f"\nrecall of {n:,} pairs with {seeds} seeds: J, pairs, found, theory, off by standard errors")
    for low in np.arange(0.3, 1.0, 0.05):
        inside = (exact >= low) & (exact < low + 0.05)
        theory = 1 - (1 - exact[inside] ** ROWS) ** BANDS
        trials = int(inside.sum()) * seeds
        if trials < 200:
            continue
        share = float(np.mean([m[inside].mean() for m in met]))
        error = float(np.sqrt((theory * (1 - theory)).sum() * seeds)) / trials
        off = (share - float(theory.mean())) / max(error, 1e-9)
        worst = max(worst, abs(off))
        rows.append([round(float(low), 2), trials, round(share, 4), round(float(theory.mean()), 4), round(off, 2)])
        print(f"  {low:.2f}-{low + 0.05:.2f}  {trials:6,}  {share:.4f}  {theory.mean():.4f}  {off:+.2f}")
    return {"rows": rows, "largest_deviation_in_standard_errors": round(worst, 2)} | precision(data)


def precision(data: Path, megabytes: float = 60) -> dict[str, Any]:
    """Of dropped documents, with and without `verify`: the exact similarity to the copy kept, of 1,000; and the share
    that have a copy in their cluster at or above the threshold."""
    import pyarrow.parquet as pq

    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        dedup_corpus.write(data, megabytes, here / "in")
        for verify in (False, True):
            out = here / str(verify)
            stage = {
                "minhash_dedup": {"verify": verify, "threshold": 0.8, "bands": BANDS, "rows": ROWS} if verify else {}
            }
            pipeline = here / "p.yaml"
            pipeline.write_text(json.dumps({
                "name": "p", "source": {"jsonl": str(here / "in")}, "output": str(out), "stages": [stage],
            }))  # fmt: skip
            command = [sys.executable, "-m", "dataprep", "run", str(pipeline), "--workers", "1"]
            subprocess.run(command, check=True, capture_output=True)
            (path,) = out.glob("artefacts/minhash_dedup.clusters-*/clusters.parquet")
            table = pq.read_table(path)
            exact = table["jaccard"].drop_null().to_numpy()
            near = _nearest(here / "in", table)
            figures["verified" if verify else "unverified"] = {
                "sampled": len(exact),
                "kept_copy_at_least_0.8": round(float((exact >= 0.8).mean()), 4),
                "some_copy_at_least_0.8": round(float((near >= 0.8).mean()), 4),
            }
            print(f"precision {'with' if verify else 'without'} verify at .8: {len(near):,} dropped, "
                  f"{(near >= 0.8).mean():.2%} have a copy of J >= .8 in their cluster; of {len(exact):,} sampled "
                  f"{(exact >= 0.8).mean():.2%} are that similar to the copy kept")  # fmt: skip
    return figures


def _nearest(folder: Path, clusters: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """For each dropped document the exact similarity to the nearest other member of its cluster (of up to 50)."""
    import pyarrow as pa

    from dataprep.text.graph import as_sets, jaccard
    from dataprep.text.minhash import shingles
    from dataprep.text.spans import text_buffers
    from dataprep.text.words import lower_words

    wanted = clusters["id"].to_pylist()
    members = set(wanted)
    texts = {}
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            texts |= {row["id"]: row["text"] for row in map(json.loads, lines) if row["id"] in members}
    text = text_buffers(pa.array([texts[i] for i in wanted], pa.large_string()))
    words = lower_words(text)
    values, offsets = as_sets(*shingles(words.hash, words.offsets))
    cluster, kept = clusters["cluster"].to_numpy(), clusters["kept"].to_numpy(zero_copy_only=False)
    starts = np.flatnonzero(np.diff(cluster, prepend=-1))
    ends = np.append(starts[1:], len(cluster))
    best = np.zeros(len(cluster))
    for start, end in zip(starts, ends, strict=True):
        group = np.arange(start, min(end, start + 50))
        for one in range(start, end):
            others = group[group != one]
            best[one] = jaccard(values, offsets, np.full(len(others), one), others).max()
    return best[~kept]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=300, help="of text for the run beside datatrove")
    parts = {
        "signatures": lambda data, _: signatures(data),
        "datatrove": lambda data, options: against_datatrove(data, options.megabytes),
        "finish": lambda *_: finish(),
        "recall": lambda data, _: recall(data),
    }
    machine.run_parts("dedup", parts, parser)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        peer_main(*sys.argv[2:4])
    elif sys.argv[1:2] == ["--edges"]:
        finish_edges(int(sys.argv[2]), Path(sys.argv[3]))
    elif sys.argv[1:2] == ["--finish"]:
        finish_main(sys.argv[2])
    else:
        main()
