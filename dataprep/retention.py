"""A manifest's accounts as plain-text tables: retention as a run prints it at its end, and what stages found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple
from unicodedata import east_asian_width

SHOWN = 10
"""Rows of a list that a table shows; `--json` has all that the manifest has."""
SHARES = 4
"""Languages or sources named in one line."""


def accounts(manifest: dict[str, Any]) -> str:
    """What a run prints at its end."""
    if manifest["kind"] == "tokens":
        return tokens(manifest)
    return "\n\n".join([retention(manifest), *findings(manifest)])


def warnings(manifest: dict[str, Any]) -> list[str]:
    """What a run gave and its user may not have wanted, one line each."""
    found = []
    for stage in manifest["stages"]:
        for made in (made for made in stage.get("builds", ()) if made["stage"] == "tokenize"):
            facts, name = made["facts"], made["name"]
            ratio = _validation_ratio(manifest, stage["name"])
            if ratio and facts["documents"] and not any(row["split"] == "validation" for row in facts["sources"]):
                enough = min(0.5, max(10 * ratio, round(20 / facts["documents"], 3)))
                found.append(
                    f"{name}: none of {_plural(facts['documents'], 'document')} fell to the validation split, at "
                    f"validation_ratio {ratio:g}: no loss can be measured on text that is not trained on; type the "
                    f"command with --set {name}.validation_ratio={enough:g}, or 0 if that is what you want"
                )
    return found


def _validation_ratio(manifest: dict[str, Any], entry: str) -> float:
    """As the pipeline has it, in the stage of this name."""
    for stage in manifest["pipeline"]["stages"]:
        for name, settings in stage.items():
            if settings.get("as", name) == entry:
                return float(settings["validation_ratio"])
    return 0.0


def tokens(manifest: dict[str, Any]) -> str:
    """Plain-text table of a token corpus: each source and split."""
    rows = [("source", "split", "documents", "tokens", "MB", "bytes per token")]
    for source, splits in [*manifest["sources"].items(), ("all", manifest["splits"])]:
        for split, n in splits.items():
            name = "" if rows[-1][0] == source or split != next(iter(splits)) else source
            each = f"{n['bytes'] / n['tokens']:.2f}" if n["tokens"] else ""
            rows.append((name, split, f"{n['documents']:,}", f"{n['tokens']:,}", f"{n['bytes'] / 1e6:,.2f}", each))
    lines = aligned(rows, right=(2, 3, 4, 5)).splitlines()
    lines.insert(1, "-" * len(lines[0]))
    made, size = manifest["shards"], sum(shard["bytes"] for shard in manifest["shards"])
    tokenizer, policy = manifest["tokenizer"], manifest["policy"]
    ends = [name for name, on in (("BOS first", policy["prepend_bos"]), ("EOS last", policy["append_eos"])) if on]
    lines.append(
        f"\n{_plural(manifest['documents'], 'document')}, {_plural(manifest['tokens'], 'token')} in "
        f"{_plural(len(made), 'shard')}, {size / 1e6:,.2f} MB of {manifest['dtype']}"
    )
    lines.append(
        f"{tokenizer['file'].rpartition('/')[2]} ({tokenizer['kind']}), {tokenizer['vocab_size']:,} ids, "
        f"sha256 {tokenizer['sha256'][:12]}; {', '.join(ends) or 'neither BOS nor EOS'}"
    )
    if manifest["empty"]:
        lines.append(f"{_plural(manifest['empty'], 'document')} without a token left out")
    return "\n".join(lines)


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
    shown: list[tuple[str, ...]] = []
    before = ""
    for stage_name, *rest in rows:
        shown.append(("" if stage_name == before else stage_name, *rest))
        before = stage_name or before
    lines = ruled(shown, right=(2, 3, 4)).splitlines()
    languages = ", ".join(f"{k} {v['documents']:,}" for k, v in _by_documents(manifest["languages"]))
    shards = len(manifest["shards"])
    made = f"{manifest['documents']:,} documents in {shards} shard{'s' if shards != 1 else ''}"
    lines.append(f"\n{made}; languages: {languages or 'none'}")
    return "\n".join(lines)


def _by_count(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _by_documents(counts: dict[str, dict[str, int]]) -> list[tuple[str, dict[str, int]]]:
    return sorted(counts.items(), key=lambda item: (-item[1]["documents"], item[0]))[:12]


# ---------------------------------------------------------------- bias

FOUR_FIFTHS = Fraction(4, 5)
"""Least ratio of a group's keep rate to that of all others: the rule by which US employment law (29 CFR 1607.4 D)
suspects a selection of adverse impact."""
ENOUGH = 50
"""Fewest documents, of the group and of the others, that are judged by it: below, a rate is chance."""
GROUPS = 8
"""Languages or sources that a table has a column for."""
_ASKED = "unwanted_language"
"""Not counted: what was dropped for its language was meant to be."""


class Suspicion(NamedTuple):
    """A stage that keeps one language or source at less than `FOUR_FIFTHS` of the rate of all others."""

    stage: str
    group: str
    documents: int
    """That came in."""
    keep_rate: float
    others: float
    """Keep rate of all others."""


def suspicions(manifest: dict[str, Any], by: str) -> list[Suspicion]:
    """In order of the pipeline, the largest groups first. `by` is `language` or `source`."""
    found = []
    for stage in manifest["stages"][1:]:
        groups = _groups(stage, by)
        came, left = (sum(n) for n in zip(*groups.values(), strict=True)) if groups else (0, 0)
        for name, (n, kept) in groups.items():
            if n >= ENOUGH and came - n >= ENOUGH:
                others = (left - kept) / (came - n)
                if kept * (came - n) < FOUR_FIFTHS * n * (left - kept):
                    found.append(Suspicion(stage["name"], name, n, kept / n, others))
    return found


def _groups(stage: dict[str, Any], by: str) -> dict[str, tuple[int, int]]:
    """(documents in, documents out) of each language or source, the largest first."""
    dropped = stage.get(f"dropped_by_{by}", {})
    meant = {name: reasons.get(_ASKED, 0) for name, reasons in dropped.items()}
    counts = {name: (n["in"] - meant.get(name, 0), n["out"]) for name, n in stage.get(f"by_{by}", {}).items()}
    return {name: n for name, n in sorted(counts.items(), key=lambda item: (-item[1][0], item[0])) if n[0]}


def keep_rates(manifest: dict[str, Any], by: str) -> str:
    """Plain-text table: what share of each language or source every stage kept, and which stages look biased."""
    stages = [(stage["name"], _groups(stage, by)) for stage in manifest["stages"][1:]]
    sizes: Counter[str] = Counter()
    for _, groups in stages:
        for name, (n, _) in groups.items():
            sizes[name] = max(sizes[name], n)
    shown = [name for name, _ in _by_count(sizes)[:GROUPS]]
    suspected = {(s.stage, s.group) for s in suspicions(manifest, by)}
    rows: list[tuple[str, ...]] = [("stage", "all", *(printable(name) for name in shown))]
    for stage, groups in stages:
        cells = [_rate(*(sum(n) for n in zip(*groups.values(), strict=True))) if groups else ""]
        for name in shown:
            cells.append(_rate(*groups[name]) if name in groups else "")
            cells[-1] += "!" if (stage, name) in suspected else " "
        rows.append((stage, *cells))
    rows.append(("documents in", "", *(f"{sizes[name]:,} " for name in shown)))
    blocks = [f"share of documents kept, by {by}\n\n" + ruled(rows, right=tuple(range(1, len(rows[0]))))]
    if len(sizes) > len(shown):
        blocks.append(f"and {len(sizes) - len(shown)} more; --json shows all")
    blocks += [
        f"! {s.stage} keeps {s.keep_rate:.1%} of {_plural(s.documents, 'document')} of {by} {printable(s.group)}, and "
        f"{s.others:.1%} of all others"
        for s in suspicions(manifest, by)
    ]
    blocks.append(
        f"! marks less than {float(FOUR_FIFTHS):g} of the rate of all others, both of at least {ENOUGH} documents; "
        f"documents dropped as `{_ASKED}` are not counted"
    )
    return "\n".join(blocks)


def _rate(came: int, left: int) -> str:
    return f"{left / came:.1%}" if came else ""


# ---------------------------------------------------------------- what stages found


def findings(manifest: dict[str, Any]) -> list[str]:
    """A block of text for each stage that counted something in documents, found duplicates or built something else."""
    blocks = []
    for stage in manifest["stages"]:
        if stage.get("tallies"):
            blocks.append(_tallies(stage))
        # Facts of all Builds of a stage: together they tell about one artefact.
        facts = {what: fact for build in stage.get("builds", []) for what, fact in build["facts"].items()}
        if "duplicates" in facts:
            blocks.append(_duplicates(stage, facts))
        elif facts:
            blocks.append("\n".join([stage["name"], *_others(facts)]))
    return blocks


def _tallies(stage: dict[str, Any]) -> str:
    """What was found, in how many documents, in which languages and sources."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for row in stage["tallies"]:
        by_name.setdefault(row["name"], []).append(row)
    rows = [(stage["name"], "found", "documents", "by language", "by source")]
    for name, held in sorted(by_name.items(), key=lambda item: (-_sum(item[1], "count"), item[0])):
        found, documents = (f"{_sum(held, what):,}" for what in ("count", "documents"))
        rows.append((name, found, documents, _shares(held, "language"), _shares(held, "source")))
    return aligned(rows, right=(1, 2))


