"""Whether the fast backend gives a library's ids: checked on real and adversarial text before it may be used."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from dataprep.text.spans import text_buffers
from dataprep.tokenizers.library import Fast, Library

PROSE = (
    "The quick brown fox jumps over the lazy dog; don't they'll we've I'd HE'S it's. Nevertheless, 3,141.59 (or 1e-9)?",
    "À peine l'été fini, Noël approchait déjà : « cœur », naïveté, garçon — tout ça coûte 12 €.",
    "Größenwahn, Straße, fünfundzwanzig Äpfel; Übermut tut selten gut.",
    "El niño comió piñas. ¿Qué? ¡Así es! Ação, coração, İstanbul'da ıslak ışık.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю. Україна її ґанок.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ἐν ἀρχῇ ἦν ὁ λόγος",
    "敏捷的棕色狐狸跳过了懒狗。今天天氣很好,我們去公園散步!第3章“深度学习”……《红楼梦》",
    "吾輩は猫である。名前はまだ無い。コンピューターで文字を処理する。ﾊﾝｶｸ",
    "모든 국민은 인간으로서의 존엄과 가치를 가진다. 한글",
    "ผู้ใหญ่หาผ้าใหม่ให้สะใภ้ใช้คล้องคอ กรุงเทพมหานคร",
    "सभी मनुष्यों को गौरव और अधिकारों के विषय में जन्मजात स्वतन्त्रता प्राप्त है। ১২৩ தமிழ் తెలుగు",
    "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق. فارسی می‌خواهم",
    "כל בני אדם נולדו בני חורין ושווים בערכם. שָׁלוֹם",
    "ქართული հայերեն አማርኛ ខ្មែរ မြန်မာ བོད་སྐད 𐍈𐌰𐌿𐍄𐍃 𓀀𓀁 𒀀",
)
CODE = (
    'def f(x: int = 0) -> str:\n    """Doc."""\n    return f"{x!r:>10}"  # TODO\n\n\nclass A(B):\n\tpass\r\n',
    "for (let i = 0; i < n; i++) {\n  a[i] ||= b?.c ?? `t${i}`; // ok\n}\n/* ---- */\n#include <stdio.h>\n",
    'func main() {\n\tif err != nil {\n\t\treturn\n\t}\n}\n<div class="a b">&nbsp;</div>\n{"k": [1, 2.50, null]}',
    "| a | b |\n|---|---|\n\n```sh\n$ cd /usr/local && ls -la *.tar.gz\n```\n$$\\sum_{i=1}^{n} x_i^2$$",
    "https://example.com/a_b-c?d=%20e&f#g user@example.org 192.168.0.1 2024-02-29T23:59:60Z snake_case camelCaseHTTP",
)
_ODD = (
    "", " ", "  ", "   ", "\n", "\n\n\n", "\r\n\r\n", "\t", " \t \n \r ", " leading", "trailing ", "a  b   c    d",
    "\u00a0\u2003\u3000\u200b\u2028\u2029\u0085\ufeff", "\v\f\x1c\x1f", " " * 700, "\n" * 300, "\t " * 200,
    "a" + " " * 99, "▁", "▁▁", " ▁ a▁b ▁", "Ġ", "Ċ", "Ġthe Ċ â", "##ing", "</w>", "<0x0A>", "<0xE2><0x96><0x81>",
    "<0x00>", "\0", "a\0b", "\x01\x02\x1b[0m\x7f", "\ufffd", "\uffff\ufdd0", "\U0010ffff\U000e0001",
    "\\ud800\\udfff \\u0000 \\x00 %ED%A0%80 &#xD800;", "e\u0301 é ﬁ Å \u212b ²³ ㎏ ｆｕｌｌ",
    "Z\u0335\u0321\u0322a\u0300\u0301l" + "\u0308" * 60,
    "👩‍👩‍👧‍👦👍🏽🇨🇳🇫🇷🏴󠁧󠁢󠁥󠁮󠁧󠁿❤️‍🔥☎️☎︎1️⃣", "😀😀😀😀 😀", "abc אבג 123 دهو xyz \u202eevil\u202c \u2066x\u2069",
    "a" * 3000, "ab" * 2000, "aaaa bbbb " * 300, "支付" * 1000, "zyxwvutsrqponmlkjihgfedcba" * 100, "0123456789" * 200,
    "-" * 1000, "=" * 77 + "\n" + "-=" * 77, "." * 333, "!?" * 200, "'" * 50, "哈" * 999 + "!", "aba" * 333 + "ababa",
    "the" * 500, "ing" * 77 + "inging", "THE THe tHE ThE", "don’t DON'T can'T 'S 'll's", "1 12 123 1234 12345 1,234.5",
    "①½Ⅷ٣४",
)  # fmt: skip
_RANDOM = 400
"""Texts of random characters and snippets, always the same."""


def probes(literals: Sequence[str]) -> list[str]:
    """Texts in many scripts, code, oddities, `literals` (of tokens) in context, and random mixtures."""
    texts = [*PROSE, *CODE, *_ODD]
    texts += [made for s in literals[:64] for made in (s, f"a{s}b", f" {s} ", f"{s}{s}", s[:-1], f"x {s}\n{s[1:]}")]
    snippets = [*(word for text in (*PROSE, *CODE) for word in text.split(" ")), *literals[:64]]
    snippets += [
        " ",
        "  ",
        "\n",
        "\n\n",
        "\t",
        "    ",
        "\0",
        "▁",
        "\u0301",
        "\u200d",
        "'",
        "''",
        "//",
        "0",
        "00",
        "，",
        "。",
    ]
    scripts = [range(0x20, 0x7F), range(0x80, 0x250), range(0x370, 0x530), range(0x590, 0x700), range(0x900, 0x980)]
    scripts += [range(0x2000, 0x2070), range(0x3040, 0x3100), range(0x4E00, 0x9FA6), range(0xAC00, 0xD7A4)]
    scripts += [range(0x300, 0x370), range(0x1F300, 0x1F700), range(0, 0x20), range(0xFF00, 0xFFF0)]
    random = np.random.default_rng(0)
    for _ in range(_RANDOM):
        if random.random() < 0.5:
            chosen = [snippets[i] for i in random.integers(0, len(snippets), random.integers(1, 40))]
        else:
            some = [scripts[i] for i in random.integers(0, len(scripts), random.integers(1, 4))]
            picks = random.integers(0, 1 << 30, (random.integers(1, 60), 2)).tolist()
            chosen = [chr((script := some[a % len(some)])[b % len(script)]) for a, b in picks]
        texts.append(("" if random.random() < 0.7 else " ").join(chosen))
    return texts


def first_difference(fast: Fast, library: Library, literals: Sequence[str], left_out: Sequence[str]) -> str | None:
    """The first probe whose ids differ, None if none does. `literals` are tried; texts with one of `left_out`, which go
    to the library anyway, are not."""
    texts = [text for text in probes([*literals, *left_out]) if not any(literal in text for literal in left_out)]
    (ids, offsets), unsure = fast.encode(text_buffers(pa.array(texts, pa.large_string())))
    expected = library.encode([text.encode() for text in texts])
    left = set(unsure.tolist())
    for n, (text, (begin, end), wanted) in enumerate(zip(texts, pairwise(offsets.tolist()), expected, strict=True)):
        if n not in left and not np.array_equal(ids[begin:end], wanted):
            return text
    return None
