"""Clean the characters of a text: controls, invisible ones, line breaks, normal form, and what is asked for."""

from __future__ import annotations

from importlib.util import find_spec
from typing import ClassVar, Literal

from pydantic import model_validator

from dataprep.stage import Composite, Example, Part


class UnicodeCleanup(Composite):
    """Clean the characters of a text, in any language, and count what was changed.

    | kind | what | becomes |
    |---|---|---|
    | `control_characters` | U+0000 to U+001F but tab and line breaks, U+007F to U+009F | removed |
    | `line_breaks` | CR LF, CR, VT, FF; U+0085, U+2028, U+2029 | LF |
    | `invisible` | byte order marks, soft hyphens, word joiners and invisible operators (U+2060 to U+206F), directional marks and embeddings (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), interlinear annotation (U+FFF9 to U+FFFB), language tags | removed |
    | `invisible` | zero-width joiner and non-joiner: kept behind a letter or mark of Arabic, the Indic and other scripts whose letters join, the joiner also between emoji; zero-width space: kept behind a letter of Thai, Lao, Khmer, Burmese, Tibetan, where it marks words; tags: kept in flags | removed elsewhere |
    | `noncharacters` | U+FDD0 to U+FDEF, and the last two of each plane | removed |
    | `normalized` | characters in pieces that the normal form writes otherwise | rewritten |
    | `full_width`, `white_space`, `mojibake`, `chinese` | see the settings | |
    | `changed` | documents in which any of these changed but the last two | |

    Kept: U+FFFD (what was lost can't be told), variation selectors, private use, CJK punctuation, full-width `，。`.
    Unpaired surrogates do not reach a stage: sources read them as U+FFFD.

    Order: mojibake, then characters, then Chinese. Cleaning twice changes nothing more, but for mojibake that only
    shows when something between its parts was removed, and for OpenCC's phrases on the way to traditional. Run it
    before anything that looks at text.

    Chinese: as any language; NFC also unifies compatibility ideographs (U+F900 to U+FAFF). NFKC would turn `，` into
    `,` and `①` into `1`: not a default. Clean text passes at about 1 GB/s; ftfy sees only documents that it may change,
    OpenCC takes 200 MB/s.
    """  # noqa: E501

    normalize: Literal["nfc", "nfkc", "none"] = "nfc"
    """Normal form C keeps how text looks. KC also folds widths, ligatures, superscripts (`x²` becomes `x2`) and circled
    numbers: a loss for mathematics."""
    line_separators: bool = True
    """U+0085, U+2028 and U+2029 become line breaks; false keeps them."""
    full_width: Literal["keep", "alphanumeric", "signs", "all"] = "keep"
    """Full-width forms that become ASCII: `alphanumeric`: letters and digits (Ａ１ becomes A1); `signs`: also those
    that are no punctuation of Chinese (＋％＝＠／～ but ～); `all`: also ！（），．：；？［］｛｝～＂＇ and the
    ideographic space. 、。「」《》 have no ASCII form and stay."""
    white_space: Literal["keep", "trim", "collapse"] = "keep"
    """`trim`: white space at the ends of lines goes, more than one blank line becomes one, blank lines at both ends of
    the text go; indentation stays, so it is right for code. `collapse`: also each run of white space in a line, and
    each space that is not U+0020, becomes one space, and indentation goes, the Chinese one (U+3000) too."""
    mojibake: bool = False
    """Repair text that was decoded in the wrong encoding, with `ftfy`; needs the extra `clean`."""
    chinese: Literal["keep", "simplified", "traditional"] = "keep"
    """Convert documents whose `language` is `zh`, `yue` or `wuu`, with OpenCC; needs the extra `clean`."""
    keep_counts: bool = False
    """Keep the counts as columns, `unicode_cleanup.invisible`; the manifest has their sums in any case."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {
                "text": [
                    "cafe\u0301\r\n\ufeffna\u00adive\x07",
                    "一１，\u200b二\u2028三",
                    "क्\u200dष 👩\u200d💻 a\u200db می\u200cخواهم",
                    "def f():\n\treturn 1  \n",
                ]
            },
            {
                "text": [
                    "café\nnaive",
                    "一１，二\n三",
                    "क्\u200dष 👩\u200d💻 ab می\u200cخواهم",
                    "def f():\n\treturn 1  \n",
                ]
            },
        ),
        Example(
            {"full_width": "signs", "white_space": "collapse", "keep_counts": True},
            {"text": ["\u3000\u3000Ｈ２Ｏ＋ＣＯ２，  好。\n\n\n\n a\u00a0b "]},
            {"text": ["H2O+CO2， 好。\n\na b"], "unicode_cleanup.full_width": [7], "unicode_cleanup.white_space": [8]},
        ),
        Example(
            {"mojibake": True, "chinese": "simplified"},
            {"text": ["voilÃ\xa0", "漢語"], "language": ["fr", "zh"]},
            {"text": ["voilà", "汉语"]},
        ),
    )

    @model_validator(mode="after")
    def _packages_are_there(self) -> UnicodeCleanup:
        for asked, module, what in (
            (self.mojibake, "ftfy", "mojibake: true"),
            (self.chinese != "keep", "opencc", f"chinese: {self.chinese}"),
        ):
            if asked and find_spec(module) is None:
                raise ValueError(f"{what} needs the package {module}; type: pip install 'dataprep[clean]'")
        return self

    def expand(self, label: str) -> list[Part]:
        kinds = [*_KINDS]
        own = {"normalize", "line_separators", "full_width", "white_space"}
        parts = [Part("clean_characters", {"prefix": label, **self.model_dump(include=own)})]
        if self.mojibake:
            parts.insert(0, Part("fix_mojibake", {"prefix": label}))
            kinds.append("mojibake")
        if self.chinese != "keep":
            parts.append(Part("convert_chinese", {"prefix": label, "to": self.chinese}))
            kinds.append("chinese")
        if not self.keep_counts:
            parts.append(Part("drop_columns", {"names": [f"{label}.{kind}" for kind in kinds]}))
        return parts


_KINDS = ("control_characters", "invisible", "noncharacters", "line_breaks", "full_width", "white_space", "normalized",
          "changed")  # fmt: skip
