"""Train one fastText model in a process of its own: `python -P trainer.py JOB.json`. Imports nothing of the project."""

from __future__ import annotations

import json
import sys


def main(path: str) -> None:
    from fasttext import train_supervised

    with open(path, encoding="utf-8") as file:
        job = json.load(file)
    model = train_supervised(input=job["input"], verbose=0, **job["options"])
    if job["quantize"]:
        model.quantize(qnorm=True, verbose=0)
    model.save_model(job["output"])


if __name__ == "__main__":
    main(sys.argv[1])
