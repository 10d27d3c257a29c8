"""Every command as a user types it: its help, what it prints on a real run, its errors and exit codes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from loaded import Loaded
from runs import write_jsonl
from token_corpora import sentencepiece_model

from dataprep.cli.main import dataprep

SENTENCE = "The people of town {} walk to the river with bread, and there they have a talk about the weather. "
PIPELINE = """
name: towns
source: {jsonl: in.jsonl}
output: out/towns
stages:
  - gopher_quality: {min_words: 15}
  - exact_dedup
"""


def say(folder: Path, line: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Type a command in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "dataprep", *shlex.split(line)],
        cwd=folder,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        text=True,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )


def commands(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and every command in it, by what is typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*before, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))


EVERY = {" ".join(words): command for words, command in commands(dataprep)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pipeline and its finished run."""
    folder = tmp_path_factory.mktemp("home")
    rows: list[dict[str, Any]] = [
        {"id": f"page-{n}", "text": SENTENCE.format(n), "url": f"https://example.org/{n}"} for n in range(20)
    ]
    rows += [{"id": f"short-{n}", "text": "Of the \x1b[31mtown."} for n in range(5)]
    rows += [{"id": "copy", "text": rows[3]["text"]}, {"id": "page-4", "text": "Short."}, {"id": "no text"}]
    write_jsonl(folder / "in.jsonl", rows)
    (folder / "towns.yaml").write_text(PIPELINE)
    (folder / "nowhere.yaml").write_text("name: nowhere\nsource: {jsonl: []}\noutput: out/nowhere\nstages: []\n")
    sentencepiece_model(folder / "tiny.model")
    done = say(folder, "run towns.yaml --workers 1")
    assert done.returncode == 0, done.stderr
    return folder


# ---------------------------------------------------------------- help


@pytest.mark.parametrize("name", EVERY)
def test_help_says_what_a_command_does_and_shows_an_example(name: str) -> None:
    command = EVERY[name]
    context = click.Context(command, info_name=f"dataprep {name}")
    text = command.get_help(context)
    assert len(command.get_short_help_str(200)) > 20
    assert "Example" in text
    assert f"  dataprep {name.split()[0]}" in text
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def _examples() -> list[str]:
    texts = [dataprep.help or "", *(command.help or "" for command in EVERY.values())]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return sorted({line.partition(" >")[0] for line in lines if line.startswith("dataprep ")})


@pytest.mark.parametrize("line", _examples())
def test_examples_parse(line: str) -> None:
    words = shlex.split(line)[1:]
    command: click.Command = dataprep
    context = click.Context(dataprep, info_name="dataprep")
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command = found
    command.make_context("example", words)


