"""Keep one copy of documents that are nearly equal."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from dataprep.duplicates import Keep
from dataprep.stage import Composite, Count, Example, Part

_RIVER = "The river was wide and slow below the old stone bridge where the boys used to fish after school in summer"
_河 = "老石桥下的河水又宽又慢，孩子们放学后常常在那里钓鱼，夏天的傍晚总是有很多人坐在岸边聊天。"


class MinhashDedup(Composite):
    """Keep one of all documents that share most of their word 5-grams, anywhere in the corpus.

    Signatures of `bands` x `rows` MinHash values are cut into bands; documents that agree in all rows of a band are
    candidates, and candidates of candidates make one cluster. Two documents of Jaccard similarity J become candidates
    with probability 1 - (1 - J^rows)^bands. The default, 14 x 8, is that of FineWeb (Penedo et al. 2024,
    arXiv:2406.17557): 56.5 % at J = .7, 92.4 % at .8, 99.96 % at .9. `dataprep plan` prints what other settings mean.

    Words are those of all other stages, in lower case; punctuation and white space do not count. Numbers do: pages that
    differ in their numbers alone are not made equal. Each Han character is a word, so Chinese 5-grams are five
    characters. A document of fewer than five words is one shingle, so it is a duplicate only of equal words; one
    without words is never a duplicate.

    The result is the same for any cut of the corpus into files and for any number of workers. The artefact
    `<name>.clusters` lists every cluster with its members, and how similar each is to the copy that was kept; the
    exact similarity of 1,000 such pairs is in the ledger. It is a barrier: all earlier stages finish first.

    Cost: 150-250 MB/s to signatures; 16 bytes a band and document on disk between the passes; 28 bytes of memory for
    each document that has a copy, once. `verify` adds a pass over the documents.
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {"text": [f"{_RIVER}.", f"{_RIVER.upper()}!", f"Nobody knew that {_RIVER.lower()}", "Something else."]},
            [None, "duplicate", "duplicate", None],
        ),
        Example({"keep": "longest"}, {"text": [_河, f"{_河}（完）", "别的文章。"]}, ["duplicate", None, None]),
        Example(
            {"keep": "best:score", "threshold": 0.8, "verify": True},
            {"text": [_RIVER, f"{_RIVER}.", f"{_RIVER}!"], "score": [0.1, 0.9, 0.5]},
            ["duplicate", None, "duplicate"],
        ),
        Example({}, {"text": ["", "", "…", "…", "Page 1", "Page 2"]}, [None] * 6),
    )

    bands: Annotated[int, Field(ge=1, le=256)] = 14
    """Bands of a signature: more of them find more."""
    rows: Annotated[int, Field(ge=1, le=64)] = 8
    """MinHash values of a band: more of them find only what is more similar."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Jaccard similarity from which documents are duplicates. Chooses `bands` and `rows` where neither is given, of at
    most 112 values: those for which false positives and false negatives, weighed alike, are fewest
    (`datasketch.MinHashLSH`)."""
    keep: Keep = "first"
    """Which copy survives: `first` in the order of inputs, `longest` (bytes of text), `newest` (column `date`) or
    `best:COLUMN` (highest number). Equal ones, and ones without a value, are settled by order."""
    verify: bool = False
    """Confirm candidates by the exact Jaccard similarity of their 5-grams: at least `threshold`, or where it is not
    given the similarity from which candidates become likely, (1 / bands)^(1 / rows): .72 by default."""
    seed: Count = 1
    """Seed of the permutations."""

    @model_validator(mode="after")
    def _threshold_has_a_use(self) -> MinhashDedup:
        if self.threshold is not None and self._shaped() and not self.verify:
            raise ValueError("`threshold` chooses bands and rows, or is what `verify: true` confirms; give one of them")
        return self

    def _shaped(self) -> bool:
        return bool(self.model_fields_set & {"bands", "rows"})

    def asked(self) -> dict[str, Any]:
        """Without `bands` and `rows` where `threshold` chooses them: read again, they would be given."""
        settings = super().asked()
        chosen = {"bands", "rows"} if self.threshold is not None and not self._shaped() else set()
        return {name: value for name, value in settings.items() if name not in chosen}

    def shape(self) -> tuple[int, int]:
        """(bands, rows), as given or as chosen by `threshold`."""
        if self.threshold is None or self._shaped():
            return self.bands, self.rows
        from datasketch import MinHashLSH

        chosen = MinHashLSH(threshold=self.threshold, num_perm=_PERMUTATIONS)
        return int(chosen.b), int(chosen.r)

    def notes(self) -> tuple[str, ...]:
        bands, rows = self.shape()
        found = ", ".join(f"{1 - (1 - j**rows) ** bands:.2%} at {j}" for j in (0.7, 0.8, 0.9))
        return (f"{bands} bands x {rows} rows: of pairs of Jaccard similarity J it finds {found}",)

    def expand(self, label: str) -> list[Part]:
        bands, rows = self.shape()
        signed = {"bands": bands, "rows": rows, "seed": self.seed, "keep": self.keep}
        if self.verify:
            similarity = self.threshold or round((1 / bands) ** (1 / rows), 2)
            confirmed = {"of": f"{label}.candidates", "similarity": similarity, "keep": self.keep}
            builds = [
                Part("minhash_duplicates", signed | {"candidates": True}, "candidates"),
                Part("verified_duplicates", confirmed),
            ]
        else:
            builds = [Part("minhash_duplicates", signed)]
        clusters = {"of": label, "permutations": bands * rows, "seed": self.seed}
        return [*builds, Part("duplicate_clusters", clusters, "clusters"), Part("duplicate", {"of": label})]


_PERMUTATIONS = 112
"""As many as 14 x 8."""
