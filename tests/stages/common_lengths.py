"""Three passes: counts, shares from the counts, and a filter by the shares."""

from __future__ import annotations

from dataprep.stage import Composite, Fraction, Part


class CommonLengths(Composite):
    """Drop documents of a rare length; the second Build reads the first."""

    min_share: Fraction = 0.02
    """Smallest share kept."""
    judge: bool = True
    """Also read what the second Build makes."""

    def expand(self, label: str) -> list[Part]:
        builds = [Part("length_counts", {}), Part("length_shares", {"of": label}, "shares")]
        judged = Part("common_length", {"of": f"{label}.shares", "min_share": self.min_share})
        return [*builds, judged] if self.judge else builds
