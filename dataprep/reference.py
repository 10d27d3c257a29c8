"""The documentation of every stage and source, taken from its code: settings, reasons, columns, examples."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import yaml

from dataprep import catalog, schema
from dataprep.errors import UsageError, did_you_mean
from dataprep.scored import Scored
from dataprep.stage import Build, Composite, Example, Filter, Map, Source, Stage

SHOWN_CHARACTERS = 60
SHOWN_VALUES = 4


class Setting(NamedTuple):
    """One field of a stage."""

    name: str
    type: str
    default: str | None
    """As YAML; None if the setting must be given."""
    text: str
    reason: str | None
    """For a threshold: the defect it names."""
    languages: dict[str, str]
    """Defaults that differ, by language, as YAML."""


class Row(NamedTuple):
    """One document of an example."""

    settings: str
    given: str
    result: str


class Entry(NamedTuple):
    """One stage or source."""

    name: str
    kind: str
    """`map`, `filter`, `build`, `composite` or `source`."""
    group: str
    summary: str
    """First sentence of `text`."""
    text: str
    settings: list[Setting]
    reasons: list[str]
    columns: dict[str, str]
    """Columns it adds or replaces, with their types; `removed` for those it removes."""
    packages: list[str]
    models: list[str]
    parts: list[str]
    """The stages a composite stands for."""
    used_by: list[str]
    """Composites that it is a part of: most pipelines name these."""
    suffixes: list[str]
    examples: list[Row]


def entries() -> list[Entry]:
    """All stages by folder, then all sources."""
    found = [_stage(name) for name in catalog.stage_names()]
    found.sort(key=lambda e: (e.group, e.name))
    return found + [_source(name) for name in catalog.source_names()]


def entry(name: str) -> Entry:
    """One stage or source. Raises UsageError with the nearest name if there is none."""
    if name in catalog.stage_names():
        return _stage(name)
    if name in catalog.source_names():
        return _source(name)
    raise UsageError(
        f"no stage or source '{name}'{did_you_mean(name, [*catalog.stage_names(), *catalog.source_names()])}"
    )


# ---------------------------------------------------------------- from code


def _stage(name: str) -> Entry:
    cls = catalog.stage(name)
    made = _instance(name)
    parts = list(_flat(made, name))
    columns: dict[str, str] = {}
    reasons: list[str] = []
    for part in parts:
        if isinstance(part, Map):
            columns |= {column: "removed" if kind is None else str(kind) for column, kind in part.gives().items()}
        if isinstance(part, Filter):
            reasons += part.defects()
    kind = next(k.__name__.lower() for k in (Map, Filter, Build, Composite) if issubclass(cls, k))
    return _entry(
        cls,
        name,
        kind,
        catalog.stage_group(name),
        reasons=list(dict.fromkeys(reasons)),
        columns=columns,
        packages=sorted({package for part in (made, *parts) for package in part.packages}),
        models=sorted({model for part in (made, *parts) for model in part.models()}),
        parts=[part.stage_name() for part in parts] if isinstance(made, Composite) else [],
        used_by=_users()[name].names if name in _users() else [],
        examples=[row for example in cls.examples for row in _rows(example)],
    )


def _source(name: str) -> Entry:
    cls = catalog.source(name)
    return _entry(cls, name, "source", "sources", packages=list(cls.packages), suffixes=list(cls.suffixes))


def _entry(cls: type[Stage] | type[Source], name: str, kind: str, group: str, **more: Any) -> Entry:
    text = inspect.cleandoc(cls.__doc__ or "")
    empty: dict[str, Any] = {"reasons": [], "columns": {}, "models": [], "parts": [], "used_by": [], "suffixes": []}
    return Entry(name, kind, group, _summary(text), text, _settings(cls), **(empty | {"examples": []} | more))


def _summary(text: str) -> str:
    """The first sentence, without brackets and what follows a colon."""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    sentence = re.split(r"[.:](?: |$)", re.sub(r" \([^)]*\)", "", paragraph))[0]
    return sentence.rstrip(".")


def _instance(name: str) -> Stage:
    """With its defaults; where some must be given, or a Map gives nothing by them, with those of its first example or
    of a composite."""
    cls = catalog.stage(name)
    made = cls.bare()
    if made is not None and (not isinstance(made, Map) or made.gives() or not cls.examples):
        return made
    if not cls.examples and name not in _users():
        raise UsageError(f"stage {name}: has settings without a default; give it an `Example`, so that it can be shown")
    return cls.model_validate(cls.examples[0].config if cls.examples else _users()[name].config)


def _flat(stage: Stage, label: str) -> Iterator[Stage]:
    if not isinstance(stage, Composite):
        yield stage
        return
    for part in stage.expand(label):
        yield from _flat(catalog.stage(part.stage).model_validate(part.config), label)


class Users(NamedTuple):
    """The composites that expand to one stage, and what the first of them sets."""

    names: list[str]
    config: dict[str, Any]


def _users() -> dict[str, Users]:
    return _users_in(os.environ.get("DATAPREP_STAGES", ""))


@cache
def _users_in(_stages: str) -> dict[str, Users]:
    found: dict[str, Users] = {}
    for name in catalog.stage_names():
        if issubclass(catalog.stage(name), Composite):
            cls = catalog.stage(name)
            # Some settings bring in a part that the defaults leave out.
            for made in (_instance(name), *(cls.model_validate(example.config) for example in cls.examples)):
                assert isinstance(made, Composite)
                for part in made.expand(name):
                    names = found.setdefault(part.stage, Users([], part.config)).names
                    if name not in names:
                        names.append(name)
    return found


def _settings(cls: type[Stage] | type[Source]) -> list[Setting]:
    shape = cls.model_json_schema()
    defaults = cls.language_defaults if issubclass(cls, Scored) else {}
    reasons = {limit.field: limit.reason for limit in cls.limits} if issubclass(cls, Scored) else {}
    found = []
    for name, field in cls.model_fields.items():
        found.append(
            Setting(
                name,
                _type(shape["properties"][name], shape.get("$defs", {})),
                None if field.is_required() else _yaml(shape["properties"][name].get("default")),
                " ".join((field.description or "").split()),
                reasons.get(name),
                {code: _yaml(values[name]) for code, values in defaults.items() if name in values},
            )
        )
    return found


def _yaml(value: Any) -> str:
    """On one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def _type(shape: dict[str, Any], defs: dict[str, Any]) -> str:
    """A JSON Schema in a few words."""
    if "$ref" in shape:
        inner = defs[shape["$ref"].rpartition("/")[2]]
        return f"mapping with {', '.join(inner['properties'])}"
    if "anyOf" in shape:
        return " or ".join(_type(option, defs) for option in shape["anyOf"])
    if "enum" in shape:
        return " or ".join(map(str, shape["enum"]))
    if "const" in shape:
        return str(shape["const"])
    kind = shape.get("type")
    if kind == "array":
        of = shape.get("items") or (shape.get("prefixItems") or [{}])[0]
        return f"list of {_type(of, defs)}"
    if kind == "object":
        of = shape.get("additionalProperties")
        return f"mapping to {_type(of, defs)}" if isinstance(of, dict) else "mapping"
    return {
        "boolean": "true or false",
        "integer": "integer",
        "number": "number",
        "string": "string",
        "null": "null",
    }.get(str(kind), "anything") + _range(shape)


