"""Score documents with the quality signals that RedPajama-v2 publishes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import models
from dataprep.documents import Documents
from dataprep.errors import UsageError
from dataprep.stage import Example, Map

if TYPE_CHECKING:
    from dataprep.text.word_sets import WordSets

_DECIMALS = 8
"""As the published values."""
_ALL = 12
"""Means over lines are ours: not rounded."""

_WHOLE = ("ccnet_length", "ccnet_nlines", "rps_doc_num_sentences", "rps_doc_word_count")
_SHARES = (
    "rps_doc_mean_word_length", "rps_doc_symbol_to_word_ratio", "rps_doc_frac_lines_end_with_ellipsis",
    "rps_doc_frac_no_alph_words", "rps_doc_frac_unique_words", "rps_doc_unigram_entropy",
    "rps_doc_frac_all_caps_words", "rps_doc_lorem_ipsum", "rps_doc_curly_bracket",
    *(f"rps_doc_frac_chars_top_{n}gram" for n in (2, 3, 4)),
    *(f"rps_doc_frac_chars_dupe_{n}grams" for n in range(5, 11)),
    "rps_lines_javascript_counts", "rps_lines_ending_with_terminal_punctution_mark", "rps_lines_num_words",
    "rps_lines_uppercase_letter_fraction", "rps_lines_numerical_chars_fraction", "rps_lines_start_with_bulletpoint",
)  # fmt: skip

Scores = dict[str, npt.NDArray[Any]]


class RedpajamaSignals(Map):
    """Score documents with the rule-based quality signals of RedPajama-v2 (Weber et al. 2024, arXiv:2411.12372,
    appendix; github togethercomputer/RedPajama-Data, commit 6d2cee9), under their names. No rule comes with them: use
    `thresholds` on these columns.

    Values equal those of the published code with NLTK 3.8.1, rounded as there to 8 decimals, then held in 32 bits; NLTK
    3.10 takes combining marks for parts of words, which changes few. Signals of lines (`rps_lines_*`), there one value
    a line, are here their mean over all lines, empty ones too. Null where the code gives none: ratios of a text without
    words or lines.

    - Words of `rps_doc_word_count`, `mean_word_length`, `frac_unique_words`, `unigram_entropy`, n-grams and
      `rps_lines_num_words`: text without ASCII punctuation, in lower case and form NFD, split at white space.
    - Words of `symbol_to_word_ratio`, `frac_no_alph_words`, `frac_all_caps_words`, `stop_word_fraction`: runs of word
      characters and runs of other visible ones.

    Left out: `ccnet_perplexity` and the `ml` and importance signals, which need models (`perplexity`, `classifier`),
    `ut1_blacklist` (`url_filter`), MinHash signatures (`minhash_dedup`).

    Chinese: as published, a word is what stands between spaces, so words are sentences, `frac_no_alph_words` counts
    those without an English letter, and full-width punctuation is no punctuation: these signals say little.
    """

    paths: ClassVar[tuple[str, ...]] = ("stop_words", "bad_words")

    prefix: str = "redpajama"
    """Columns are called `<prefix>.<signal>`: `redpajama.rps_doc_word_count`."""
    stop_words: dict[str, str] = {}  # noqa: RUF012
    """Files of stop words by `language`, one a line, matched as they are: they give `rps_doc_stop_word_fraction`."""
    bad_words: dict[str, str] = {}  # noqa: RUF012
    """Files of bad words and phrases by `language`, one a line, matched in plain spelling (a phrase with punctuation or
    capitals never matches, as in the code): they give `rps_doc_ldnoobw_words`, the number of matches."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "r"},
            {"text": ["To be, or not TO BE: that is it...\n- {to be}", "今天天气很好，\n明天呢？", ""]},
            {
                "r.ccnet_length": [44, 12, 0],
                "r.ccnet_nlines": [2, 2, 0],
                "r.rps_doc_num_sentences": [2, 1, 0],
                "r.rps_doc_word_count": [11, 2, 0],
                "r.rps_doc_curly_bracket": [0.045454547, 0.0, 0.0],
                "r.rps_doc_frac_chars_top_2gram": [0.48, 0.0, 0.0],
            },
        ),
    )

    def files(self) -> dict[str, str]:
        named = {"stop_words": self.stop_words, "bad_words": self.bad_words}
        return {
            f"{name} {language}": models.file_hash(_read(given)[0])
            for name, lists in named.items()
            for language, given in lists.items()
        }

    def gives(self) -> dict[str, pa.DataType | None]:
        given = [*(["rps_doc_stop_word_fraction"] if self.stop_words else []),
                 *(["rps_doc_ldnoobw_words"] if self.bad_words else [])]  # fmt: skip
        kinds = {**dict.fromkeys(_WHOLE, pa.int32()), **dict.fromkeys((*_SHARES, *given), pa.float32())}
        return {f"{self.prefix}.{name}": kind for name, kind in kinds.items()}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        return {f"{self.prefix}.{name}": array for name, array in self._signals(docs).items()}

    def _signals(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.plain_ngrams import plain_ngrams
        from dataprep.text.plain_words import plain_text, plain_words
        from dataprep.text.redpajama import plain_lines, raw_counts
        from dataprep.text.symbols import count_hash_and_ellipsis
        from dataprep.text.word_sets import listed_phrases

        stops, stops_of = _sets(tuple(self.stop_words.items())), _chosen(docs, self.stop_words)
        raw = raw_counts(docs.text, stops, stops_of)
        plain = plain_text(docs.text)
        line = plain_lines(plain)
        words, lengths = plain_words(plain)
        gram = plain_ngrams(words, lengths)
        count = np.diff(words.offsets)
        hashes, ellipses = count_hash_and_ellipsis(docs.text)
        plain_chars = gram.chars + np.maximum(count - 1, 0)
        lines = {
            "javascript_counts": line.javascript,
            "ending_with_terminal_punctution_mark": raw.final_lines,
            "num_words": count,
            "uppercase_letter_fraction": raw.upper_share,
            "numerical_chars_fraction": line.numeric_share,
            "start_with_bulletpoint": raw.bullet_lines,
        }
        found = {
            "ccnet_length": pa.array(raw.chars.astype(np.int32)),
            "ccnet_nlines": pa.array(raw.lines.astype(np.int32)),
            "rps_doc_num_sentences": pa.array(raw.sentences.astype(np.int32)),
            "rps_doc_word_count": pa.array(count.astype(np.int32)),
            "rps_doc_mean_word_length": _share(gram.chars, count),
            "rps_doc_symbol_to_word_ratio": _share(hashes + ellipses, raw.words),
            "rps_doc_frac_lines_end_with_ellipsis": _share(raw.ellipsis_lines, raw.lines),
            "rps_doc_frac_no_alph_words": _share(raw.without_letter, raw.words),
            "rps_doc_frac_unique_words": _share(gram.distinct, count),
            "rps_doc_unigram_entropy": _share(gram.entropy * count, count),
            "rps_doc_frac_all_caps_words": _share(raw.capitals, raw.words),
            "rps_doc_lorem_ipsum": _share(line.lorem_ipsum, plain_chars, empty=0),
            "rps_doc_curly_bracket": _share(raw.brackets, raw.chars, empty=0),
            **{f"rps_doc_frac_chars_top_{n}gram": _share(gram.top[:, n - 2], gram.chars, empty=0) for n in (2, 3, 4)},
            **{
                f"rps_doc_frac_chars_dupe_{n}grams": _share(gram.duplicate[:, n - 5], gram.chars, empty=0)
                for n in range(5, 11)
            },
            **{f"rps_lines_{name}": _share(part, raw.lines, decimals=_ALL) for name, part in lines.items()},
        }
        if self.stop_words:
            stop_words = np.where(count > 0, raw.stop_words, 0)
            found["rps_doc_stop_word_fraction"] = _share(stop_words, raw.words, empty=0, unknown=stops_of == 0)
        if self.bad_words:
            phrases, of = _sets(tuple(self.bad_words.items())), _chosen(docs, self.bad_words)
            matches = listed_phrases(words, phrases, of).astype(np.float32)
            found["rps_doc_ldnoobw_words"] = pa.array(matches, mask=of == 0)
        return found


def _share(
    part: npt.NDArray[Any],
    whole: npt.NDArray[np.int64],
    empty: float | None = None,
    unknown: npt.NDArray[np.bool_] | None = None,
    decimals: int = _DECIMALS,
) -> pa.Array:
    """`part / whole`, rounded as published; `empty`, or null, where `whole` is 0; null where `unknown`."""
    values = np.round(part / np.maximum(whole, 1), decimals).astype(np.float32)
    nothing = whole == 0
    values[nothing] = empty or 0
    masked = np.zeros(len(values), np.bool_) if empty is not None else nothing
    return pa.array(values, mask=masked if unknown is None else masked | unknown)


def _chosen(docs: Documents, lists: dict[str, str]) -> npt.NDArray[np.int64]:
    """int64[documents]: the number of the language's list, from 1 on; 0 if it has none."""
    which = pc.index_in(docs.languages(), pa.array(list(lists), pa.string()))
    return np.asarray(which.fill_null(-1), np.int64) + 1


def _sets(lists: tuple[tuple[str, str], ...]) -> WordSets:
    """The lists' words as hashes, read once for each state of the files."""
    files = tuple(models.located(given) for _, given in lists)
    return _loaded(tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files))


@lru_cache(maxsize=8)
def _loaded(files: tuple[tuple[str, int, int], ...]) -> WordSets:
    from dataprep.text.word_sets import word_sets

    return word_sets([_read(path)[1] for path, _, _ in files])


def _read(given: str) -> tuple[Path, list[str]]:
    """The file and its lines. Raises UsageError if it is no list."""
    path = models.located(given)
    try:
        lines = [line.strip() for line in path.read_text("utf-8").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{given}: not a list of words, one a line in UTF-8: {error}") from None
    if not any(lines):
        raise UsageError(f"{given}: holds no words; give one a line")
    return path, lines
