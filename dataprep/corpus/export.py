"""Token corpora in the formats of others, one file (and what belongs to it) a split.

    nanogpt     train.bin, val.bin: ids as uint16 and nothing else. Documents' borders are where the tokens say so.
    datatrove   SPLIT.ds: ids; SPLIT.ds.index: uint64 ends of documents; SPLIT.ds.metadata: tokenizer, size, count
    npy         SPLIT.npy: ids without NumPy's header, as dolma and OLMo read them; SPLIT.csv.gz: start, end, id, source
                file and offset of each document

`dataprep.json` beside them says which corpus and tokenizer they are from: no format but npy keeps where text is from.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

import numpy as np

from dataprep import manifest
from dataprep.corpus.stream import Stream
from dataprep.corpus.tokens import Split, TokenCorpus, open_tokens, verify
from dataprep.errors import UsageError
from dataprep.store import Store

RECORD: Final = "dataprep.json"
_CHUNK: Final = 1 << 24
_SPLITS: Final[tuple[Split, ...]] = ("train", "validation")


def export(folder: str, to: str, out: str) -> list[str]:
    """Write the corpus in `folder` to `out` as `to`; the files' names. Each appears whole or not at all.

    Raises InputError for a corpus that is not whole, UsageError for ids that a format can't hold or a folder that a run
    has made.
    """
    store = Store(out)
    if manifest.is_ours(store.read_json(manifest.MANIFEST)):
        raise UsageError(
            f"{out}: is the folder of a run, with its {manifest.MANIFEST}; name another one, as in {out}-{to}"
        )
    corpus = open_tokens(folder)
    verify(corpus, full=True)
    written = FORMATS[to](corpus, store)
    made = {
        "from": corpus.manifest["pipeline"].get("name"),
        "format": to,
        "corpus_sha256": corpus.sha256,
        "tokenizer": corpus.tokenizer,
        "policy": corpus.manifest["policy"],
        "files": written,
    }
    store.publish_json(RECORD, made)
    return [*written, RECORD]


def nanogpt(corpus: TokenCorpus, store: Store) -> list[str]:
    if corpus.manifest["dtype"] != "uint16":
        raise UsageError(
            f"{corpus.root}: nanogpt holds 16-bit ids, and a vocabulary of {corpus.tokenizer['vocab_size']:,} needs "
            "more; export it as datatrove or npy"
        )
    return [_tokens(corpus, split, store, name) for split, name in zip(_SPLITS, ("train.bin", "val.bin"), strict=True)]


def datatrove(corpus: TokenCorpus, store: Store) -> list[str]:
    size = np.dtype(corpus.manifest["dtype"]).itemsize
    names = []
    for split, stream in _streams(corpus):
        names.append(_tokens(corpus, split, store, f"{split}.ds"))
        with store.publishing(f"{split}.ds.index") as temporary, temporary.open("wb") as out:
            before = 0
            for n, shard in enumerate(stream.shards):
                out.write((stream.shard(n).starts[1:] + before).astype("<u8").data)
                before += shard.tokens
        tokenizer = f"{corpus.tokenizer['file']}@{corpus.tokenizer['sha256'][:16]}|{size}"
        store.publish_bytes(f"{split}.ds.metadata", f"{tokenizer}\n{stream.tokens}\n{_human(stream.tokens)}".encode())
        names += [f"{split}.ds.index", f"{split}.ds.metadata"]
    return names


def npy(corpus: TokenCorpus, store: Store) -> list[str]:
    names = []
    inputs = [file["path"] for file in corpus.manifest["inputs"]]
    for split, stream in _streams(corpus):
        names.append(_tokens(corpus, split, store, f"{split}.npy"))
        with store.publishing(f"{split}.csv.gz") as temporary, temporary.open("wb") as raw:
            _write_rows(corpus, stream, inputs, raw)
        names.append(f"{split}.csv.gz")
    return names


def _write_rows(corpus: TokenCorpus, stream: Stream, inputs: list[str], raw: BinaryIO) -> None:
    # Neither a time nor a name in its header: equal corpora give equal bytes.
    with gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed, io.TextIOWrapper(packed, "utf-8") as text:
        rows = csv.writer(text, lineterminator="\n")
        start = 0
        for shard in stream.shards:
            for row in corpus.documents(shard, ["id", "input", "offset", "tokens"]).to_pylist():
                end = start + row["tokens"]
                source = inputs[row["input"]] if 0 <= row["input"] < len(inputs) else ""
                rows.writerow([start, end, row["id"], source, row["offset"]])
                start = end


FORMATS: Final[dict[str, Callable[[TokenCorpus, Store], list[str]]]] = {
    "nanogpt": nanogpt,
    "datatrove": datatrove,
    "npy": npy,
}


def _streams(corpus: TokenCorpus) -> Iterator[tuple[Split, Stream]]:
    """Splits that have documents."""
    for split in _SPLITS:
        stream = Stream(corpus, split)
        if stream.documents:
            yield split, stream


def _tokens(corpus: TokenCorpus, split: Split, store: Store, name: str) -> str:
    """All ids of a split, one after another. An id has the same bytes as int32 and as uint32."""
    stream = Stream(corpus, split)
    with store.publishing(name) as temporary, temporary.open("wb") as out:
        for n in range(len(stream.shards)):
            tokens = stream.shard(n).tokens
            for low in range(0, len(tokens), _CHUNK):
                out.write(tokens[low : low + _CHUNK].data)
    return name


def _human(count: int) -> str:
    scale = next(((unit, n) for unit, n in (("B", 10**9), ("M", 10**6), ("K", 10**3)) if count >= n), ("", 1))
    return f"{count / scale[1]:.2f}{scale[0]}"