def _sum(rows: list[dict[str, Any]], what: str) -> int:
    return sum(row[what] for row in rows)


def _shares(rows: list[dict[str, Any]], by: str) -> str:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row[by]] += row["count"]
    named = [f"{key} {n:,}" for key, n in _by_count(counts)[:SHARES]]
    return ", ".join([*named, f"{len(counts) - SHARES} more"] if len(counts) > SHARES else named)


_TOLD = ("duplicates", "clusters", "largest_cluster", "members", "removed_bytes", "source_pairs", "sampled_pairs",
         "sampled_jaccard")  # fmt: skip
"""Facts that `_duplicates` puts into words."""


def _duplicates(stage: dict[str, Any], facts: dict[str, Any]) -> str:
    """Clusters, what removing duplicates removed, how good a sample of them is, and who copied from whom."""
    line = f"{stage['name']}: {_plural(facts['duplicates'], 'duplicate')}"
    if "clusters" in facts:
        line += f" in {_plural(facts['clusters'], 'cluster')}"
    if facts.get("largest_cluster"):
        line += f", the largest of {facts['largest_cluster']:,} documents"
    lines = [line]
    if facts.get("removed_bytes"):
        share = facts["removed_bytes"] / max(1, stage["bytes_in"])
        lines.append(f"  removed {facts['removed_bytes'] / 1e6:,.2f} MB, {share:.1%} of the bytes that came in")
    if facts.get("sampled_jaccard"):
        levels = ", ".join(f"{level}: {share:.1%}" for level, share in facts["sampled_jaccard"].items())
        n = _plural(facts["sampled_pairs"], "duplicate")
        lines.append(f"  exact similarity of {n} to the kept copy at least {levels}")
    lines += _others({what: fact for what, fact in facts.items() if what not in _TOLD})
    pairs = facts.get("source_pairs", [])
    if len(pairs) > 1 or any(p["kept"] != p["dropped"] for p in pairs):
        rows = [("kept from", "dropped from", "documents", "MB")]
        rows += [(p["kept"], p["dropped"], f"{p['documents']:,}", f"{p['bytes'] / 1e6:,.2f}") for p in pairs[:SHOWN]]
        lines.append(aligned(rows, right=(2, 3), indent=2))
        if len(pairs) > SHOWN:
            lines.append(f"  and {len(pairs) - SHOWN} more pairs of sources")
    return "\n".join(lines)