def test_help_is_fast() -> None:
    """Listing the commands imports nothing that a command needs for its work."""
    heavy = [
        "torch",
        "transformers",
        "matplotlib",
        "lm_eval",
        "numba",
        "ray",
        "presidio_analyzer",
        "pyarrow",
        "numpy",
        "pydantic",
        "fsspec",
        "fasttext",
        "kenlm",
        "sentencepiece",
    ]
    code = (
        "import sys; sys.argv = ['dataprep', '--help']\n"
        "from dataprep.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('heavy:', [name for name in {heavy} if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True).stdout
    assert out.splitlines()[-1] == "heavy: []"
    for name in EVERY:
        assert f"  {name.split()[0]} " in out


def test_without_a_command_the_help_is_shown(tmp_path: Path) -> None:
    for line in ("", "--help", "-h"):
        done = say(tmp_path, line)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Usage: dataprep [OPTIONS] COMMAND")
    assert say(tmp_path, "manifest").stdout == say(tmp_path, "manifest --help").stdout


# ---------------------------------------------------------------- what commands print


PRINTS = [
    ("run towns.yaml", ["gopher_quality  - too_few_words          6   22.2%", "exact_dedup     - duplicate"]),
    ("run towns.yaml --json", ['  "name": "gopher_quality",', '   "too_few_words": 6']),
    ("run towns.yaml --dry-run", ["  pass 1     gopher_quality, exact_dedup", "cached"]),
    ("plan towns.yaml", ["towns: 1 input, 0.0 MB -> out/towns", "cached"]),
    ("plan towns.yaml --set gopher_quality.min_words=9", ["stale: gopher_quality.min_words 15 -> 9; 1 task"]),
    ("stages", ["quality", "  exact_dedup ", "sources", "  warc "]),
    ("stages gopher_quality", ["  min_words: integer >= 0 or null; default 50; reason too_few_words"]),
    ("stages jsonl", ["jsonl (source, sources)", "  text_key: string; default text"]),
    ("stages --markdown", ["### gopher_quality", "| `min_words` | integer >= 0 or null | `50`; th, lo, km, my: 200 |"]),
    ("schema", [' "$schema": "https://json-schema.org/draft/2020-12/schema",']),
    ("manifest show", ["towns: 1 input, 0.00 MB -> out/towns", "documents/00000-", "und              20"]),
    ("manifest show out/towns/manifest.json", ["towns: 1 input, 0.00 MB -> out/towns"]),
    ("manifest show out/towns/ --json", [' "kind": "documents",']),
    ("manifest verify", ["out/towns: 5 files, ", ", all as listed"]),
    ("manifest verify out/towns --json", ["[]"]),
    ("manifest diff out/towns out/towns/manifest.json", ["equal"]),
    ("explain page-7", ["page-7: kept", "  from   in.jsonl, offset ", "  now    out/towns/documents/0", ", row 7"]),
    ("explain short-1", ["dropped by gopher_quality: too_few_words", ">= 15", "missed: too_few_words", "not reached"]),
    ("explain copy --run out/towns", ["dropped by exact_dedup: duplicate", "  copy   of page-3, which is in in.jsonl"]),
    ("explain page-4 --pipeline towns.yaml", ["page-4: kept", "page-4: dropped by gopher_quality"]),
    ("explain page-4 --json", ['  "verdict": "kept",', '  "verdict": "dropped",', '  "offset": ']),
    ("dropped", ["jsonl.no_text: 1 record", "gopher_quality.too_few_words: 6 documents", "exact_dedup.duplicate: 1 "]),
    ("dropped out/towns --reason duplicate", ["  copy  und", "      The people of town 3 walk"]),
    ("dropped --stage gopher_quality --limit 0", ["gopher_quality.too_few_words: 6 documents"]),
    ("dropped --language und --json", ['  "reason": "too_few_words",', '    "id": "short-']),
    ("what-if out/towns gopher_quality.min_words=1,15,99", ["towns: 27 documents judged", "15 (now)", "99 "]),
    ("what-if out/towns gopher_quality.min_words=99 --json", ['   "gopher_quality.min_words": 99', ' "moved": [']),
    ("manifest show --by language", ["share of documents kept, by language", "gopher_quality", "77.8%"]),
    ("manifest show --by source --json", ['  "gopher_quality": {', ' "suspicions": []']),
    ("tokenize out/towns --tokenizer tiny.model --output tokens", ["20 documents, ", " in 1 shard, ", "512 ids"]),
    ("tokenize out/towns --tokenizer tiny.model --output tokens --json", [' "kind": "tokens",', ' "dtype": "uint16",']),
    ("tokenize out/towns --tokenizer tiny.model --output tokens --dry-run", ["  pass 1     tokenize", "cached"]),
    ("train-tokenizer out/towns --vocab-size 300 --output t", ["t/tokenizer.model: ", "sample of", "round trip: 0 "]),
    ("train-tokenizer out/towns --vocab-size 300 --output t --json", [" \"tokenizer\": {", "tokenizer.model"]),
    ("train-lm out/towns --order 2 --discount-fallback --output lm", ["lm/lm.arpa: made, sha256", "20 sentences, "]),
    ("train-lm out/towns --order 2 --discount-fallback --output lm --json", [' "file": "lm.arpa",', ' "ngrams": [']),
    ("models list", ["lid.176"]),
    ("--version", ["dataprep, version "]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), PRINTS, ids=[line for line, _ in PRINTS])
def test_commands_on_a_real_run(home: Path, line: str, expected: list[str]) -> None:
    done = say(home, line)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    for part in expected:
        assert part in done.stdout
    if "--json" in line or line == "schema":
        json.loads(done.stdout)


ON_TOKENS = ("mix", "trace", "export-tokens")
"""Commands that need tokens: test_corpus_trace.py types them."""
ON_TRAINING = ("pretrain", "report", "generate", "evaluate", "export", "import")
"""Commands that train or need a training run: tests named after them type them."""


def test_every_command_is_in_the_table_or_needs_more_than_a_run() -> None:
    shown = {line.split(" -")[0] for line, _ in PRINTS}
    missing = {name for name in EVERY if not any(line == name or line.startswith(f"{name} ") for line in shown)}
    assert missing <= {
        "task",
        "sample-web",
        "models install",
        "models path",
        "train-classifier",
        *ON_TOKENS,
        *ON_TRAINING,
    }


def test_what_was_dropped_adds_up(home: Path) -> None:
    groups = json.loads(say(home, "dropped --json --limit 10").stdout)
    made = json.loads(say(home, "manifest show --json").stdout)
    told = {(g["stage"], g["reason"]): g["documents"] for g in groups}
    assert told == {(s["name"], reason): n for s in made["stages"] for reason, n in s["dropped"].items()}
    for group in groups:
        assert len(group["samples"]) == (0 if group["at_source"] else min(10, group["documents"]))


def test_text_of_documents_cannot_command_the_terminal(home: Path) -> None:
    done = say(home, "dropped --reason too_few_words")
    assert "�[31mtown." in done.stdout
    assert "\x1b" not in done.stdout


def test_diff_shows_what_was_changed(home: Path) -> None:
    say(home, "run towns.yaml --output strict --set gopher_quality.min_words=25")
    done = say(home, "manifest diff out/towns strict")
    assert done.returncode == 1
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[:2] == ["settings:", "  gopher_quality.min_words: 15 -> 25"]
    assert "  gopher_quality: out 21 -> 0; too_few_words 6 -> 27" in lines
    assert json.loads(say(home, "manifest diff out/towns strict --json").stdout)["settings"] == [lines[1].strip()]


def test_verify_tells_every_problem_and_run_mends_them(home: Path) -> None:
    say(home, "run towns.yaml --output broken")
    files = [*(home / "broken/documents").iterdir(), *(home / "broken/artefacts").rglob("*.parquet")]
    for file in files:
        file.write_bytes(b"")
    done = say(home, "manifest verify broken")
    assert done.returncode == 1
    assert sorted(line.partition(":")[0] for line in done.stdout.splitlines()) == sorted(
        str(file.relative_to(home)) for file in files
    )
    assert done.stderr == (
        f"error: broken: {len(files)} problems; `dataprep run` makes again what is missing or damaged\n"
    )
    assert say(home, "run towns.yaml --output broken").returncode == 0
    assert say(home, "manifest verify broken").returncode == 0


# ---------------------------------------------------------------- errors


ERRORS = [
    ("rnu", 2, "no command 'rnu'; did you mean 'run'?; see `dataprep --help`"),
    ("run", 2, "run: Missing argument 'PIPELINE'; see `dataprep run --help`"),
    ("run towns.yaml --wrokers 2", 2, "No such option '--wrokers'"),
    ("run towns.yaml --workers none", 2, "'none' is not a valid integer"),
    ("run absent.yaml", 2, "absent.yaml: no such file"),
    ("run towns.yaml --set gopher_quality.min_words=[1", 2, "'[1' is not YAML: "),
    ("run towns.yaml --set gopher_quality.min_words.zh=1", 2, "'min_words' is 15, which has no settings inside"),
    ("run towns.yaml --set gopher_quality.min_words=many", 2, "min_words: must be a whole number (got 'many')"),
    ("run towns.yaml --set gopher_quality.stop_words=the", 2, "stop_words: must be a mapping, as in {key: value}"),
    ("run towns.yaml --set gopher_quality.min_word=1", 2, "unknown setting 'min_word'; did you mean 'min_words'?"),
    ("run towns.yaml --input absent.jsonl", 1, "absent.jsonl: no such file"),
    ("run towns.yaml --input out/towns/documents", 1, "documents: a folder without .jsonl, "),
    ("run towns.yaml --input out", 2, "samples.jsonl: the run would replace its own input"),
    ("plan in.jsonl", 2, "in.jsonl"),
    ("plan nowhere.yaml", 2, "nowhere.yaml: source jsonl: names no paths; give a file, a glob or a folder"),
    ("stages gopher_qualty", 2, "no stage or source 'gopher_qualty'; did you mean 'gopher_quality'?"),
    ("stages wrac", 2, "did you mean 'warc'?"),
    ("manifest shw", 2, "No such command 'shw'. Did you mean 'show'?"),
    ("manifest show absent", 1, "absent/manifest.json: does not exist"),
    ("manifest verify in.jsonl", 1, "in.jsonl/manifest.json: does not exist"),
    ("manifest diff out/towns", 2, "Missing argument 'NEW'"),
    ("manifest diff out/towns absent", 2, "absent/manifest.json: does not exist"),
    ("explain", 2, "Missing argument 'ID'"),
    ("explain page-77", 1, "page-77: no document in out/towns has this id; did you mean 'page-7'"),
    ("explain page-7 --run absent", 1, "absent/manifest.json: does not exist"),
    ("explain page-7 --run out/towns --pipeline towns.yaml", 2, "give --run or --pipeline, not both"),
    ("dropped absent", 1, "absent/manifest.json: does not exist"),
    ("dropped --stage gopher", 2, "no stage 'gopher' in this run; did you mean 'gopher_quality'?"),
    ("dropped --reason too_few", 2, "nothing was dropped for 'too_few'; did you mean 'too_few_words'?"),
    ("dropped --language zh", 2, "no documents in 'zh' in this run; known: und"),
    ("task absent 1 0", 2, "absent: no run was planned here"),
    ("models path absent", 1, "absent"),
]


@pytest.mark.parametrize(("line", "code", "expected"), ERRORS, ids=[line for line, _, _ in ERRORS])
def test_errors_are_one_line_that_helps(home: Path, line: str, code: int, expected: str) -> None:
    process = Loaded(shlex.split(line), dict(os.environ), str(home))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (code, "")
    (told,) = err.splitlines()
    assert told.startswith("error: ")
    assert expected in told
    assert len(told) < 400


def test_without_a_run_commands_say_how_to_name_one(tmp_path: Path) -> None:
    for line in ("dropped", "manifest show", "manifest verify", "explain page-7"):
        done = say(tmp_path, line)
        assert done.returncode == 2
        assert done.stderr == "error: there is no finished run here or in ./out; name a run's folder, as in out/web\n"


@pytest.mark.parametrize("line", ["--help", "stages --markdown", "schema", "dropped", "manifest show --json"])
def test_a_reader_who_leaves_is_no_error(home: Path, line: str) -> None:
    """As `| head` does: here nobody reads even the first byte."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = say(home, line, stdout=write)
    finally:
        os.close(write)
    assert done.stderr == ""
    assert done.returncode == 1


def test_tasks_are_done_where_their_plan_lies(home: Path, tmp_path: Path) -> None:
    """The pipeline's output is a relative path, and workers may stand in another folder."""
    assert say(home, "plan towns.yaml --output out/by-hand --write").returncode == 0
    done = say(tmp_path, f"task {home}/out/by-hand 1 0")
    assert done.returncode == 0, done.stderr
    assert all((home / f"out/by-hand/.dataprep/records/{name}.json").exists() for name in json.loads(done.stdout))
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- real text


def test_real_web_text(data: Path, tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(
        f"name: web\nsource: {{jsonl: {data}/corpora/en_web_text.jsonl.zst}}\noutput: out/web\n"
        "stages: [gopher_quality, gopher_repetition, fineweb_quality, exact_dedup]\n"
    )
    done = say(tmp_path, "run web.yaml --limit 400 --workers 1")
    assert done.returncode == 0, done.stderr
    groups = json.loads(say(tmp_path, "dropped --json --limit 1").stdout)
    assert len(groups) >= 5
    for group in [g for g in groups if g["samples"]][:5]:
        sample = group["samples"][0]
        (found, *_) = json.loads(say(tmp_path, f"explain {shlex.quote(sample['id'])} --json").stdout)
        assert (found["stage"], found["reason"]) == (group["stage"], group["reason"])
        assert len(found["stages"]) == 4
    assert say(tmp_path, "manifest verify").returncode == 0
