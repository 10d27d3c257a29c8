"""Web archives: every cut, every kind of damage, every odd record."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from fastwarc.warc import ArchiveIterator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataprep.errors import InputError
from dataprep.sources.warc import Warc
from dataprep.sources.warc_records import Record, records, warc_splits
from dataprep.sources.wet import Wet
from dataprep.stage import Report
from dataprep.store import File

LIMIT = 1 << 20
DAMAGED = {"HTTP204.warc", "broken.warc", "redirect.warc", "example-trunc.warc"}
"""Genuine archives whose lengths are wrong."""


def archives(data: Path) -> list[Path]:
    found = [p for p in sorted((data / "web/warc").rglob("*")) if ".warc" in p.name]
    assert len(found) > 40
    return found


def as_file(path: Path) -> File:
    return File(str(path), path.name, path.stat().st_size)


def read_records(path: Path, start: int, end: int, report: Report, limit: int = LIMIT) -> list[Record]:
    with open(path, "rb") as stream:
        return list(records(stream, path.name, start, end, limit, report))


def whole(path: Path, limit: int = LIMIT) -> tuple[list[Record], Report]:
    report = Report()
    return read_records(path, 0, path.stat().st_size, report, limit), report


def read_in(path: Path, ranges: Iterable[tuple[int, int]]) -> tuple[list[Record], Report]:
    report = Report()
    return [r for start, end in ranges for r in read_records(path, start, end, report)], report


def rows(source: Warc | Wet, path: Path) -> tuple[list[dict[str, object]], Report]:
    report = Report()
    file = as_file(path)
    batches = list(source.read(file, 0, file.bytes, report))
    for batch in batches:
        assert batch.schema == source.gives([file])
        batch.validate(full=True)
    found = [row for batch in batches for row in batch.to_pylist()]
    assert report.records == len(found) + sum(report.skipped.values())
    return found, report


def record(
    block: bytes, kind: str = "response", content_type: str = "application/http; msgtype=response", number: int = 1
) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:0000-{number}>\r\n"
        f"WARC-Date: 2024-05-06T07:08:09Z\r\nWARC-Target-URI: http://example.org/{number}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def http(body: bytes, headers: str = "Content-Type: text/html\r\n", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}\r\n".encode() + body


# ---------------------------------------------------------------- framing


def test_records_are_those_of_fastwarc(data: Path) -> None:
    for path in archives(data):
        if path.name in DAMAGED:
            continue
        ours, report = whole(path, 1 << 30)
        with open(path, "rb") as stream:
            theirs = [
                (r.headers.get("WARC-Record-ID"), r.headers.get("WARC-Type"), r.reader.read())
                for r in ArchiveIterator(stream, parse_http=False, quirks_mode=True, strict_mode=False)
            ]
        assert [(r.headers.get("warc-record-id"), r.headers.get("warc-type"), r.block) for r in ours] == theirs, path
        assert report.damaged == []
        assert len({r.place for r in ours}) == len(ours)


def test_any_split_gives_the_same_records(data: Path) -> None:
    several = 0
    for path in archives(data):
        expected, seen = whole(path)
        for target in (500, 3_001, 20_000, 1 << 30):
            ranges = warc_splits(as_file(path), target, LIMIT)
            assert ranges[0][0] == 0
            assert ranges[-1][1] == path.stat().st_size
            assert all(a[1] == b[0] for a, b in pairwise(ranges))
            several += len(ranges) > 1
            got, report = read_in(path, ranges)
            assert got == expected, (path, target)
            assert (report.records, report.skipped, report.damaged) == (seen.records, seen.skipped, seen.damaged)
    assert several > 60


@given(cuts=st.lists(st.integers(1, 236_858), max_size=6, unique=True))
@settings(max_examples=60, deadline=None)
def test_a_member_belongs_to_the_range_it_begins_in(data: Path, cuts: list[int]) -> None:
    path = data / "web/warc/dolma_cc_samples/sample-0001.warc.gz"
    edges = [0, *sorted(cuts), path.stat().st_size]
    got, report = read_in(path, pairwise(edges))
    assert got == whole(path)[0]
    assert report.damaged == []


def test_one_member_for_all_records_is_one_range(tmp_path: Path, data: Path) -> None:
    plain = (data / "web/warc/ipwb_samples/5mementos.warc").read_bytes()
    path = tmp_path / "one.warc.gz"
    path.write_bytes(gzip.compress(plain))
    assert warc_splits(as_file(path), 100, LIMIT) == [(0, path.stat().st_size)]
    found, report = whole(path)
    assert [r.block for r in found] == [r.block for r in whole(data / "web/warc/ipwb_samples/5mementos.warc")[0]]
    assert [r.place for r in found] == list(range(len(found)))
    assert report.damaged == []


@pytest.mark.parametrize("lexicon", [False, True])
def test_zstd_with_a_frame_for_each_record_is_split_like_gzip(tmp_path: Path, data: Path, lexicon: bool) -> None:
    original = whole(data / "web/warc/dolma_cc_samples/sample-0000.warc.gz")[0]
    raw = [record(r.block or b"", r.headers["warc-type"], number=i) for i, r in enumerate(original)]
    path = tmp_path / "frames.warc.zst"
    if lexicon:
        words = zstandard.train_dictionary(4096, raw * 3)
        packed = zstandard.ZstdCompressor().compress(words.as_bytes())
        head = b"\x5d\x2a\x4d\x18" + len(packed).to_bytes(4, "little") + packed
        compressor = zstandard.ZstdCompressor(dict_data=words)
    else:
        head, compressor = b"", zstandard.ZstdCompressor()
    path.write_bytes(head + b"".join(compressor.compress(r) for r in raw))
    expected, report = whole(path)
    assert [r.block for r in expected] == [r.block for r in original]
    ranges = warc_splits(as_file(path), 1000, LIMIT)
    assert len(ranges) > 10
    assert read_in(path, ranges)[0] == expected
    assert report.damaged == []


def test_oversized_records_are_counted_and_not_held(tmp_path: Path) -> None:
    path = tmp_path / "big.warc"
    raw = [record(http(b"x" * n), number=n) for n in (10, 5_000, 20)]
    path.write_bytes(b"".join(raw))
    found, report = rows(Warc(paths=(str(path),), max_bytes=1000), path)
    assert [row["id"] for row in found] == ["0000-10", "0000-20"]
    assert report.skipped == {"too_large": 1}
    path.write_bytes(gzip.compress(raw[0]) + gzip.compress(raw[1])[:-20])
    found, report = rows(Warc(paths=(str(path),), max_bytes=1000), path)
    assert len(found) == 1
    assert report.skipped == {"damaged": 1}
    assert len(report.damaged) >= 1


# ---------------------------------------------------------------- damage


def test_a_truncated_archive_keeps_its_intact_records(tmp_path: Path, data: Path) -> None:
    for name in ("dolma_cc_samples/sample-0001.warc.gz", "commoncrawl_whirlwind/whirlwind.warc"):
        path = data / "web/warc" / name
        raw = path.read_bytes()
        expected, _ = whole(path)
        starts = {r.place for r in expected} | {len(raw)}
        cut = tmp_path / path.name
        for size in [*sorted(random.Random(7).sample(range(1, len(raw)), 60)), max(starts - {len(raw)})]:
            cut.write_bytes(raw[:size])
            got, report = whole(cut)
            assert got == expected[: len(got)]
            complete = sum(
                1 for r, after in zip(expected, [*expected[1:], None], strict=True) if after and after.place <= size
            )
            # The last record can be complete although the bytes that follow it are not all there.
            assert complete <= len(got) <= complete + 1
            assert len(report.damaged) == 1 or (not report.damaged and len(got) >= complete), (size, report.damaged)


def test_a_flipped_byte_costs_one_record(tmp_path: Path, data: Path) -> None:
    path = data / "web/warc/dolma_cc_samples/sample-0000.warc.gz"
    raw = bytearray(path.read_bytes())
    expected, _ = whole(path)
    bad = tmp_path / "bad.warc.gz"
    generator = random.Random(3)
    damaged = 0
    for _ in range(80):
        at, bit = generator.randrange(len(raw)), 1 << generator.randrange(8)
        raw[at] ^= bit
        bad.write_bytes(raw)
        raw[at] ^= bit
        got, report = whole(bad)
        assert len(got) >= len(expected) - 1
        assert {r.place for r in got} <= {r.place for r in expected}
        by_place = {r.place: r for r in expected}
        assert all(by_place[r.place] == r for r in got)
        assert (len(got) == len(expected)) or report.damaged
        damaged += bool(report.damaged)
        assert report.skipped.get("damaged", 0) + len(got) in (len(expected), len(expected) - 1)
        again, second = read_in(bad, warc_splits(as_file(bad), 9_000, LIMIT))
        assert (again, second.damaged, second.skipped) == (got, report.damaged, report.skipped)
    assert damaged > 60


@given(seed=st.integers(0, 1 << 30), flips=st.integers(1, 40), squeeze=st.sampled_from(["", "gz", "one", "zst"]))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_never_stops_a_reader(tmp_path: Path, data: Path, seed: int, flips: int, squeeze: str) -> None:
    plain = (data / "web/warc/ipwb_samples/5mementosAndFroggie.warc").read_bytes()
    if squeeze == "gz":
        plain = (data / "web/warc/warcio/example.warc.gz").read_bytes()
    elif squeeze == "one":
        plain = gzip.compress(plain, mtime=0)
    elif squeeze == "zst":
        plain = zstandard.compress(plain)
    generator = random.Random(seed)
    raw = bytearray(plain)
    for _ in range(flips):
        at = generator.randrange(4, max(5, len(raw)))
        match generator.randrange(3):
            case 0:
                raw[at : at + 1] = generator.randbytes(1)
            case 1:
                del raw[at : at + generator.randrange(200)]
            case _:
                raw[at:at] = generator.randbytes(generator.randrange(50))
    path = tmp_path / "garbage.warc"
    path.write_bytes(raw)
    found, report = rows(Warc(paths=(str(path),)), path)
    ranges = warc_splits(as_file(path), 700, LIMIT)
    assert sum(len(rows_of(path, r)) for r in ranges) == len(found)
    assert all("\n" not in line for line in report.damaged)


def rows_of(path: Path, span: tuple[int, int]) -> list[dict[str, object]]:
    batches = Warc(paths=(str(path),)).read(as_file(path), *span, Report())
    return [row for batch in batches for row in batch.to_pylist()]


def test_bytes_between_members_are_reported_once(tmp_path: Path) -> None:
    one, two = (gzip.compress(record(http(b"page"), number=i)) for i in (1, 2))
    path = tmp_path / "gap.warc.gz"
    path.write_bytes(one + b"garbage" * 9 + two)
    for ranges in (
        [(0, 10_000)],
        [(0, len(one)), (len(one), 10_000)],
        [(0, 5), (5, len(one) + 8), (len(one) + 8, 10_000)],
    ):
        got, report = read_in(path, ranges)
        assert [r.place for r in got] == [0, len(one) + 63]
        assert report.damaged == [
            f"gap.warc.gz: offset {len(one)}: not the start of a gzip member; the records around it are kept"
        ]
    path.write_bytes(one + two + bytes(3000))
    got, report = whole(path)
    assert len(got) == 2
    assert report.damaged == []


@pytest.mark.parametrize("claimed", [3, 5_000])
def test_a_wrong_length_costs_one_record(tmp_path: Path, claimed: int) -> None:
    raw = [record(http(b"page"), number=i) for i in (1, 2, 3)]
    raw[1] = raw[1].replace(b"Content-Length: %d" % len(http(b"page")), b"Content-Length: %d" % claimed)
    path = tmp_path / "lengths.warc"
    path.write_bytes(b"".join(raw))
    found, report = rows(Warc(paths=(str(path),)), path)
    assert [row["id"] for row in found] == ["0000-1", "0000-3"]
    assert report.skipped == {"damaged": 1}
    assert len(report.damaged) == 1
    assert f"offset {len(raw[0])}" in report.damaged[0]


def test_what_is_no_warc(tmp_path: Path, data: Path) -> None:
    with pytest.raises(InputError, match=r"ARC file.*warcio recompress"):
        rows(Warc(paths=("x",)), data / "web/warc/warcio/example.arc.gz")
    path = tmp_path / "x.warc.gz"
    for content, damaged in (
        (b"", 0),
        (gzip.compress(b"<html>"), 1),
        (gzip.compress(b"<html>") * 3, 1),
        (b"<html>", 1),
        (b"\x1f\x8b\x08", 1),
    ):
        path.write_bytes(content)
        found, report = rows(Warc(paths=(str(path),)), path)
        assert found == []
        assert len(report.damaged) == damaged


# ---------------------------------------------------------------- documents


PAGE = "<p>Grüße, 世界</p>".encode()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (record(b"GET / HTTP/1.1\r\n\r\n", "request"), "not_a_response"),
        (record(b"x", "revisit"), "not_a_response"),
        (record(b"software: x", "warcinfo", "application/warc-fields"), "not_a_response"),
        (record(b"abc"), "not_http"),
        (record(http(b"x", status="404 Not Found")), "http_status"),
        (record(http(b"", status="301 Moved")), "http_status"),
        (record(http(b"{}", "Content-Type: application/json\r\n")), "not_html_or_text"),
        (record(http(b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "")), "not_html_or_text"),
        (record(http(b" \r\n ")), "empty_body"),
        (record(http(random.Random(1).randbytes(5000))), "undecodable"),
        (
            record(
                http(gzip.compress(bytes(3 << 20), mtime=0), "Content-Type: text/html\r\nContent-Encoding: gzip\r\n")
            ),
            "too_large",
        ),
    ],
)
def test_reasons(tmp_path: Path, raw: bytes, reason: str) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(raw)
    found, report = rows(Warc(paths=(str(path),), max_bytes=2 << 20), path)
    assert found == []
    assert report.skipped == {reason: 1}
    assert report.damaged == []


def test_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    headers = "Content-Type: text/html; charset=utf-8\r\nContent-Language: de\r\nContent-Encoding: gzip\r\n"
    path.write_bytes(record(http(gzip.compress(PAGE), headers)))
    found, _ = rows(Warc(paths=(str(path),), name="web"), path)
    assert found == [
        {
            "_place": 0,
            "id": "0000-1",
            "text": "",
            "html": PAGE.decode(),
            "source": "web",
            "url": "http://example.org/1",
            "date": "2024-05-06T07:08:09Z",
            "metadata": '{"content_type":"text/html","encoding":"utf-8","content_language":"de"}',
        }
    ]


def test_text_and_resources(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(
        record(http(b"plain", "Content-Type: Text/Plain\n").replace(b"\r\n", b"\n"))
        + record(PAGE, "resource", "text/html", 2)
        + record(http(b"<!DOCTYPE html><html><body><p>no type</p></body></html>", ""), number=3)
    )
    found, _ = rows(Warc(paths=(str(path),)), path)
    assert [(r["text"], r["html"]) for r in found] == [
        ("plain", None),
        ("", PAGE.decode()),
        ("", "<!DOCTYPE html><html><body><p>no type</p></body></html>"),
    ]


def test_wet_and_real_counts(data: Path) -> None:
    base = data / "web/warc"
    wet, report = rows(Wet(paths=("x",)), base / "commoncrawl_whirlwind/whirlwind.warc.wet.gz")
    assert len(wet) == 1
    assert wet[0]["url"] == "https://an.wikipedia.org/wiki/Escopete"
    assert "Escopete" in str(wet[0]["text"])
    assert report.skipped == {"not_a_document": 1}
    # Counts that a mail reader's eye finds in the files: responses with status 200 and a text or HTML type.
    for name, documents in (
        ("dolma_cc_samples/sample-0000.warc.gz", 24),
        ("dolma_cc_samples/sample-0001.warc.gz", 17),
        ("ipwb_samples/sample-1.warc.gz", 63),
        ("warcio/example.warc.gz", 1),
    ):
        found, report = rows(Warc(paths=("x",)), base / name)
        assert len(found) == documents
        assert report.damaged == []


def test_a_lower_case_version_line_is_garbage_and_not_a_loop(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    good = record(http(b"page"))
    path.write_bytes(good + good.replace(b"WARC/1.0", b"warc/1.0") + good)
    found, report = whole(path)
    assert [r.place for r in found] == [0, 2 * len(good)]
    assert report.damaged == [f"a.warc: offset {len(good)}: bytes between records; skipped to the next record"]
