"""Remove the copyright and licence comment at the beginning of source files."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Example, Map


class StripLicenceHeader(Map):
    """Remove the copyright and licence comment at the beginning of source files, as LLaMA removed headers (Touvron et
    al. 2023, arXiv:2302.13971, section 2.1: "boilerplate, such as headers"; its expressions are not published).

    The first comment goes, and those behind it, while each says one of `copyright`, `license`, `licence`, `all rights
    reserved`, `SPDX-`, `permission is hereby granted`, `redistribution and use`, `without warranty`, in either case;
    with it the empty lines behind it. Comments are `#`, `//`, `--`, `;` or `%` lines, `/* */` and `<!-- -->`: of
    Python, JavaScript, Go, C, SQL, Lisp, TeX, HTML and their like. `#!`, Python's encoding line and Go's build
    constraints stay, and so does a comment that says something else. Text in a licence's comment that is about the
    code goes with it. Licences in Chinese are not recognised unless they say one of the words.

    Removing twice changes nothing more. Several GB/s.
    """

    prefix: str = "strip_licence_header"
    """The column is called `<prefix>.header_chars`: characters removed."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "h"},
            {
                "text": [
                    "#!/usr/bin/env python\n# Copyright 2020 A. Author\n# Licensed under MIT\n\n# About\nimport os\n",
                    "/*! lib v1 | (c) 2020 | MIT License */\nvar a = 1;\n",
                    "// Copyright 2009 The Go Authors.\n\n// Package x does y.\npackage x\n",
                    "# 版权所有 Copyright 2024\nprint(1)\n",
                    "#include <a.h>\n",
                    "x = 1  # copyright\n",
                ]
            },
            {
                "text": [
                    "#!/usr/bin/env python\n# About\nimport os\n",
                    "var a = 1;\n",
                    "// Package x does y.\npackage x\n",
                    "print(1)\n",
                    "#include <a.h>\n",
                    "x = 1  # copyright\n",
                ],
                "h.header_chars": [49, 39, 35, 22, 0, 0],
            },
        ),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        return {schema.TEXT: pa.large_string(), f"{self.prefix}.header_chars": pa.int32()}

    def tallies(self) -> tuple[str, ...]:
        return (f"{self.prefix}.header_chars",)

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.licence_headers import licence_headers
        from dataprep.text.splice import splice
        from dataprep.text.utf8 import char_counts

        start, end = licence_headers(docs.text)
        found = end > start
        column = docs[schema.TEXT]
        removed = np.zeros(len(docs), np.int32)
        if found.any():
            whole = char_counts(docs.text)
            column = splice(docs.text, start[found], end[found], [b""] * int(found.sum()))
            removed = (whole - char_counts(docs.with_columns({schema.TEXT: column}).text)).astype(np.int32)
        return {schema.TEXT: column, f"{self.prefix}.header_chars": pa.array(removed)}
