"""Score once, decide later: a Composite of one scoring Map and of thresholds on its scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from pydantic import ConfigDict, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError, to_jsonable_python

from dataprep.stage import LANGUAGE_CODE, Composite, Part


class Limit(NamedTuple):
    """One threshold of a scoring Composite: which field bounds which score, and the defect it names.

    A field called `min_*` is a lower bound of what is kept, `max_*` an upper bound; both are inclusive unless
    `exclusive`.
    """

    field: str
    score: str
    reason: str
    exclusive: bool = False


class Profile(NamedTuple):
    """The rules of another system under the same name: what its code decides, on the scores that it computes."""

    scores: str
    """Name of the scoring Map, which gives `<label>.<score>` for each score of `limits`."""
    limits: tuple[Limit, ...]
    """Its thresholds, in the order in which it tries them. Those of the stage that are not here do not exist in it."""
    bounds: Mapping[str, float | None] = {}
    """Where its defaults differ from those of the fields."""
    settings: tuple[str, ...] = ()
    """Fields that are settings of the Map, besides its `prefix`."""


class Scored(Composite):
    """A Composite of one scoring Map and of thresholds on its scores: score once, decide later.

    Fields that a `Limit` names are thresholds (`None` turns one off), all others are settings of the Map. A key of two
    or three lower-case letters holds thresholds for documents whose `language` column has that value:

        gopher_quality: {min_words: 50, zh: {min_words: 20, max_hash_ratio: null}}

    For each threshold the YAML's own `zh:` wins over `language_defaults["zh"]`, which wins over the plain field.

    A subclass whose field `profile` names one of `profiles` decides as that system does: in every language by the same
    bounds unless the YAML has some for a language.
    """

    # Language codes only: `_check_languages` rejects every other key.
    model_config = ConfigDict(extra="allow")

    scores: ClassVar[str]
    """Name of the scoring Map. Its `prefix` setting is the label; it gives the columns `<label>.<score>`."""
    limits: ClassVar[tuple[Limit, ...]]
    """The thresholds in the order in which they are tried: the first one missed names the reason."""
    language_defaults: ClassVar[Mapping[str, Mapping[str, float | None]]] = {}
    """Thresholds that differ from the plain fields, by language."""
    profiles: ClassVar[Mapping[str, Profile]] = {}
    """Other systems' rules, by value of the field `profile`."""

    @model_validator(mode="before")
    @classmethod
    def _fill_profile(cls, given: Any) -> Any:
        """Bounds that are not given become the profile's, so that settings written down say what was decided."""
        if not isinstance(given, Mapping):
            return given
        profile = cls.profiles.get(str(given.get("profile")))
        wrong = _not_of(given.get("profile", getattr(cls.model_fields.get("profile"), "default", None)))
        absent = set(cls._thresholds()) - {limit.field for limit in (cls if profile is None else profile).limits}
        rules = [((), given), *(((key,), value) for key, value in given.items() if isinstance(value, Mapping))]
        errors: list[InitErrorDetails] = [
            {"type": wrong, "loc": (*at, name), "input": values[name]}
            for at, values in rules
            for name in sorted(absent & values.keys())
            if values[name] is not None
        ]
        if profile is not None:
            other = cls.model_fields.keys() - {"profile", *cls._thresholds(), *profile.settings}
            errors += [
                {"type": wrong, "loc": (name,), "input": given[name]}
                for name in sorted(other & given.keys())
                if to_jsonable_python(given[name]) != to_jsonable_python(cls.model_fields[name].default)
            ]
        if errors:
            raise ValidationError.from_exception_data(cls.stage_name(), errors)
        return given if profile is None else {**dict.fromkeys(absent), **profile.bounds, **given}

    @model_validator(mode="before")
    @classmethod
    def _check_languages(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        thresholds = cls._thresholds()
        needed = {name: given[name] for name, f in cls.model_fields.items() if f.is_required() and name in given}
        if given.get("profile") in cls.profiles:
            needed["profile"] = given["profile"]
        errors: list[InitErrorDetails] = []
        checked = dict(given)
        for key, values in given.items():
            if key in cls.model_fields:
                continue
            if not LANGUAGE_CODE.fullmatch(str(key)):
                errors.append({"type": "extra_forbidden", "loc": (key,), "input": values})
                continue
            if not isinstance(values, Mapping):
                errors.append({"type": "dict_type", "loc": (key,), "input": values})
                continue
            for name in values.keys() - thresholds:
                wrong = _SAME_FOR_ALL if name in cls.model_fields else "extra_forbidden"
                errors.append({"type": wrong, "loc": (key, name), "input": values[name]})
            try:
                valid = cls.model_validate({**needed, **{name: values[name] for name in values.keys() & thresholds}})
            except ValidationError as error:
                errors += [_inside(key, e) for e in error.errors() if e["type"] != "missing"]
            else:
                checked[key] = {name: getattr(valid, name) for name in values if name in thresholds}
        if errors:
            raise ValidationError.from_exception_data(cls.stage_name(), errors)
        return checked

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        thresholds = {name: schema["properties"][name] for name in cls._thresholds()}
        own = {"type": "object", "properties": thresholds, "additionalProperties": False}
        schema.update(patternProperties={f"^{LANGUAGE_CODE.pattern}$": own}, additionalProperties=False)
        return schema

    @classmethod
    def _thresholds(cls) -> list[str]:
        """Fields that are thresholds, of any profile."""
        limits = (cls.limits, *(profile.limits for profile in cls.profiles.values()))
        return list(dict.fromkeys(limit.field for some in limits for limit in some))

    def _profile(self) -> Profile | None:
        return self.profiles.get(getattr(self, "profile", ""))

    def bounds(self) -> dict[str, dict[str, float | None]]:
        """Thresholds by language that stand in place of the plain ones: the YAML's own, else the stage's."""
        defaults = self.language_defaults if self._profile() is None else {}
        given: dict[str, dict[str, float | None]] = self.model_extra or {}
        return {code: {**defaults.get(code, {}), **given.get(code, {})} for code in sorted({*defaults, *given})}

    def expand(self, label: str) -> list[Part]:
        profile = self._profile()
        own = set(type(self).model_fields) - {"profile", *self._thresholds()}
        settings = self.model_dump(mode="json", include=own if profile is None else set(profile.settings))
        return [
            Part(self.scores if profile is None else profile.scores, {"prefix": label, **settings}),
            Part("thresholds", {"rules": self.rules(label)}),
        ]

    def rules(self, label: str) -> list[dict[str, Any]]:
        """The limits with this config's bounds, as settings of the `thresholds` stage; a rule that is off is absent."""
        profile = self._profile()
        bounds = self.bounds()
        found = []
        for field, score, reason, exclusive in self.limits if profile is None else profile.limits:
            plain = getattr(self, field)
            own = {code: values[field] for code, values in bounds.items() if values.get(field, plain) != plain}
            if plain is None and not own:
                continue
            rule = {"column": f"{label}.{score}", field[:3]: plain, "reason": reason}
            found.append(rule | ({"exclusive": True} if exclusive else {}) | ({"languages": own} if own else {}))
        return found


def _not_of(profile: object) -> PydanticCustomError:
    return PydanticCustomError(
        "not_of_profile", "is no rule or setting of `profile: {profile}`; leave it out", {"profile": str(profile)}
    )


_SAME_FOR_ALL = PydanticCustomError(
    "same_for_every_language", "shapes a score, which is the same for every language; only thresholds can differ"
)


def _inside(key: str, error: ErrorDetails) -> InitErrorDetails:
    """The same error, one level deeper."""
    if error["type"] == "not_of_profile":
        return {"type": _not_of(error["ctx"]["profile"]), "loc": (key, *error["loc"]), "input": error["input"]}
    details: InitErrorDetails = {"type": error["type"], "loc": (key, *error["loc"]), "input": error["input"]}
    return {**details, "ctx": error["ctx"]} if "ctx" in error else details
