"""Run stages over documents in memory, Builds included, with any cut into batches: what tests compare a run with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from classifier_files import example_classifier
from language_models import example_language_model
from listed_items import example_domains
from token_corpora import example_tokenizer

from dataprep import schema
from dataprep.documents import Documents
from dataprep.pipeline import Placed, parse
from dataprep.stage import Build, Filter, Map
from dataprep.store import describe


def parts(name: str, config: dict[str, object]) -> tuple[Placed, ...]:
    """The parts that a stage with this config expands to; a file that it names is a real one."""
    pipeline = parse({"name": "test", "source": {"jsonl": "x"}, "output": "x", "stages": [{name: config}]}, "test")
    if pipeline.parts[0].stage.stage_name() == "perplexity_scores":
        model = example_language_model()
        named: Any = pipeline.parts[0].stage
        models = {code: str(model) for code in named.model} if isinstance(named.model, dict) else str(model)
        return (pipeline.parts[0]._replace(stage=named.model_copy(update={"model": models})), *pipeline.parts[1:])
    if "tokenizer" in pipeline.parts[0].stage.paths:
        tokenizer = {"tokenizer": str(example_tokenizer())}
        return (pipeline.parts[0]._replace(stage=pipeline.parts[0].stage.model_copy(update=tokenizer)),)
    if "model" in pipeline.parts[0].stage.paths and str(config["model"]).startswith("out/"):
        classifier = {"model": str(example_classifier())}
        first = pipeline.parts[0]._replace(stage=pipeline.parts[0].stage.model_copy(update=classifier))
        return (first, *pipeline.parts[1:])
    if "domains" in pipeline.parts[0].stage.paths and config.get("domains") == "lists/domains.txt":
        lists = {"domains": (str(example_domains()),)}
        return (pipeline.parts[0]._replace(stage=pipeline.parts[0].stage.model_copy(update=lists)), *pipeline.parts[1:])
    return pipeline.parts


def apply(
    chain: Sequence[Placed], docs: Documents, folder: Path, batch_rows: int | None = None
) -> tuple[pa.Table, dict[int, str]]:
    """(rows kept, reason by place of rows dropped), with batches of `batch_rows` rows."""
    batches = list(_cut(docs, batch_rows))
    reasons: dict[int, str] = {}
    artefacts: dict[str, Path] = {}
    for number, (label, stage) in enumerate(chain):
        if isinstance(stage, Build):
            artefacts[label] = folder / f"{number}-{label}"
            _build(stage, [b for b in batches if len(b)], artefacts[label])
        batches = [_one(stage, Documents(b.batch, artefacts), reasons) for b in batches]
    return pa.Table.from_batches([b.batch for b in batches]), reasons


def _cut(docs: Documents, rows: int | None) -> Iterator[Documents]:
    for start in range(0, len(docs), rows or len(docs)):
        yield Documents(docs.batch.slice(start, rows or len(docs)))


def _one(stage: object, docs: Documents, reasons: dict[int, str]) -> Documents:
    if isinstance(stage, Map):
        removed = {name: None for name, kind in stage.gives().items() if kind is None}
        if not len(docs):
            return docs.with_columns({n: None if k is None else pa.array([], k) for n, k in stage.gives().items()})
        made = stage.columns(docs)
        for name, kind in stage.gives().items():
            if kind is not None:
                assert made[name].type == kind, f"{name}: {made[name].type}, not {kind}"
                assert len(made[name]) == len(docs)
        assert made.keys() == {n for n, k in stage.gives().items() if k is not None}
        return docs.with_columns({**made, **removed})
    if isinstance(stage, Filter) and len(docs):
        why = stage.reasons(docs)
        assert why.type == pa.string()
        for place, reason in zip(docs[schema.PLACE].to_pylist(), why.to_pylist(), strict=True):
            if reason is not None:
                assert reason in stage.defects(), f"undeclared reason {reason}"
                reasons[place] = reason
        return docs.keep(~why.is_valid().to_numpy(zero_copy_only=False))
    return docs


def _build(stage: Build, batches: list[Documents], out: Path) -> None:
    out.mkdir()
    collected = [stage.collect(b) for b in batches]
    table = pa.Table.from_batches(collected, stage.collected()).combine_chunks()
    # Two partitions, so that a Build that needs to see everything at once is found out.
    keys = table.column(stage.partition_by).to_numpy() % 2
    paths = []
    for partition in (0, 1):
        rows = table.filter(pa.array(keys == partition))
        if stage.writes:
            facts = stage.write(rows, partition, out)
            files = [describe(path, path.name) for path in sorted(out.glob(f"{partition:05d}.*"))]
            paths.append(out / f"part-{partition}.json")
            paths[-1].write_text(json.dumps({"facts": facts, "files": files}))
            continue
        part = stage.combine(rows.combine_chunks())
        assert part.schema == stage.combined()
        paths.append(out / f"part-{partition}.parquet")
        pq.write_table(part, paths[-1])
    stage.finish(paths, out)
