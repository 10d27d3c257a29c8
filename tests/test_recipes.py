"""Every recipe runs on a small slice of real data, and its ledger is the one in `golden/recipes/`.

`DATAPREP_GOLDEN=write` writes these files anew: look at what changed.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml
import zstandard
from corpora import rows
from runs import ROOT, dataprep, make_plan, run_here, write_jsonl

from dataprep import lookup
from dataprep import plan as planning
from dataprep.sample_web import archive
from dataprep.sample_web.page import Page, framed

GOLDEN = Path(__file__).parent / "golden/recipes"
PAGES = 160
CHINESE = 60


# ---------------------------------------------------------------- slices of real data


def english_pages(data: Path) -> Iterator[Page]:
    """Pages of WCXB under their own addresses, one in ten again under another one, and pages of lists that block."""
    urls: dict[str, str] = {}
    with (
        (data / "web/extraction/wcxb_dev/wcxb_dev.tar.zst").open("rb") as raw,
        zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(raw) as plain,
        tarfile.open(fileobj=io.BufferedReader(plain), mode="r|") as members,  # type: ignore[type-var]
    ):
        n = 0
        for member in members:
            path, content = Path(member.name), members.extractfile(member)
            if content is None:
                continue
            if path.suffix == ".json" and path.parent.name == "ground-truth":
                urls[path.stem] = json.load(content).get("url", f"https://wcxb.example/{path.stem}")
            elif path.suffix == ".html":
                html = content.read()
                yield Page("wcxb", urls[path.stem], html)
                if n % 10 == 0:
                    yield Page("copy", f"https://mirror.example/{path.stem}?from=1", html)
                n += 1
                if n == PAGES:
                    break
        yield Page("listed", "https://www.0-casino.info/slots", framed("Slots", "<p>Play.</p>", site="x", lang="en"))


def chinese_pages(data: Path) -> Iterator[Page]:
    """Texts of three Chinese sites as web pages, one in ten twice, and an advert."""
    for name in ("zh_javaguide", "zh_oiwiki", "zh_pingcap_docs"):
        for n, row in enumerate(islice(rows(data / f"corpora/{name}.jsonl.zst"), CHINESE)):
            content = "".join(f"<p>{escape(line)}</p>" for line in row["text"][:6000].splitlines() if line.strip())
            html = framed(f"{name} {n}", content, site=name, lang="zh")
            yield Page(name, f"https://{name}.example/{n}", html)
            if n % 10 == 0:
                yield Page("copy", f"https://mirror.example/{name}/{n}", html)
    advert = "<p>专业代开发票，加微信 vx: abc12345，电话微信同号，欢迎咨询。</p>" * 30
    yield Page("advert", "https://advert.example/", framed("代开发票", advert, site="x", lang="zh"))


def sliced(source: Path, out: Path, every: int, most: int) -> Path:
    """Every so many of a corpus's documents, cut to a size that keeps tests short, and the first of them twice."""
    taken = [row for n, row in enumerate(rows(source)) if n % every == 0][:most]
    return write_jsonl(out, [*taken, {**taken[0], "id": "again"}])


@pytest.fixture(scope="module")
def inputs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Recipe -> what it reads."""
    folder = tmp_path_factory.mktemp("slices")
    web, chinese = folder / "web.warc.gz", folder / "zh.warc.gz"
    archive.write(english_pages(data), web)
    archive.write(chinese_pages(data), chinese)
    code = sliced(data / "corpora/code_py_js_go.jsonl.zst", folder / "code.jsonl", 20, 500)
    (folder / "wiki").mkdir()
    sliced(data / "corpora/en_foldoc_encyclopedia.jsonl.zst", folder / "wiki/en.jsonl", 10, 400)
    sliced(data / "corpora/zh_oiwiki.jsonl.zst", folder / "wiki/zh.jsonl", 5, 60)
    text = sliced(data / "corpora/en_web_text.jsonl.zst", folder / "text.jsonl", 10, 200)
    return {
        "classifier-llama": text,
        "chinese-web": chinese,
        "web-zh": chinese,
        "code": code,
        "wikipedia": folder / "wiki",
    } | dict.fromkeys(("c4", "dclm", "fineweb", "gopher", "refinedweb", "web"), web)


@pytest.fixture(scope="module")
def settings(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Recipe -> the lists and models that it needs, as `--set` takes them."""
    blocked = [f"url_filter.categories=[{data / 'lists/ut1_subset/blacklists/gambling'}]"]
    model = f"classifier.model={classifier(data, tmp_path_factory.mktemp('classifier'))}"
    offensive = f"keywords.lists={{offensive: {data / 'lists/ldnoobw'}}}"
    return {
        "fineweb": blocked,
        "refinedweb": blocked,
        "c4": [offensive],
        "dclm": [*blocked, model],
        "classifier-llama": [model],
    }


