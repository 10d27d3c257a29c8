"""Tokenizers: text to ids and back, whoever made the tokenizer; and training one.

    from dataprep.tokenizers import load
    tokenizer = load("out/tokenizer")
    ids, offsets = tokenizer.encode(docs.text)      # document i is ids[offsets[i]:offsets[i + 1]]

Three libraries are the reference: `sentencepiece` (.model), `tokenizers` (.json), `tiktoken` (.tiktoken). `gigatoken`
encodes the same ids many times faster; it is used where a check at load time finds it exact, see `exactness`.
"""

from dataprep.tokenizers.library import Encoded
from dataprep.tokenizers.loading import load
from dataprep.tokenizers.tokenizer import Tokenizer

__all__ = ["Encoded", "Tokenizer", "load"]
