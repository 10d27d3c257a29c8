"""Small language models, and a plain reader of ARPA files."""

from __future__ import annotations

import atexit
import tempfile
from functools import cache
from pathlib import Path

ARPA = """# dataprep unit=words
# dataprep normalize=none
\\data\\
ngram 1=8
ngram 2=4

\\1-grams:
-4\t<unk>\t0
0\t<s>\t-0.3
-1\t</s>\t0
-1\tthe\t-0.3
-1.2\tquick\t-0.2
-1.3\tbrown\t-0.1
-1.1\tfox\t-0.4
-2\ttree\t0

\\2-grams:
-0.5\t<s> the
-0.6\tthe quick
-0.4\tquick brown
-0.2\tfox </s>

\\end\\
"""


@cache
def example_language_model() -> Path:
    """A model of a few English words, made by hand."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    path = Path(folder.name, "lm.arpa")
    path.write_text(ARPA)
    return path