def classifier(data: Path, folder: Path) -> Path:
    """A small one of instruction data against web text, as dclm.yaml says to make it."""
    tasks = json.loads((data / "instruct/llamafactory_demos/data/alpaca_en_demo.json").read_text("utf-8"))
    good = [{"text": f"{task['instruction']}\n{task['output']}"} for task in tasks[:300]]
    web = [{"text": row["text"]} for row in islice(rows(data / "corpora/en_web_text.jsonl.zst"), 300)]
    positive, negative = write_jsonl(folder / "instructions.jsonl", good), write_jsonl(folder / "web.jsonl", web)
    small = ["--dim", 8, "--bucket", 20_000, "--epoch", 5, "--lr", 0.5]
    dataprep("train-classifier", "--positive", positive, "--negative", negative, "--output", folder / "out", *small)
    return folder / "out"


# ---------------------------------------------------------------- recipes


def recipes() -> list[str]:
    found = (path for path in sorted((ROOT / "pipelines").glob("*.yaml")))
    return [path.stem for path in found if "stages" in (raw := yaml.safe_load(path.read_text())) and "source" in raw]


def ledger(made: dict[str, Any]) -> list[dict[str, Any]]:
    """What became of the documents at every stage."""
    return [
        {"stage": s["name"], "in": s["documents_in"], "out": s["documents_out"], "dropped": s["dropped"]}
        for s in made["stages"]
    ]


@pytest.mark.parametrize("name", recipes())
def test_its_ledger_is_the_golden_one(
    name: str, inputs: dict[str, Path], settings: dict[str, list[str]], tmp_path: Path
) -> None:
    overrides = tuple(settings.get(name, ()))
    given = (str(inputs[name]),)
    path = ROOT / f"pipelines/{name}.yaml"
    plan = make_plan(path, inputs=given, output=str(tmp_path / "out"), overrides=overrides)
    # As a worker has it, and `what-if`: from what is written down.
    assert planning.from_json(json.loads(json.dumps(planning.to_json(plan)))) == plan
    made = run_here(plan)
    found = ledger(made)
    assert lookup.recorded(str(tmp_path / "out"), made).to_json() == plan.pipeline.to_json()
    golden = GOLDEN / f"{name}.json"
    if os.environ.get("DATAPREP_GOLDEN") == "write":
        golden.write_text("".join(f"{line}\n" for line in ["[", *_rows(found), "]"]), "utf-8")
    assert found == json.loads(golden.read_text("utf-8"))
    assert found[-1]["out"] > 10


def _rows(found: list[dict[str, Any]]) -> list[str]:
    rows = [json.dumps(row) for row in found]
    return [f" {row}," for row in rows[:-1]] + [f" {rows[-1]}"]


@pytest.mark.parametrize("name", recipes())
def test_it_says_what_it_follows(name: str) -> None:
    """A published recipe cites its source above everything else."""
    head = (ROOT / f"pipelines/{name}.yaml").read_text("utf-8").partition("\nname:")[0]
    assert all(line.startswith("#") for line in head.splitlines())
    assert "arXiv:" in head or name in ("web", "web-zh")
