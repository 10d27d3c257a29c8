"""Parquet files: rows with a text column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep import schema
from dataprep.errors import InputError, did_you_mean
from dataprep.stage import Report, Source
from dataprep.store import File, open_input

ROWS = 4096
"""Rows read at once; the engine cuts batches of this size, so that most pass through uncopied."""


class Parquet(Source):
    """Rows of Parquet files; every column is kept with its own type.

    `text` (or `text_column`, renamed) becomes large_string; `id`, `url`, `date` and `source` become strings where they
    are numbers or times; `language` must hold strings. Without `id` the engine names the rows, without `source` they
    get the source's name. Files may lack columns that others have (nulls); a column whose type differs between files,
    one that is there twice, and a missing text column, are errors that name the file. Skipped: `no_text` (null).

    The offset is the row number in the file. Split by row groups.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)

    text_column: str = schema.TEXT
    """The column that holds the text."""

    def gives(self, inputs: Sequence[File]) -> pa.Schema:
        found: dict[str, tuple[pa.Field, str]] = {}
        for file in inputs:
            with open_input(file.path) as stream:
                columns = self._columns(_opened(stream, file).schema_arrow, file)
            for column in columns:
                earlier, where = found.setdefault(column.name, (column, file.path))
                if earlier.type != column.type:
                    raise InputError(
                        f"{file.path}: column '{column.name}' is {column.type}, but {earlier.type} in {where}; "
                        "cast one of them or read them as two sources"
                    )
        return _ordered({name: field for name, (field, _) in found.items()})

    def splits(self, file: File, target_bytes: int) -> list[tuple[int, int]]:
        with open_input(file.path) as stream:
            footer = _opened(stream, file).metadata
        cuts, size = [0], 0
        for group in range(footer.num_row_groups):
            if size >= target_bytes:
                cuts.append(group)
                size = 0
            # Compressed, like the file sizes that targets are compared with.
            row_group = footer.row_group(group)
            size += sum(row_group.column(i).total_compressed_size for i in range(row_group.num_columns))
        return list(zip(cuts, [*cuts[1:], footer.num_row_groups], strict=True))

    def read(self, file: File, start: int, end: int, report: Report) -> Iterator[pa.RecordBatch]:
        with open_input(file.path) as stream:
            reader = _opened(stream, file)
            columns = self._columns(reader.schema_arrow, file)
            row = sum(reader.metadata.row_group(group).num_rows for group in range(start))
            batches = reader.iter_batches(ROWS, row_groups=list(range(start, end)), use_threads=False)
            while True:
                try:
                    batch = next(batches, None)
                except (OSError, pa.ArrowException) as error:
                    # Parquet pages have no resynchronisation point: the rest of the range is lost.
                    report.damaged.append(f"{file.relative}: offset {row}: {_line(error)}; the rows before it are kept")
                    return
                if batch is None:
                    return
                report.records += batch.num_rows
                yield self._documents(batch, columns, row, report)
                row += batch.num_rows

    def _columns(self, columns: pa.Schema, file: File) -> pa.Schema:
        """The fields of one file under their names and types in a batch."""
        if self.text_column not in columns.names:
            raise InputError(
                f"{file.path}: no column '{self.text_column}'{did_you_mean(self.text_column, columns.names)}: "
                "set `text_column` of the source"
            )
        fields = []
        for column in columns:
            name = column.name
            if columns.names.count(name) > 1:
                raise InputError(f"{file.path}: has more than one column '{name}'; rename all but one")
            if name == schema.PLACE or (name == schema.TEXT and self.text_column != schema.TEXT):
                raise InputError(f"{file.path}: column '{name}' is in the way of ours; rename it")
            if name == self.text_column:
                if not _is_text(column.type):
                    raise InputError(f"{file.path}: column '{name}' must hold strings, not {column.type}")
                fields.append(schema.field(schema.TEXT))
            elif name in (schema.ID, schema.SOURCE, schema.URL, schema.DATE, schema.METADATA, schema.HTML):
                if not _castable(column.type):
                    raise InputError(f"{file.path}: column '{name}' must hold strings, not {column.type}; rename it")
                fields.append(schema.field(name))
            elif name == schema.LANGUAGE:  # stages compare it with codes
                if not (_is_text(column.type) or pa.types.is_null(column.type)):
                    raise InputError(f"{file.path}: column '{name}' must hold strings, not {column.type}; rename it")
                fields.append(schema.field(name))
            else:
                fields.append(pa.field(name, column.type))
        return pa.schema(fields)

    def _documents(self, batch: pa.RecordBatch, columns: pa.Schema, row: int, report: Report) -> pa.RecordBatch:
        """`columns` are the fields of the batch, in its order, as `_columns` names and types them."""
        n = batch.num_rows
        arrays = {field.name: batch.column(i).cast(field.type) for i, field in enumerate(columns)}
        if schema.DATE in arrays:
            arrays[schema.DATE] = pc.replace_substring(arrays[schema.DATE], " ", "T", max_replacements=1)
        arrays[schema.PLACE] = pa.array(np.arange(row, row + n, dtype=np.int64))
        arrays[schema.ID] = _filled(arrays.get(schema.ID), "", n)
        arrays[schema.SOURCE] = _filled(arrays.get(schema.SOURCE), self.name, n)
        ordered = _ordered({field.name: field for field in columns})
        out = pa.RecordBatch.from_arrays([arrays[name] for name in ordered.names], schema=ordered)
        if missing := arrays[schema.TEXT].null_count:
            report.skip("no_text", missing)
            out = out.filter(arrays[schema.TEXT].is_valid())
        return out


def _ordered(found: dict[str, pa.Field]) -> pa.Schema:
    """The columns every batch has, then the others in the order found."""
    fixed = (schema.ID, schema.TEXT, schema.SOURCE)
    first = [pa.field(schema.PLACE, pa.int64(), nullable=False), *(schema.field(name) for name in fixed)]
    return pa.schema([*first, *(field for name, field in found.items() if name not in fixed)])


def _filled(array: pa.Array | None, value: str, rows: int) -> pa.Array:
    if array is None:
        return pa.repeat(value, rows)
    return array.fill_null(value) if array.null_count else array


def _opened(stream: object, file: File) -> pq.ParquetFile:
    try:
        # A local file is read by Arrow itself, without a detour through Python. `pre_buffer` would hold a row group.
        return pq.ParquetFile(stream if "://" in file.path else file.path, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{file.path}: not a readable Parquet file: {_line(error)}") from error


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _castable(kind: pa.DataType) -> bool:
    return bool(
        _is_text(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_temporal(kind)
        or pa.types.is_null(kind)
        or pa.types.is_floating(kind)
    )


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