def _range(shape: dict[str, Any]) -> str:
    if "minimum" in shape and "maximum" in shape:
        return f" from {shape['minimum']:g} to {shape['maximum']:g}"
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    return "".join(f" {sign} {shape[key]:g}" for key, sign in signs.items() if key in shape)


# ---------------------------------------------------------------- examples


def _rows(example: Example) -> Iterator[Row]:
    settings = _yaml(example.config) if example.config else ""
    columns = {name: values for name, values in example.given.items() if name != schema.PLACE}
    for i in range(len(next(iter(columns.values())))):
        given = "; ".join(
            _shown(values[i]) if name in (schema.TEXT, schema.HTML) else f"{name} {_shown(values[i])}"
            for name, values in columns.items()
        )
        if isinstance(example.expect, dict):
            pairs = [f"{name} {_shown(values[i])}" for name, values in example.expect.items()]
            result = ", ".join(pairs[:SHOWN_VALUES]) + (", …" if len(pairs) > SHOWN_VALUES else "")
        else:
            result = "kept" if example.expect[i] is None else f"dropped: {example.expect[i]}"
        yield Row(settings, given, result)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        text = value.replace("\n", "⏎")
        text = f"{text[: SHOWN_CHARACTERS - 1]}…" if len(text) > SHOWN_CHARACTERS else text
        return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text) or "(empty)"
    return "null" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


# ---------------------------------------------------------------- as text


