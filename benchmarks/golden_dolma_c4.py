"""Write tests/golden/dolma_1.2.1_c4.json.gz: what dolma's C4 tagger and its mixer do to documents.

    python benchmarks/golden_dolma_c4.py

The tagger of the package dolma 1.2.1 is that of allenai/dolma 669f534, whose configs/c4-replication it is run by (see
dolma_c4.py). Documents are those of golden_datatrove_c4.py, the odd ones once more with another I. Texts that come out
are there as the first 16 digits of their SHA-256. Gives the same file every time.
"""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import machine
import peers
from bench_profiles import texts
from golden_datatrove_c4 import LINES, digest, odd_documents

OUT = Path(__file__).parent.parent / "tests" / "golden" / "dolma_1.2.1_c4.json.gz"


def main() -> None:
    data = machine.data()
    real = [(corpus, i, text) for corpus, wanted in LINES.items()
            for i, text in enumerate(texts(data, corpus, wanted.stop)) if i in wanted]  # fmt: skip
    odd = odd_documents()
    odd += [text.replace("I", "İ").replace("T", "İ") for text in odd[::3]]
    answer = subprocess.run(
        [str(peers.python("dolma", peers.DOLMA)), str(Path(__file__).with_name("dolma_c4.py"))],
        input="".join(json.dumps(text) + "\n" for text in (*(text for *_, text in real), *odd)),
        capture_output=True, text=True, check=True, env=peers.ENVIRONMENT,
    )  # fmt: skip
    answers = [json.loads(line) for line in answer.stdout.splitlines()]
    told = [[reason, digest(left)] for reason, left in answers]
    golden = {
        "made_by": "benchmarks/golden_dolma_c4.py",
        "peer": list(peers.DOLMA),
        "real": [[corpus, i, own] for (corpus, i, _), own in zip(real, told, strict=False)],
        "odd": [[text, own] for text, own in zip(odd, told[len(real) :], strict=True)],
    }
    OUT.write_bytes(gzip.compress(json.dumps(golden, ensure_ascii=False).encode(), mtime=0))
    print(f"{len(real)} real and {len(odd)} odd documents, {OUT.stat().st_size} bytes: {OUT}")


if __name__ == "__main__":
    main()
