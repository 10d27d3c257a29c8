"""The retention table: documents and bytes per stage and reason, as a run prints it at its end."""

from __future__ import annotations

from typing import Any


def retention(manifest: dict[str, Any]) -> str:
    """Plain-text table of a manifest's ledger."""
    rows = [("stage", "reason", "documents", "of all", "MB")]
    first = manifest["stages"][0]
    total = max(1, first["documents_out"])
    rows.append((first["name"], "records", f"{first['documents_in']:,}", "", f"{first['bytes_in'] / 1e6:,.2f}"))
    for reason, n in _by_count(first["dropped"]):
        rows.append(("", f"- {reason}", f"{n:,}", "", ""))
    rows.append(("", "documents", f"{first['documents_out']:,}", "100.0%", f"{first['bytes_out'] / 1e6:,.2f}"))
    for stage in manifest["stages"][1:]:
        kept = (
            f"{stage['documents_out']:,}",
            f"{stage['documents_out'] / total:.1%}",
            f"{stage['bytes_out'] / 1e6:,.2f}",
        )
        for reason, n in _by_count(stage["dropped"]):
            rows.append((stage["name"], f"- {reason}", f"{n:,}", f"{n / total:.1%}", ""))
        rows.append((stage["name"], "kept", *kept))
    shown, before = [], ""
    for stage_name, *rest in rows:
        shown.append(("" if stage_name == before else stage_name, *rest))
        before = stage_name or before
    widths = [max(len(row[i]) for row in shown) for i in range(5)]
    aligned = [
        [cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))]
        for row in shown
    ]
    lines = ["  ".join(row) for row in aligned]
    lines.insert(1, "-" * len(lines[0]))
    languages = ", ".join(f"{k} {v['documents']:,}" for k, v in _by_documents(manifest["languages"]))
    shards = len(manifest["shards"])
    made = f"{manifest['documents']:,} documents in {shards} shard{'s' if shards != 1 else ''}"
    lines.append(f"\n{made}; languages: {languages or 'none'}")
    return "\n".join(line.rstrip() for line in lines)


def _by_count(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _by_documents(counts: dict[str, dict[str, int]]) -> list[tuple[str, dict[str, int]]]:
    return sorted(counts.items(), key=lambda item: (-item[1]["documents"], item[0]))[:12]
