"""Small real fastText classifiers for tests."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from dataprep.classifiers import making
from dataprep.classifiers.examples import Labelled
from dataprep.classifiers.training import Settings

GOOD = ("a theory is an explanation of the natural world", "理论是对自然界的解释", "the natural world and its theory")
BAD = ("click here buy now free shipping", "点击这里立即购买", "buy now for free and click")
SMALL = Settings(dim=8, bucket=2000, epoch=40, lr=0.5, min_count=1)


def labelled(texts: list[str], labels: list[str]) -> Labelled:
    import pyarrow as pa

    return Labelled(pa.array(texts, pa.large_string()), labels, ["und"] * len(texts), ["test"] * len(texts))


@cache
def example_classifier() -> Path:
    """A folder with labels `hq` and `cc`, made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="classifier-"))
    texts = [f"{text} {k}" for k in range(20) for text in (*GOOD, *BAD)]
    labels = [label for _ in range(20) for label in ("hq",) * len(GOOD) + ("cc",) * len(BAD)]
    making.make(SMALL, [{"name": "test"}], lambda: [labelled(texts, labels)], str(folder))
    return folder
