"""Text that breaks things: every script and oddity that kernels must survive, as hypothesis strategies."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from hypothesis import strategies as st

from dataprep.text.spans import Spans, TextBuffers, text_buffers

PIECES = (
    "a", "B", "word", "The", "don't", "O’Neil", "x'", "''", "＇", "naïve", "e\u0301",
    "ñ", "ß", "İ", "Ǆ", "3.14", "42", "²", "Ⅷ", "①", "中", "文", "漢字", "々", "〇",
    "\u2f00", "\U00020000", "か\u3099", "葛\U000e0100", "ひらがな", "カタカナ", "スーパー", "ｱｲｳﾞ",
    "らーめん", "ー", "한국어", "ᄒ\u1161ᆫ", "ภาษาไทย", "ที่นี่", "๓", "ພາສາ", "မြန်မာ",
    "ភាសាខ្មែរ", "हिन्दी", "क्\u200dष", "می\u200cخواهم", "שלום", "العربية،", "Привет",
    "А. С. Пушкин", "J. Smith", "😀", "👩\u200d💻", "❤\ufe0f", "🇨🇳", "1\ufe0f\u20e3", "𝐀",
    "ｆｕｌｌ", "１２", " ", "  ", "\n", "\n\n", "\n \t\n", "\r\n", "\r", "\t", "\v", "\x1c",
    "\x85", "\u2028", "\u2029", "\u3000", "\u00a0", "\ufeff", "\x00", "\x7f", "\u200b",
    "\u200e", "\u00ad", "\u2060", "\ufffd", "\ufdd0", "\ue000", "\U0010ffff", "\u0301",
    "\u20e0", ".", "..", "...", "....", "…", "……", "!", "?!", "。", "！", "？", "；", "．",
    "｡", "।", "؟", "۔", "\"", "'", "”", "」", "』", ")", "）", "]", "»", "#", "##", "-",
    "_", "•", "/", "«", "(", "「", "<p>", "&amp;", "http://a.b/c?d=e#f", "a" * 7,
    "b" * 8, "c" * 9, "d" * 63, "e" * 64, "f" * 130,
)  # fmt: skip

odd_text = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)

repetitive_text = st.lists(
    st.sampled_from(["a", "b", " ", "  ", "\n", "c d e f g h ", "中", "文", "é", "one two three four five six "]),
    max_size=80,
).map("".join)


def buffers(documents: list[str], before: str = "", after: str = "") -> TextBuffers:
    """The documents as a slice of an Arrow array that holds other documents before and after them."""
    whole = pa.array([before, *documents, after], pa.large_string())
    return text_buffers(whole.slice(1, len(documents)))


def pieces(spans: Spans, text: TextBuffers) -> list[list[tuple[int, str]]]:
    """For each document its spans: (byte where it begins in the document, text)."""
    raw = text.data.tobytes()
    found = []
    for d, first in enumerate(text.offsets[:-1].tolist()):
        mine = range(*spans.offsets[d : d + 2].tolist())
        found.append([(int(spans.start[k]) - first, raw[spans.start[k] : spans.end[k]].decode()) for k in mine])
    return found


batches = st.builds(buffers, st.lists(odd_text, max_size=5), odd_text, odd_text)


def documents(text: TextBuffers) -> list[str]:
    """The batch's documents as strings."""
    raw = text.data.tobytes()
    return [raw[a:b].decode() for a, b in pairwise(text.offsets.tolist())]
