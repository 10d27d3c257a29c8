"""Drop documents of a rare length."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep.documents import Documents
from dataprep.stage import Filter, Fraction


class CommonLength(Filter):
    """Judge by the share of the document's length."""

    of: str
    """Label of the Build of the shares."""
    min_share: Fraction
    """Smallest share kept."""

    def needs(self) -> tuple[str, ...]:
        return ("length",)

    def defects(self) -> tuple[str, ...]:
        return ("rare_length",)

    def reads_artefact(self) -> str:
        return self.of

    def reasons(self, docs: Documents) -> pa.StringArray:
        shares = pq.read_table(docs.artefacts[self.of] / "shares/all.parquet")
        at = np.searchsorted(shares.column("length").to_numpy(), docs["length"].to_numpy().astype(np.uint64))
        share = shares.column("share").to_numpy()[at]
        return pc.if_else(pa.array(share < self.min_share), "rare_length", pa.scalar(None, pa.string()))
