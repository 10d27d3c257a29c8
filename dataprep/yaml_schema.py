"""JSON Schema (draft 2020-12) of a pipeline file: completion, help and checks in editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from dataprep import catalog
from dataprep.pipeline import Settings
from dataprep.reference import entry
from dataprep.stage import Source, Stage

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def yaml_schema() -> dict[str, Any]:
    """The schema as JSON-ready values. Stages named by `DATAPREP_STAGES` are in it too."""
    stages = {name: catalog.stage(name) for name in catalog.stage_names()}
    sources = {name: catalog.source(name) for name in catalog.source_names()}
    classes: list[type[Stage] | type[Source]] = [*stages.values(), *sources.values()]
    refs, joint = models_json_schema([(cls, "validation") for cls in classes], ref_template="#/$defs/{model}")
    defs = joint["$defs"]
    by_name = {name: refs[cls, "validation"]["$ref"].rpartition("/")[2] for name, cls in (stages | sources).items()}
    for name in stages:
        _with_label(defs[by_name[name]])
    for name in sources:
        defs[by_name[name]]["properties"]["paths"] = _paths(defs[by_name[name]]["properties"]["paths"])

    top = Settings.model_json_schema()
    alone = {
        "enum": [name for name, cls in stages.items() if cls.bare() is not None],
        "description": "A stage by name.",
    }
    one = {
        "type": "object",
        "description": "A stage with its settings.",
        "properties": {name: _stage(name, cls, f"#/$defs/{by_name[name]}") for name, cls in stages.items()},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    top["properties"]["stages"] |= {"items": {"anyOf": [alone, one]}}
    top["properties"]["source"] = {
        "description": top["properties"]["source"]["description"],
        "type": "object",
        "properties": {name: _source(name, f"#/$defs/{by_name[name]}") for name in sources},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"$schema": DRAFT, **top, "title": "dataprep pipeline", "$defs": defs}


def _stage(name: str, cls: type[Stage], ref: str) -> dict[str, Any]:
    settings: dict[str, Any] = {"$ref": ref}
    if cls.bare() is not None:
        settings = {"anyOf": [settings, {"type": "null"}]}
    return {"description": entry(name).summary, **settings}


def _source(name: str, ref: str) -> dict[str, Any]:
    paths = _paths({})
    return {"description": entry(name).summary, "anyOf": [*paths["anyOf"], {"$ref": ref}]}


def _paths(field: dict[str, Any]) -> dict[str, Any]:
    """A path or a list of them."""
    kept = {key: value for key, value in field.items() if key in ("description", "title")}
    return {**kept, "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


def _with_label(shape: dict[str, Any]) -> None:
    """`as:` is read by the pipeline, not by the stage; where a key may be a language it must not count as one."""
    label = {"type": "string", "description": "Another name for this entry, needed where a stage is used twice."}
    shape["properties"] = {**shape.get("properties", {}), "as": label}
    patterns = shape.get("patternProperties", {})
    for pattern in list(patterns):
        patterns[pattern.replace("^", "^(?!as$)", 1)] = patterns.pop(pattern)
