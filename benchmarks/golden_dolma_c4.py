"""Write tests/golden/dolma_1.2.1_c4.json.gz: what dolma's C4 tagger and its mixer do to documents.

    python benchmarks/golden_dolma_c4.py

The tagger of the package dolma 1.2.1 is that of allenai/dolma 669f534, whose configs/c4-replication it is run by (see
dolma_c4.py). Documents are those of golden_datatrove_c4.py, odd ones once more with another I. Texts that come out are
there as the first 16 digits of their SHA-256.
"""

from __future__ import annotations

import golden
import peers
from golden_datatrove_c4 import LINES, digest, odd_documents


def main() -> None:
    named, texts = golden.real(LINES)
    odd = odd_documents()
    odd += [text.replace("I", "İ").replace("T", "İ") for text in odd[::3]]
    answers = golden.answers("dolma", peers.DOLMA, "dolma_c4.py", [*texts, *odd])
    told = [[reason, digest(left)] for reason, left in answers]
    golden.write(
        "dolma_1.2.1_c4",
        {
            "made_by": "benchmarks/golden_dolma_c4.py",
            "peer": list(peers.DOLMA),
            "real": [[corpus, i, own] for (corpus, i), own in zip(named, told, strict=False)],
            "odd": [[text, own] for text, own in zip(odd, told[len(named) :], strict=True)],
        },
    )


if __name__ == "__main__":
    main()
