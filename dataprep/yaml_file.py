"""YAML files: read strictly, checked against a typed model, every error one line that locates, states and suggests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from dataprep.errors import UsageError, did_you_mean

M = TypeVar("M", bound=BaseModel)


class Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key written twice: YAML would silently keep the last."""


def _mapping(loader: Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key must be a word", problem_mark=key_node.start_mark)
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.MarkedYAMLError(problem=f"'{key}' is given twice", problem_mark=key_node.start_mark)
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


# YAML 1.1 reads `no` as false; here it is Norwegian, in `keep: [no]` and as a key. Only true and false are booleans.
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read(path: str | Path, holds: str) -> dict[str, Any]:
    """The top-level mapping of a file; `holds` says what should be in it. Raises UsageError."""
    file = Path(path)
    where = file.name
    try:
        raw = yaml.load(file.read_text("utf-8"), Loader)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder; name the YAML file in it") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise UsageError(f"{where}:{line} {getattr(error, 'problem', None) or error}".replace("\n", " ")) from error
    if not isinstance(raw, dict):
        raise UsageError(f"{where}: must be a mapping with {holds}")
    return raw


def validated(cls: type[M], config: Mapping[str, Any], at: str) -> M:
    """`config` as a `cls`. Raises UsageError, which begins with `at`."""
    try:
        return cls.model_validate(config)
    except ValidationError as error:
        raise UsageError(f"{at}: {_explain(cls, error)}") from None


_PLAIN = {
    "dict_type": "must be a mapping, as in {key: value}",
    "list_type": "must be a list, as in [a, b]",
    "tuple_type": "must be a list, as in [a, b]",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
}
"""What the YAML should hold, for the kinds of error whose own words speak of Python."""
_BOUNDS = {
    "greater_than_equal": "must be {ge} or more",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be {le} or less",
    "less_than": "must be less than {lt}",
}
"""The same for numbers out of bounds."""
_CONSTANTS = {"None": "null", "True": "true", "False": "false"}
"""Python's, as YAML writes them."""


def _explain(cls: type[BaseModel], error: ValidationError) -> str:
    """The first problem, in one line, with the nearest known setting; a wrong name comes before what is missing."""
    problems = error.errors()
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    path = [str(part) for part in problem["loc"]]
    inside = "".join(f"{part}: " for part in path[:-1])
    key = path[-1] if path else ""
    if problem["type"] == "extra_forbidden":
        return f"{inside}unknown setting '{key}'{did_you_mean(key, cls.model_fields)}"
    if problem["type"] == "missing":
        return f"{inside}'{key}' is missing"
    limits = {name: f"{n:g}" if isinstance(n, float) else n for name, n in problem.get("ctx", {}).items()}
    bound = _BOUNDS.get(problem["type"], "").format(**limits)
    message = bound or _PLAIN.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
    given = _CONSTANTS.get(repr(problem["input"]), repr(problem["input"]))
    shown = f" (got {given})" if path and len(given) < 60 else ""
    return f"{inside}{key + ': ' if key else ''}{message[:1].lower() + message[1:]}{shown}"
