"""A document with copies is shown with its cluster, and a dedup stage with what it found, as its artefacts say."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from runs import dataprep, make_plan, run_here, write_jsonl, write_pipeline

from dataprep import clusters, lookup, shards
from dataprep.clusters import Cluster
from dataprep.errors import InputError
from dataprep.lookup import Found, Run
from dataprep.retention import findings
from dataprep.schema import ID, PLACE

STAGES: list[Any] = ["exact_dedup", {"minhash_dedup": {"as": "near", "keep": "longest"}}]
GROUP_ROWS = 8


class Truth(NamedTuple):
    """A run's rows by place, as its own files have them before any code of ours looks things up."""

    ids: dict[int, str]
    kept: dict[int, int]
    """Place of each near-duplicate -> that of the copy kept."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clusters of 2 to 40, from three sources; ids collide within clusters and between them."""
    folder = tmp_path_factory.mktemp("clusters")
    rng = random.Random(8)
    rows = []
    for number, size in enumerate([1, 1, 2, 2, 3, 5, 9, 40]):
        words = [f"w{rng.randrange(10**6)}" for _ in range(120)]
        for copy in range(size):
            edited = list(words)
            if copy:
                edited[rng.randrange(120)] = f"edit{rng.choice([copy, 1])}" * rng.randrange(1, 4)
            text = " ".join(edited)
            name = rng.choice([f"doc-{number}-{copy}", f"doc-{number}", "everywhere"])
            rows.append({"id": name, "text": text, "source": rng.choice(["a", "b", "网页"])})
    rows += rng.choices(rows, k=6)
    rng.shuffle(rows)
    (folder / "in").mkdir()
    write_jsonl(folder / "in/a.jsonl", rows[:30])
    write_jsonl(folder / "in/b.jsonl", rows[30:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "GROUP_ROWS", GROUP_ROWS)
        run_here(make_plan(write_pipeline(folder, STAGES)))
    return folder / "out"


@pytest.fixture(scope="module")
def run(out: Path) -> Run:
    return lookup.open_run(str(out))


def table(out: Path, label: str, name: str) -> list[dict[str, Any]]:
    (path,) = out.glob(f"artefacts/{label}-????????/{name}")
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


@pytest.fixture(scope="module")
def truth(out: Path) -> Truth:
    verdicts = pq.read_table(next((out / "verdicts").glob("0-*"))).to_pylist()
    lists = table(out, "near", "duplicates.parquet")
    return Truth({row[PLACE]: row[ID] for row in verdicts}, {row[PLACE]: row["kept"] for row in lists})


def place_of(found: Found, run: Run) -> int:
    inputs = [f["path"] for f in run.manifest["inputs"]]
    return (inputs.index(found.input) << 40) + found.offset


def everything(run: Run, truth: Truth) -> list[Found]:
    return [found for name in sorted(set(truth.ids.values())) for found in lookup.find(run, name)]


def seen_from(run: Run, truth: Truth, place: int) -> tuple[Cluster, ...]:
    (found,) = [found for found in lookup.find(run, truth.ids[place]) if place_of(found, run) == place]
    return tuple(one for one in found.clusters if one.stage == "near")


# ---------------------------------------------------------------- explain


def test_every_document_is_shown_in_its_own_cluster(run: Run, truth: Truth) -> None:
    members = defaultdict(list)
    for place, kept in sorted(truth.kept.items()):
        members[kept].append(place)
    rows = defaultdict(list)
    for row in table(Path(run.root), "near.clusters", "clusters.parquet"):
        rows[row["cluster"]].append(row)
    seen: Counter[str] = Counter()
    for found in everything(run, truth):
        place = place_of(found, run)
        near = [one for one in found.clusters if one.stage == "near"]
        cluster = truth.kept.get(place, place)
        if cluster not in members:
            assert near == []
            seen["alone" if found.verdict == "kept" else "dropped before"] += 1
            continue
        (one,) = near
        assert one.size == len(members[cluster]) + 1
        assert one.kept.id == truth.ids[cluster]
        first, *dropped = rows[cluster]
        assert (one.kept.bytes, one.kept.source) == (first["bytes"], first["source"])
        if place == cluster:
            assert one.this is one.kept
            seen["kept"] += 1
            others = dropped
        else:
            row = dropped[members[cluster].index(place)]
            assert one.this[:2] == (found.id, row["source"])
            assert one.this.similarity == pytest.approx(row["similarity"])
            assert one.this.bytes == row["bytes"]
            seen["dropped"] += 1
            others = [other for other in dropped if other is not row]
        assert [(m.id, m.source, m.bytes) for m in one.others] == [(o["id"], o["source"], o["bytes"]) for o in others]
        assert all(m.similarity is None or m.similarity > 0.5 for m in (one.this, *one.others))
    assert seen["kept"] == len(members) >= 6
    assert seen["dropped"] == len(truth.kept) > 40
    assert min(seen.values()) > 0
    collided = [Counter(truth.ids[place] for place in places).most_common(1)[0][1] for places in members.values()]
    assert max(collided) > 3, "ids collide within a cluster"


def test_only_the_row_groups_of_a_cluster_are_read(out: Path, truth: Truth, tmp_path: Path) -> None:
    """The data of all others are overwritten: reading them would fail."""
    copy = Path(shutil.copytree(out, tmp_path / "copy"))
    (path,) = copy.glob("artefacts/near.clusters-*/clusters.parquet")
    data = bytearray(path.read_bytes())
    metadata = pq.read_metadata(path)
    assert metadata.num_row_groups > 4
    number = max(truth.kept.values(), key=list(truth.kept.values()).count)
    spared = 0
    for group in (metadata.row_group(n) for n in range(metadata.num_row_groups)):
        bounds = group.column(0).statistics
        if bounds.min <= number <= bounds.max:
            spared += 1
            continue
        for column in (group.column(n) for n in range(group.num_columns)):
            start = column.dictionary_page_offset or column.data_page_offset
            data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    assert 4 < spared < metadata.num_row_groups
    path.write_bytes(data)
    one = clusters.cluster(ds.dataset(path), "near", number, None)
    assert one is not None
    assert one.size == list(truth.kept.values()).count(number) + 1


def test_a_cluster_without_end_is_counted_and_not_held(run: Run, truth: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "MEMBERS", 3)
    number, size = Counter(truth.kept.values()).most_common(1)[0]
    last = max(place for place, kept in truth.kept.items() if kept == number)
    (one,) = seen_from(run, truth, last)
    assert (one.size, len(one.others)) == (size + 1, 3)
    assert one.this.id == truth.ids[last], "also where it comes after those that are held"


def test_explain_prints_the_cluster(out: Path, run: Run, truth: Truth) -> None:
    number, size = Counter(truth.kept.values()).most_common(1)[0]
    place = next(place for place, kept in truth.kept.items() if kept == number)
    name = truth.ids[place]
    shown = dataprep("explain", name, "--run", out).stdout
    kept = truth.ids[number]
    assert f"  copies {size + 1} documents in one cluster of near; kept: {kept} (source " in shown
    (one,) = seen_from(run, truth, place)
    assert f"         this one: similarity {one.this.similarity:.4g}, exactly {one.this.jaccard:.4g}\n" in shown
    assert f"         and {size - 11} more\n" in shown
    told = json.loads(dataprep("explain", name, "--run", out, "--json").stdout)
    (one,) = [one for found in told for one in found["clusters"] if found["offset"] == place & ((1 << 40) - 1)]
    assert len(one["others"]) == size - 1
    assert one["kept"]["id"] == kept
    assert one["this"]["id"] == name


@pytest.mark.parametrize("pattern", ["artefacts/near.clusters-*/*", "artefacts/near-*/*", "verdicts/0-*"])
@pytest.mark.parametrize("how", [b"", b"PAR1 not Parquet PAR1", None])
def test_damaged_files_are_one_line(out: Path, truth: Truth, tmp_path: Path, pattern: str, how: bytes | None) -> None:
    copy = Path(shutil.copytree(out, tmp_path / "copy"))
    for path in copy.glob(pattern):
        if how is None:
            path.unlink()
        else:
            path.write_bytes(how)
    run = lookup.open_run(str(copy))
    with pytest.raises(InputError, match=r"`dataprep run` (makes|writes)") as error:
        lookup.find(run, truth.ids[next(iter(truth.kept))])
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_a_run_without_lists_of_clusters_shows_none(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", [{"id": "one", "text": "Text."}, {"id": "two", "text": "Text."}])
    settings = {"source": {"jsonl": str(tmp_path / "in.jsonl")}}
    stages = ["exact_duplicates", {"duplicate": {"of": "exact_duplicates"}}]
    run_here(make_plan(write_pipeline(tmp_path, stages, **settings)))
    (found,) = lookup.find(lookup.open_run(str(tmp_path / "out")), "two")
    assert found.clusters == ()
    assert found.copy_of is not None
    assert found.copy_of.id == "one"


# ---------------------------------------------------------------- manifest


def test_the_manifest_tells_what_a_dedup_stage_found(out: Path, run: Run, truth: Truth) -> None:
    entry = next(stage for stage in run.manifest["stages"] if stage["name"] == "near")
    facts = {what: fact for build in entry["builds"] for what, fact in build["facts"].items()}
    sizes = Counter(truth.kept.values())
    assert (facts["duplicates"], facts["clusters"]) == (len(truth.kept), len(sizes))
    assert facts["largest_cluster"] == max(sizes.values()) + 1
    assert facts["removed_bytes"] == entry["bytes_in"] - entry["bytes_out"]
    assert sum(pair["documents"] for pair in facts["source_pairs"]) == len(truth.kept)

    (block,) = [block for block in findings(run.manifest) if block.startswith("near: ")]
    lines = block.splitlines()
    assert lines[0] == (
        f"near: {len(truth.kept)} duplicates in {len(sizes)} clusters, "
        f"the largest of {max(sizes.values()) + 1} documents"
    )
    assert lines[1].endswith(f"{facts['removed_bytes'] / entry['bytes_in']:.1%} of the bytes that came in")
    compared = f"  exact similarity of {len(truth.kept)} duplicates to the kept copy at least 0.5: 100.0%, 0.6: "
    assert lines[2].startswith(compared)
    assert lines[3].split() == ["kept", "from", "dropped", "from", "documents", "MB"]
    assert [line.split()[:3] for line in lines[4:]] == [
        [pair["kept"], pair["dropped"], str(pair["documents"])] for pair in facts["source_pairs"][:10]
    ]
    shown = dataprep("manifest", "show", out).stdout
    assert f"\n{block}\n" in shown
    assert json.loads(dataprep("manifest", "show", out, "--json").stdout) == run.manifest


def test_facts_of_any_build_are_shown() -> None:
    facts = {"rows": 1234, "share": 0.25, "by_kind": {"a": 1, "b": 2000}, "most": [{"name": "x", "n": 5000}] * 12}
    build = {"name": "counts", "stage": "counts", "artefact": "artefacts/counts-0", "facts": facts}
    (block,) = findings({"stages": [{"name": "source"}, {"name": "counts", "tallies": [], "builds": [build]}]})
    assert block.splitlines() == [
        "counts",
        "  rows: 1,234",
        "  share: 0.25",
        "  by_kind: a 1, b 2,000",
        "  most: 12",
        "    name  n",
        *["    x     5,000"] * 10,
    ]


def test_the_kept_copy_is_shown_with_its_url_without_personal_data(tmp_path: Path) -> None:
    given = [
        {"id": "a", "text": "same", "url": "https://example.org/?to=jane.roe@mail.org"},
        {"id": "b", "text": "same"},
    ]
    write_jsonl(tmp_path / "in.jsonl", given)
    pipeline = write_pipeline(tmp_path, ["exact_dedup"], source={"jsonl": str(tmp_path / "in.jsonl")})
    assert dataprep("run", pipeline).returncode == 0
    lines = dataprep("explain", "b", "--run", tmp_path / "out").stdout.splitlines()
    assert lines[2:4] == ["  copy   of a, which is in in.jsonl, offset 0", "         https://example.org/?to=<EMAIL>"]
    assert "  url    https://example.org/?to=<EMAIL>" in dataprep("explain", "a", "--run", tmp_path / "out").stdout
