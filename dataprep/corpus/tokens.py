"""A token corpus: what its manifest says, its shards when they are asked for, and whether they are still the same."""

from __future__ import annotations

import hashlib
import json
import posixpath
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from dataprep import manifest
from dataprep.corpus.shard import Shard, dtype_for
from dataprep.corpus.staged import differs, local, sha256
from dataprep.errors import InputError
from dataprep.store import Published, Store

KIND: Final = "tokens"
Split = Literal["train", "validation"]
_NEEDED: Final = ("tokenizer", "dtype", "documents", "tokens", "splits", "sources", "policy")


class TokenShard(NamedTuple):
    """One shard as the manifest lists it."""

    split: str
    documents: int
    tokens: int
    bin: Published
    idx: Published
    docs: Published


class TokenCorpus:
    """A folder with a manifest of kind `tokens`. Opening it reads the manifest and nothing else."""

    def __init__(self, store: Store, made: dict[str, Any]) -> None:
        self.store = store
        self.root = store.root
        self.manifest = made
        where = f"{store.root}/{manifest.MANIFEST}"
        missing = [key for key in _NEEDED if key not in made]
        if missing:
            raise InputError(f"{where}: lacks {', '.join(missing)}; make it again with `dataprep tokenize`")
        try:
            self.shards = tuple(map(_shard, made["shards"]))
        except (KeyError, TypeError) as error:
            raise InputError(f"{where}: a shard lacks {error}; make it again with `dataprep tokenize`") from None
        self.tokenizer: dict[str, Any] = made["tokenizer"]

    def split(self, split: Split) -> tuple[TokenShard, ...]:
        """Its shards of one split, in order."""
        return tuple(shard for shard in self.shards if shard.split == split)

    @cached_property
    def sha256(self) -> str:
        """What identifies its contents: of the tokenizer's checksum and those of all shards."""
        sums = [(shard.split, shard.bin.sha256, shard.idx.sha256) for shard in self.shards]
        return hashlib.sha256(json.dumps([self.tokenizer["sha256"], sums]).encode()).hexdigest()

    def open(self, shard: TokenShard) -> Shard:
        """The shard, mapped. Raises InputError if it does not hold as much as the manifest lists."""
        opened = Shard(local(self.store, (shard.bin, shard.idx))[0])
        if opened.documents != shard.documents or len(opened.tokens) != shard.tokens:
            raise InputError(
                f"{self.store.path(shard.bin.path)}: holds {opened.documents:,} documents and {len(opened.tokens):,} "
                f"tokens, the manifest lists {shard.documents:,} and {shard.tokens:,}; restore it or make it again"
            )
        return opened

    def documents(self, shard: TokenShard, columns: list[str] | None = None) -> pa.Table:
        """What is known of each document of a shard: row i is document i."""
        (path,) = local(self.store, (shard.docs,))
        try:
            return pq.read_table(path, columns=columns)
        except FileNotFoundError:
            raise InputError(f"{path}: does not exist; `dataprep tokenize` makes it again") from None
        except pa.ArrowInvalid as error:
            raise InputError(f"{path}: can't be read: {str(error).splitlines()[0]}") from error

    def tokenizer_file(self) -> Path:
        """The tokenizer's own file beside the manifest, with what belongs to it at its side.

        Raises InputError if it is not the one that made the tokens.
        """
        name = self.tokenizer["file"]
        files = tuple(Published(f["path"], f["bytes"], f["sha256"]) for f in self.manifest.get("artefacts", []))
        beside = tuple(file for file in files if posixpath.dirname(file.path) == posixpath.dirname(name))
        own = next((n for n, file in enumerate(beside) if file.path == name), None)
        if own is None or self.store.size(name) is None:
            raise InputError(f"{self.store.path(name)}: does not exist; copy the tokenizer back or tokenize again")
        path = local(self.store, beside)[own]
        found = sha256(path)
        if found != self.tokenizer["sha256"]:
            raise InputError(differs(str(path), found, self.tokenizer["sha256"]))
        return path


def _shard(entry: dict[str, Any]) -> TokenShard:
    def published(e: dict[str, Any]) -> Published:
        return Published(e["path"], e["bytes"], e["sha256"])

    return TokenShard(
        entry["split"],
        entry["rows"],
        entry["tokens"],
        published(entry),
        published(entry["idx"]),
        published(entry["docs"]),
    )


def exists(folder: str) -> bool:
    """Whether a folder has a manifest, of whatever kind."""
    return Store(_root(folder)).exists(manifest.MANIFEST)


def _root(folder: str) -> str:
    return folder.removesuffix(f"/{manifest.MANIFEST}").rstrip("/")


def open_tokens(folder: str) -> TokenCorpus:
    """The token corpus in a folder, or the one that a run in it made with its `tokenize` stage.

    `folder` is a path or URL, with or without `/manifest.json`. Raises InputError if there is none.
    """
    root = _root(folder)
    made = manifest.read(root, "tokenize")
    if made["kind"] == KIND:
        return TokenCorpus(Store(root), made)
    store = Store(root)
    inside = [
        posixpath.dirname(file["path"])
        for file in made.get("artefacts", [])
        if posixpath.basename(file["path"]) == manifest.MANIFEST
    ]
    found = [path for path in inside if (store.read_json(f"{path}/{manifest.MANIFEST}") or {}).get("kind") == KIND]
    if len(found) > 1:
        raise InputError(f"{root}: holds {len(found)} token corpora; name one of {', '.join(sorted(found))}")
    if not found:
        raise InputError(f"{root}: holds documents and no tokens; type: dataprep tokenize {folder} --tokenizer FILE")
    return open_tokens(f"{root}/{found[0]}")


def verify(corpus: TokenCorpus, *, full: bool = False) -> None:
    """Refuse a corpus whose files are not those that its manifest lists: InputError names the file.

    Compares every size, the tokenizer's checksum, and what tokens of that vocabulary are stored as; `full` compares
    every checksum too, which reads all tokens once and, while no file changes, not again.
    """
    expected = dtype_for(corpus.tokenizer["vocab_size"]).name
    if corpus.manifest["dtype"] != expected:
        raise InputError(
            f"{corpus.root}/{manifest.MANIFEST}: {corpus.manifest['dtype']} does not fit a vocabulary of "
            f"{corpus.tokenizer['vocab_size']:,}, which is stored as {expected}; tokenize again"
        )
    corpus.tokenizer_file()
    for shard in corpus.shards:
        for together in ((shard.bin, shard.idx), (shard.docs,)):
            for file in together:
                size = corpus.store.size(file.path)
                if size != file.bytes:
                    what = "does not exist" if size is None else f"has {size} bytes, the manifest lists {file.bytes}"
                    raise InputError(f"{corpus.store.path(file.path)}: {what}; restore it or make it again")
            for file, path in zip(together, local(corpus.store, together) if full else (), strict=False):
                found = sha256(path)
                if found != file.sha256:
                    raise InputError(differs(corpus.store.path(file.path), found, file.sha256))