def _others(facts: dict[str, Any]) -> list[str]:
    """Facts of any Build, one line each; a list of rows is a table."""
    lines = []
    for what, fact in facts.items():
        if isinstance(fact, list):
            lines.append(f"  {what}: {len(fact):,}")
            rows = [row for row in fact[:SHOWN] if isinstance(row, dict)]
            if rows:
                table = [tuple(rows[0]), *(tuple(_text(row.get(name)) for name in rows[0]) for row in rows)]
                lines.append(aligned(table, right=(), indent=4))
        elif isinstance(fact, dict):
            lines.append(f"  {what}: {', '.join(f'{key} {_text(value)}' for key, value in fact.items())}")
        else:
            lines.append(f"  {what}: {_text(fact)}")
    return lines


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _plural(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' if n != 1 else ''}"


def aligned(rows: Sequence[tuple[str, ...]], right: tuple[int, ...], indent: int = 0) -> str:
    """Rows of equal length as lines; columns `right` end below one another, all others begin so."""
    widths = [max(_width(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        room = [" " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = [room[i] + cell if i in right else cell + room[i] for i, cell in enumerate(row)]
        lines.append((" " * indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def ruled(rows: Sequence[tuple[str, ...]], right: tuple[int, ...]) -> str:
    """The same with a line below the first row."""
    head, *rest = aligned(rows, right).splitlines()
    return "\n".join([head, "-" * len(head), *rest])


def _width(cell: str) -> int:
    """Columns of a terminal: Han and the like take two."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in cell)


def printable(text: str, also: str = "") -> str:
    """Text from the web may hold control characters, which a terminal would obey; those in `also` may."""
    return "".join(c if c.isprintable() or c in also else "\N{REPLACEMENT CHARACTER}" for c in text)


def trained(made: dict[str, Any], root: str) -> str:
    """A model's manifest, of a training run or imported: size, what it was made from, what it was trained on."""
    lines = [f"{made['pipeline']['name']}: {made['kind']} of {made['parameters']:,} parameters in {root}"]
    lines += [f"fingerprint {made['fingerprint']}", ""]
    if "architecture" in made:
        return "\n".join([*lines, f"from {made['architecture']}, {len(made['inputs'])} files"])
    accounts = made.get("accounts")
    done = accounts and f"{accounts['steps']:,} steps, {accounts['tokens']:,} tokens trained on"
    if "began_from" in made:
        began = made["began_from"]
        steps = f" after {began['steps']:,} steps" if began.get("steps") is not None else ""
        lines.append(f"began with the weights of {began['name']}{steps}, fingerprint {began['fingerprint']}")
    lines += [f"mix  {made['settings']['mix']}", done or "has not come to an end yet; its log tells how far it is", ""]
    rows: list[tuple[str, ...]] = [("source", "tokens", "epochs", "samples skipped", "corpus", "sha256")]
    for name, corpus in made["data"].items():
        seen = accounts["sources"].get(name) if accounts else None
        counts = (f"{seen['tokens']:,}", f"{seen['epochs']:.2f}", f"{seen['skipped_samples']:,}") if seen else ("",) * 3
        rows.append((name, *counts, corpus["path"], corpus["sha256"][:16]))
    rows.append(("tokenizer", "", "", "", made["tokenizer"]["file"], made["tokenizer"]["sha256"][:16]))
    lines.append(aligned(rows, right=(1, 2, 3)))
    lines += [
        f"from step {change['step']:,} on {change['setting']}: {change['from']} -> {change['to']}"
        for change in made["changes"]
    ]
    return "\n".join(lines)
