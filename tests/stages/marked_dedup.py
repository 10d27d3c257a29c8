"""A Map before a barrier and a filter behind it, under one name."""

from __future__ import annotations

from dataprep.stage import Composite, Part


class MarkedDedup(Composite):
    """Count marks, then drop duplicates."""

    def expand(self, label: str) -> list[Part]:
        return [
            Part("marks", {"prefix": label}),
            Part("exact_duplicates", {}),
            Part("duplicate", {"of": label}),
        ]
