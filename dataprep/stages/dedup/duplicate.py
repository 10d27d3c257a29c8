"""Drop the documents that a Build listed as duplicates."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import schema
from dataprep.documents import Documents
from dataprep.duplicates import DUPLICATES, listed
from dataprep.stage import Filter


class Duplicate(Filter):
    """Drop every document whose place is in a list of duplicates, a table sorted by place.

    Reads only the row groups that cover a batch's places: memory is bounded by a batch, not by the list.
    """

    of: str
    """Label of the stage whose list to read."""

    def defects(self) -> tuple[str, ...]:
        return ("duplicate",)

    def reads_artefact(self) -> str:
        return self.of

    def reasons(self, docs: Documents) -> pa.StringArray:
        places = docs[schema.PLACE].to_numpy()
        duplicates = listed(docs.artefacts[self.of] / DUPLICATES, places).column(schema.PLACE).to_numpy()
        found = pa.array(np.isin(places, duplicates, assume_unique=True))
        return pc.if_else(found, "duplicate", pa.scalar(None, pa.string()))
