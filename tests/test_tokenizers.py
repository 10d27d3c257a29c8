"""Tokenizers of every kind: ids equal the library's, texts come back, special tokens are never found in text."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import odd_text, repetitive_text
from tokenizer_files import ROOT, SPECIAL, buffers, corpus, ranks, sentencepiece, trained

from dataprep.errors import InputError
from dataprep.text.spans import Int64s, TextBuffers
from dataprep.tokenizers import Tokenizer, exactness, fast, load
from dataprep.tokenizers.library import Encoded

KINDS = (
    "sentencepiece",
    "byte-bpe",
    "byte-bpe, digits by three",
    "kernel",
    "kernel, digits by three",
    "tiktoken",
    "llama",
)
LOSSLESS = KINDS[:6]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
LITERALS = (*SPECIAL, "<s>", "</s>", "<unk>", "<|endoftext|>", "<|reserved_0|>", "<0x0A>", "▁", "Ġ")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tokenizer]:
    def folder(name: str) -> Path:
        return tmp_path_factory.mktemp(name)

    grouped = trained(folder("grouped"), "byte-bpe", split_digits=False)
    rank_file = ranks(folder("ranks") / "mine.tiktoken", grouped)
    rank_file.with_suffix(".yaml").write_text(
        yaml.safe_dump({"encoding": "cl100k_base", "special": {"<|endoftext|>": 5000, "<|im_start|>": 5001}})
    )
    paths = {
        "sentencepiece": trained(folder("sp"), "sentencepiece"),
        "byte-bpe": trained(folder("bpe"), "byte-bpe"),
        "byte-bpe, digits by three": grouped,
        "tiktoken": rank_file,
        "llama": sentencepiece(
            folder("llama") / "llama.model", normalization_rule_name="identity", remove_extra_whitespaces=False
        ),
    }
    loaded = {name: load(path) for name, path in paths.items()}
    for kind in ("", ", digits by three"):  # without gigatoken
        loaded[f"kernel{kind}"] = load(paths[f"byte-bpe{kind}"])
        backend = loaded[f"kernel{kind}"]._fast
        assert isinstance(backend, fast.BytePieces)
        backend._other = None
    return loaded


@pytest.fixture(params=KINDS)
def tokenizer(request: pytest.FixtureRequest, made: dict[str, Tokenizer]) -> Tokenizer:
    return made[request.param]


def same(found: Encoded, wanted: Encoded) -> bool:
    return np.array_equal(found.ids, wanted.ids) and np.array_equal(found.offsets, wanted.offsets)


def test_the_fast_backend_is_used(tokenizer: Tokenizer) -> None:
    assert tokenizer.why_slow == ""
    assert tokenizer.reference.why_slow


def test_ids_equal_the_librarys_on_a_corpus(tokenizer: Tokenizer) -> None:
    text = buffers(corpus())
    assert same(tokenizer.encode(text), tokenizer.reference.encode(text))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(ANY_TEXT, odd_text, repetitive_text, st.sampled_from(LITERALS)), max_size=6))
@pytest.mark.parametrize("kind", KINDS)
def test_ids_equal_the_librarys_on_any_text(kind: str, made: dict[str, Tokenizer], texts: list[str]) -> None:
    tokenizer = made[kind]
    found = tokenizer.encode(buffers(texts))
    assert found.ids.dtype == np.uint32
    assert found.offsets.dtype == np.int64
    assert len(found.offsets) == len(texts) + 1
    assert same(found, tokenizer.reference.encode(buffers(texts)))


@settings(max_examples=100, deadline=None)
@given(st.one_of(ANY_TEXT, odd_text, repetitive_text, st.lists(st.sampled_from(LITERALS)).map(" ".join)))
@pytest.mark.parametrize("kind", LOSSLESS)
def test_any_text_comes_back(kind: str, made: dict[str, Tokenizer], text: str) -> None:
    tokenizer = made[kind]
    assert tokenizer.decode(tokenizer.encode_one(text)) == text
    assert tokenizer.decode(np.array(tokenizer.encode_one(text), np.uint32)) == text


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(odd_text, repetitive_text), min_size=1, max_size=10), st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_batch_cuts_do_not_matter(kind: str, made: dict[str, Tokenizer], texts: list[str], data: st.DataObject) -> None:
    tokenizer = made[kind]
    cut = data.draw(st.integers(0, len(texts)))
    whole = tokenizer.encode(buffers(texts))
    first, second = tokenizer.encode(buffers(texts[:cut])), tokenizer.encode(buffers(texts[cut:]))
    assert np.array_equal(whole.ids, np.concatenate([first.ids, second.ids]))
    assert np.array_equal(np.diff(whole.offsets), np.concatenate([np.diff(first.offsets), np.diff(second.offsets)]))


def test_a_slice_of_a_batch_is_its_documents(tokenizer: Tokenizer) -> None:
    whole = buffers(["first text", "second ▁ text", "第三", "", "fifth"])
    part = whole._replace(offsets=whole.offsets[1:5])
    assert same(tokenizer.encode(part), tokenizer.encode(buffers(["second ▁ text", "第三", ""])))


@pytest.mark.parametrize("around", ["{}", "a{}b", " {} ", "{}{}", "\n{}\n"])
def test_special_tokens_in_text_are_text(tokenizer: Tokenizer, around: str) -> None:
    for literal in {*tokenizer.special, *LITERALS}:
        ids = tokenizer.encode_one(around.format(literal, literal))
        assert not set(ids) & set(tokenizer.special.values())


def test_a_literal_space_mark_is_three_bytes(made: dict[str, Tokenizer]) -> None:
    tokenizer = made["sentencepiece"]
    escaped = [tokenizer.byte(token) for token in tokenizer.encode_one("▁")]
    assert bytes(byte for byte in escaped if byte is not None) == "▁".encode()
    # Other texts are encoded as sentencepiece itself encodes them.
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_file=str(tokenizer.file))
    for text in corpus()[:20]:
        if "▁" not in text:
            assert tokenizer.encode_one(text) == processor.Encode(text)
    # A model with a dummy prefix is not lossless anyway: its ids are left alone.
    llama = made["llama"]
    assert llama.encode_one("a ▁b") == SentencePieceProcessor(model_file=str(llama.file)).Encode("a ▁b")


def test_roles_and_special_tokens(made: dict[str, Tokenizer]) -> None:
    tokenizer = made["sentencepiece"]
    assert (tokenizer.kind, tokenizer.vocab_size) == ("sentencepiece", 2000)
    assert (tokenizer.bos, tokenizer.eos, tokenizer.unk, tokenizer.pad) == (1, 2, 0, None)
    assert list(tokenizer.special) == ["<unk>", "<s>", "</s>", *SPECIAL, "<|reserved_0|>", "<|reserved_1|>"]
    tokenizer = made["byte-bpe"]
    assert (tokenizer.kind, tokenizer.vocab_size) == ("hf", 2000)
    assert (tokenizer.bos, tokenizer.eos, tokenizer.unk, tokenizer.pad) == (None, 0, None, None)
    assert list(tokenizer.special) == ["<|endoftext|>", *SPECIAL, "<|reserved_0|>", "<|reserved_1|>"]
    tokenizer = made["tiktoken"]
    assert (tokenizer.kind, tokenizer.vocab_size, tokenizer.eos) == ("tiktoken", 5002, 5000)
    assert [file.name for file in tokenizer.files] == ["mine.tiktoken", "mine.yaml"]


def test_pieces_by_id(made: dict[str, Tokenizer]) -> None:
    for kind, word in (("sentencepiece", "▁the"), ("byte-bpe", "Ġthe"), ("tiktoken", " the")):
        tokenizer = made[kind]
        (token,) = tokenizer.encode_one(" the")
        assert tokenizer.piece(token) == word
        with pytest.raises(IndexError, match="no token"):
            tokenizer.piece(tokenizer.vocab_size)


def test_user_defined_symbols_are_found_in_text(tmp_path: Path) -> None:
    """They are pieces of text, as sentencepiece has it; what holds them is left to it."""
    path = sentencepiece(
        tmp_path / "m.model", normalization_rule_name="identity", remove_extra_whitespaces=False,
        add_dummy_prefix=False, user_defined_symbols=["<table>", "\n\n", " of the "],
    )  # fmt: skip
    tokenizer = load(path)
    assert tokenizer.why_slow == ""
    texts = ["a <table> b", "plain text", "x\n\ny", "some of the  of the text ▁", "<table><table>"]
    assert same(tokenizer.encode(buffers(texts)), tokenizer.reference.encode(buffers(texts)))
    (token,) = tokenizer.encode_one("<table>")
    assert tokenizer.piece(token) == "<table>"
    assert [tokenizer.decode(tokenizer.encode_one(text)) for text in texts] == texts


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"normalization_rule_name": "nmt_nfkc"}, "it normalises text"),
        ({"model_type": "unigram", "hard_vocab_limit": False}, "it is a unigram model, not bpe"),
        ({"byte_fallback": False}, "it has no byte fallback, or writes spaces in an unusual way"),
    ],
)
def test_what_the_kernel_does_not_do_goes_to_the_library(tmp_path: Path, options: dict[str, object], why: str) -> None:
    tokenizer = load(sentencepiece(tmp_path / "m.model", **options))
    assert tokenizer.why_slow == why
    text = buffers(corpus()[:5])
    assert same(tokenizer.encode(text), tokenizer.reference.encode(text))


def test_a_backend_that_is_not_exact_is_not_used(made: dict[str, Tokenizer], monkeypatch: pytest.MonkeyPatch) -> None:
    right = fast.Pieces.encode

    def wrong(self: fast.Pieces, text: TextBuffers) -> tuple[Encoded, Int64s]:
        (ids, offsets), unsure = right(self, text)
        return Encoded(np.where(ids == ids.max(), 0, ids).astype(np.uint32), offsets), unsure

    monkeypatch.setattr(fast.Pieces, "encode", wrong)
    tokenizer = load(made["sentencepiece"].file)
    assert tokenizer.why_slow.startswith("the fast backend gives other ids for ")
    text = buffers(corpus()[:5])
    assert same(tokenizer.encode(text), tokenizer.reference.encode(text))


def test_a_backend_that_breaks_or_is_missing_is_not_used(
    made: dict[str, Tokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def panics(self: object, text: object) -> Encoded:
        raise BaseException("index out of\nbounds")

    with monkeypatch.context() as patch:
        patch.setattr(fast.Gigatoken, "encode", panics)
        assert load(made["byte-bpe"].file).why_slow == "the fast backend can't use it: index out of bounds"
    monkeypatch.setitem(sys.modules, "gigatoken", None)
    monkeypatch.setitem(sys.modules, "gigatoken.gigatoken_rs", None)
    assert load(made["byte-bpe"].file).why_slow == ""  # the kernel does it all
    tokenizer = load(made["tiktoken"].file)
    assert tokenizer.why_slow == "gigatoken is not installed"
    assert tokenizer.encode_one("one text") == made["tiktoken"].encode_one("one text")


def test_memory_is_bounded_by_making_the_backend_anew(
    made: dict[str, Tokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    made_anew = []
    tokenizer = load(made["byte-bpe"].file)
    assert isinstance(tokenizer._fast, fast.BytePieces)
    backend = tokenizer._fast._other
    assert isinstance(backend, fast.Gigatoken)
    make: Callable[[], object] = backend._make
    monkeypatch.setattr(backend, "_make", lambda: made_anew.append(1) or make())
    monkeypatch.setattr(fast, "RENEW_BYTES", 1000)
    texts = [text[:700] for text in corpus()[:40]]
    for text in texts:
        assert tokenizer.encode_one(text) == made["byte-bpe"].encode_one(text)
    assert len(made_anew) >= 10


@pytest.mark.parametrize("kind", ["kernel", "kernel, digits by three"])
def test_every_character_is_classed_as_the_librarys_pattern_does(kind: str, made: dict[str, Tokenizer]) -> None:
    """In places where it shows: words end elsewhere if a character is no letter, digit or space."""
    tokenizer = made[kind]
    backend = tokenizer._fast
    assert backend is not None
    every = [chr(c) for c in range(0xF0000) if not 0xD800 <= c < 0xE000]
    unknown = [c for c in every if unicodedata.category(c) == "Cn"]
    known = sorted(set(every) - {*unknown, "ſ"})
    for around in ("a{0}a in{0}", "1{0}1 '{0}s", " {0}the{0}\n", "\n{0} {0}\n the"):
        text = buffers(["".join(around.format(c) for c in known[n : n + 300]) for n in range(0, len(known), 300)])
        assert not len(backend.encode(text)[1])
        assert same(tokenizer.encode(text), tokenizer.reference.encode(text))
    text = buffers([f"a{c}a" for c in unknown[::500]] + ["'ſ a", "aſb"])
    assert len(backend.encode(text)[1]) == len(text.offsets) - 1
    assert same(tokenizer.encode(text), tokenizer.reference.encode(text))


def test_probes_are_many_and_always_the_same() -> None:
    probes = exactness.probes(["<s>"])
    assert len(probes) > 450
    assert probes == exactness.probes(["<s>"])
    assert {"", "▁", "\0", " " * 700} <= set(probes)


# ---------------------------------------------------------------- loading


def test_a_folder_with_its_card(made: dict[str, Tokenizer], tmp_path: Path) -> None:
    file = made["sentencepiece"].file
    shutil.copy(file, tmp_path / "tokenizer.model")
    tokenizer = load(tmp_path)
    assert tokenizer.files == (tmp_path / "tokenizer.model",)
    assert tokenizer.sha256 == made["sentencepiece"].sha256
    card = tmp_path / "tokenizer.yaml"
    card.write_text(yaml.safe_dump({"file": "tokenizer.model", "sha256": tokenizer.sha256}))
    assert load(str(tmp_path)).files == (tmp_path / "tokenizer.model", card)
    card.write_text(yaml.safe_dump({"file": "tokenizer.model", "sha256": "0" * 64}))
    with pytest.raises(InputError, match=r"tokenizer.model: not the file that tokenizer.yaml describes"):
        load(tmp_path)


def test_names_of_tokens_beside_a_tokenizer_json(made: dict[str, Tokenizer], tmp_path: Path) -> None:
    shutil.copy(made["byte-bpe"].file, tmp_path / "tokenizer.json")
    config = {"bos_token": {"content": "<|im_start|>"}, "eos_token": "<|im_end|>", "pad_token": None}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = load(tmp_path)
    assert (tokenizer.bos, tokenizer.eos, tokenizer.pad) == (1, 2, None)
    assert [file.name for file in tokenizer.files] == ["tokenizer.json", "tokenizer_config.json"]
    (tmp_path / "tokenizer.yaml").write_text(yaml.safe_dump({"roles": {"eos": "<|reserved_0|>"}}))
    assert load(tmp_path / "tokenizer.json").eos == 3


def test_a_known_encoding_by_its_file_name(made: dict[str, Tokenizer], tmp_path: Path) -> None:
    shutil.copy(made["tiktoken"].file, tmp_path / "cl100k_base.tiktoken")
    tokenizer = load(tmp_path / "cl100k_base.tiktoken")
    assert tokenizer.special["<|endoftext|>"] == tokenizer.eos == 100257
    assert tokenizer.encode_one("some text 1234") == made["tiktoken"].encode_one("some text 1234")


def test_a_pattern_of_ones_own(made: dict[str, Tokenizer], tmp_path: Path) -> None:
    path = tmp_path / "own.tiktoken"
    shutil.copy(made["tiktoken"].file, path)
    said = {"pattern": r"\w+|\W", "special": {"<end>": 9000}, "eos": "<end>"}
    path.with_suffix(".yaml").write_text(yaml.safe_dump(said))
    tokenizer = load(path)
    assert tokenizer.why_slow == "gigatoken does not know its pattern"
    assert (tokenizer.eos, tokenizer.vocab_size) == (9000, 9001)
    assert tokenizer.decode(tokenizer.encode_one("a<end> b")) == "a<end> b"


BAD: dict[str, tuple[dict[str, bytes | str], str, str]] = {
    "missing": ({}, "no.model", "no.model: no such file"),
    "a name": ({}, "cl100k_base", "train-tokenizer` makes one; a tokenizer known by name would need the network"),
    "empty folder": (
        {"sub/x.txt": ""},
        "sub",
        "a folder without tokenizer.model, tokenizer.json or tokenizer.tiktoken",
    ),
    "kind": ({"t.txt": "x"}, "t.txt", "not a tokenizer: must be a .model, .json or .tiktoken file"),
    "model": ({"t.model": b"\xff\xfe nonsense"}, "t.model", "t.model: not a SentencePiece model"),
    "empty model": ({"t.model": b""}, "t.model", "t.model: not a SentencePiece model: it holds no pieces"),
    "json": ({"t.json": "{"}, "t.json", "t.json: not a tokenizer.json"),
    "other json": ({"t.json": '{"a": 1}'}, "t.json", "t.json: not a tokenizer.json"),
    "card": ({"tokenizer.model": b"x", "tokenizer.yaml": "["}, "tokenizer.model", "tokenizer.yaml: not valid YAML"),
    "ranks": ({"t.tiktoken": "a b c\n", "t.yaml": "encoding: cl100k_base"}, "t.tiktoken", "line 1 is not a piece"),
    "few ranks": ({"t.tiktoken": "YQ== 0\n", "t.yaml": "encoding: cl100k_base"}, "t.tiktoken", "255 of 256 bytes"),
    "no sidecar": ({"t.tiktoken": "YQ== 0\n"}, "t.tiktoken", "say them in t.yaml beside it"),
    "encoding": (
        {"t.tiktoken": "YQ== 0\n", "t.yaml": "encoding: cl100k_bas"},
        "t.tiktoken",
        "encoding 'cl100k_bas' is not known here; did you mean 'cl100k_base'?",
    ),
    "setting": (
        {"t.tiktoken": "YQ== 0\n", "t.yaml": "encodin: x"},
        "t.tiktoken",
        "t.yaml: unknown setting 'encodin'; did you mean 'encoding'?",
    ),
    "special": (
        {"t.tiktoken": "YQ== 0\n", "t.yaml": "{pattern: x, special: {'<e>': many}}"},
        "t.tiktoken",
        "t.yaml: special must map literals to ids",
    ),
    "role": (
        {"t.tiktoken": "YQ== 0\n", "t.yaml": "{pattern: x, eos: 7}"},
        "t.tiktoken",
        "t.yaml: eos: must be text (got 7)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_one_line(tmp_path: Path, case: str) -> None:
    files, name, said = BAD[case]
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as caught:
        load(tmp_path / name)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_help_loads_no_tokenizer_library() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from dataprep.cli.main import dataprep;"
        "assert CliRunner().invoke(dataprep, ['--help']).exit_code == 0;"
        "assert CliRunner().invoke(dataprep, ['train-tokenizer', '--help']).exit_code == 0;"
        "print({'sentencepiece', 'tokenizers', 'tiktoken', 'gigatoken', 'awkward', 'numba'} & set(sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    assert found.stdout == "set()\n"
