"""Write tests/golden/dolma_<commit>.json.gz: what dolma's own tagger and mixers give for the texts of
tests/test_profile_dolma.py.

    python benchmarks/golden_dolma.py CHECKOUT

CHECKOUT is one of github allenai/dolma. Its python/dolma/taggers/gopher.py runs as it is, scores rounded as
`BaseTagger.group_output` rounds them. Decisions: the first rule of configs/dolma-v1_6/mixing/cc-head.yaml that excludes
the document by one of these scores; a rule whose score does not exist excludes none.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import machine
from dolma_peer import tagger

MIXER = "configs/dolma-v1_6/mixing/cc-head.yaml"


def digits(checkout: Path) -> int:
    """Behind the point of a score that is written."""
    source = (checkout / "python/dolma/core/taggers.py").read_text("utf-8")
    found = re.search(r"TAGGER_SCORE_PRECISION = (\d+)", source)
    assert found
    assert "round(float(span.score), TAGGER_SCORE_PRECISION)" in source
    return int(found[1])


def written(gopher: Any, text: str, precision: int) -> dict[str, float]:
    """The scores of a text, as `BaseTagger.group_output` writes them."""
    spans = gopher.get_attributes(text).as_spans()
    return {span.type: round(float(span.score), precision) for span in spans}


def rules(checkout: Path) -> list[tuple[str, str, float]]:
    """(score, `<` or `>`, bound) of what the mixer excludes by this tagger, in its order."""
    source = (checkout / MIXER).read_text("utf-8")
    found = re.findall(r"gopher_rules__gopher_v1__(\w+)\[0\]\[2\]\s*([<>])\s*([\d.]+)\)\]", source)
    return [(name, sign, float(bound)) for name, sign, bound in found]


def decision(scores: dict[str, float], wanted: list[tuple[str, str, float]]) -> str | None:
    """The first rule that excludes the document; one whose score does not exist does not."""
    for name, sign, bound in wanted:
        if name in scores and (scores[name] < bound if sign == "<" else scores[name] > bound):
            return f"{name} {sign}"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    checkout = parser.parse_args().checkout
    sys.path.insert(0, str(machine.ROOT / "tests"))
    import test_profile_dolma as tests

    commit = subprocess.check_output(["git", "-C", checkout, "rev-parse", "HEAD"], text=True).strip()
    gopher, precision, wanted = tagger(checkout / "python/dolma", "gopher"), digits(checkout), rules(checkout)
    names = list(tests.OURS)
    print(f"{len(wanted)} rules, not of scores that are written: {sorted({r[0] for r in wanted} - {*names})}")
    texts = {name: tests.real_texts(machine.data(), name) for name in tests.CORPORA} | {"odd": tests.odd_texts()}
    scores: dict[str, list[list[float | None]]] = {}
    decisions: dict[str, list[str | None]] = {}
    for name, some in texts.items():
        found = [written(gopher, text, precision) for text in some]
        scores[name] = [[of.get(key) for key in names] for of in found]
        decisions[name] = [decision(of, wanted) for of in found]
        print(f"{name}: {len(some)} texts, {sum(rule is None for rule in decisions[name])} kept")
    made = {
        "peer": f"allenai/dolma {commit}, taggers/gopher.py (gopher_v1), {MIXER}, Python {platform.python_version()}",
        "how": "python benchmarks/golden_dolma.py CHECKOUT",
        "names": names,
        "scores": scores,
        "decisions": decisions,
    }
    out = machine.ROOT / f"tests/golden/dolma_{commit[:7]}.json.gz"
    out.write_bytes(gzip.compress(json.dumps(made, separators=(",", ":")).encode(), 9, mtime=0))
    print(f"written to {out.relative_to(machine.ROOT)}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
