"""What datatrove's C4 filters and its line formatter do to documents that come in by standard input, under its Python.

    python datatrove_c4.py < texts.jsonl > answers.jsonl

One JSON string a line in, one list a line out: the reason of C4QualityFilter or null, the text that it leaves or null,
the lines that it removed by reason, whether C4ParagraphFilter keeps the text, the text of SymbolLinesFormatter.
"""

from __future__ import annotations

import json
import sys

LINES = ("too_long_word", "no_terminal_punc", "too_few_words", "javascript", "policy")
"""datatrove's names of the reasons for which lines go."""


def main() -> None:
    from datatrove.data import Document
    from datatrove.pipeline.filters import C4ParagraphFilter, C4QualityFilter
    from datatrove.pipeline.formatters import SymbolLinesFormatter

    quality, paragraphs, symbols = C4QualityFilter(), C4ParagraphFilter(), SymbolLinesFormatter()

    def removed() -> list[int]:
        return [int(quality.stats[f"line-filter-{name}"].total) for name in LINES]

    for i, line in enumerate(sys.stdin):
        text = json.loads(line)
        document = Document(text=text, id=str(i))
        before = removed()
        verdict = quality.filter(document)
        lines = [b - a for a, b in zip(before, removed(), strict=True)]
        reason, left = (None, document.text) if verdict is True else (verdict[1], None)
        kept = paragraphs.filter(Document(text=text, id=str(i))) is True
        print(json.dumps([reason, left, lines, kept, symbols.format(text)]), flush=True)


if __name__ == "__main__":
    main()