def listing(found: list[Entry]) -> str:
    """One line a stage, by folder."""
    width = max(len(e.name) for e in found)
    lines: list[str] = []
    for group in dict.fromkeys(e.group for e in found):
        lines += ["", group]
        for e in (e for e in found if e.group == group):
            inner = f" (part of {', '.join(e.used_by)})" if e.used_by else ""
            lines.append(f"  {e.name:<{width}}  {e.summary}{inner}")
    return "\n".join(lines[1:])


def page(e: Entry) -> str:
    """Everything about one stage, for a terminal."""
    lines = [f"{e.name} ({e.kind}, {e.group})", "", e.text]
    for title, names in _facts(e):
        lines += ["", f"{title}: {names}"]
    lines += ["", "settings:" if e.settings else "settings: none"]
    for s in e.settings:
        default = "must be given" if s.default is None else f"default {s.default}"
        lines.append(f"  {s.name}: {s.type}; {default}" + (f"; reason {s.reason}" if s.reason else ""))
        lines += [f"      {s.text}"] if s.text else []
        lines += [f"      {languages}" for languages in [_languages(s)] if languages]
    if e.columns:
        width = max(map(len, e.columns))
        lines += ["", "columns:", *(f"  {name:<{width}}  {kind}" for name, kind in e.columns.items())]
    if e.examples:
        lines += ["", "examples:"]
        settings = ""
        for row in e.examples:
            if row.settings != settings:
                settings = row.settings
                lines.append(f"  with {settings}" if settings else "  with defaults")
            lines.append(f"    {row.given}  ->  {row.result}")
    return "\n".join(lines)


def _facts(e: Entry) -> Iterator[tuple[str, str]]:
    if e.parts:
        yield "stands for", " -> ".join(e.parts)
    if e.used_by:
        yield "part of", ", ".join(e.used_by)
    if e.suffixes:
        yield "takes from a folder", ", ".join(e.suffixes)
    if e.reasons:
        yield "reasons", ", ".join(e.reasons)
    if e.packages:
        yield "packages", ", ".join(e.packages)
    if e.models:
        yield "models", ", ".join(e.models)


def _languages(s: Setting) -> str:
    """`zh, yue 0.01; th null`."""
    by_value: dict[str, list[str]] = {}
    for code, value in s.languages.items():
        by_value.setdefault(value, []).append(code)
    return "; ".join(f"{', '.join(codes)}: {value}" for value, codes in by_value.items())


def markdown(found: list[Entry]) -> str:
    """The whole reference as one Markdown file; parts of composites are named, not described."""
    lines = [
        "# Stages and sources",
        "",
        "Written by `make docs` from the code; a test fails if it is stale. The same on a terminal: `dataprep stages`,",
        "`dataprep stages NAME`.",
    ]
    for group in dict.fromkeys(e.group for e in found):
        members = [e for e in found if e.group == group]
        lines += ["", f"## {group}"]
        for e in (e for e in members if not e.used_by):
            lines += ["", f"### {e.name}", "", *_section(e)]
        inner = [e for e in members if e.used_by]
        if inner:
            lines += ["", "Used by other stages, rarely named in a pipeline:", ""]
            lines += [f"- `{e.name}`: {e.summary} (in {', '.join(f'`{u}`' for u in e.used_by)})" for e in inner]
    return "\n".join(lines) + "\n"


def _section(e: Entry) -> list[str]:
    lines = [f"*{e.kind.capitalize()}.* {e.text}"]
    lines += ["", *(f"- {title}: {names}" for title, names in _facts(e))] if any(_facts(e)) else []
    if e.columns:
        lines.append(f"- columns: {', '.join(f'`{name}` ({kind})' for name, kind in e.columns.items())}")
    if e.settings:
        lines += ["", "| setting | type | default | meaning |", "|---|---|---|---|"]
        for s in e.settings:
            default = "must be given" if s.default is None else f"`{_shown(s.default)}`"
            own = _languages(s)
            default += f"; {own}" if own else ""
            text = f"{s.text} Reason: `{s.reason}`." if s.reason else s.text
            lines.append(f"| `{s.name}` | {_cell(s.type)} | {_cell(default)} | {_cell(text)} |")
    if e.examples:
        lines += ["", "| example settings | document | result |", "|---|---|---|"]
        lines += [
            f"| {_code(row.settings) if row.settings else 'defaults'} | {_code(row.given)} | {_cell(row.result)} |"
            for row in e.examples
        ]
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    """Markdown code, whatever the text holds."""
    return f"`` {_cell(text)} ``" if "`" in text else f"`{_cell(text)}`"
