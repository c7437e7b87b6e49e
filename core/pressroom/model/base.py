"""What every model shares: camelCase on the wire, frozen in memory, rules in Python and CEL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    JsonValue,
    PlainSerializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

_T = TypeVar("_T")


@dataclass(frozen=True)
class Rule:
    """A rule that a schema cannot say: the same sentence in CEL and in Python.

    ``holds`` gets the model. A rule with ``transition`` compares with the object as it was: its CEL
    may name ``oldSelf`` and ``holds`` gets both (new, old).
    """

    cel: str
    message: str
    holds: Callable[..., bool]
    transition: bool = False


class Model(BaseModel):
    """A frozen value with camelCase names on the wire; unknown fields are refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_enum_values=False,
        hide_input_in_errors=True,  # it may be a password, and errors are logged
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        for rule in self.rules:
            if not rule.transition and not rule.holds(self):
                raise ValueError(rule.message)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.rules:
            schema["x-kubernetes-validations"] = [
                {"rule": rule.cel, "message": rule.message} for rule in cls.rules
            ]
        return schema

    def wire(self) -> dict[str, Any]:
        """JSON-ready, camelCase, without fields that are unset or None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def evolve(self, **changes: Any) -> Self:
        """A copy with some fields (by their Python names) replaced."""
        return self.model_copy(update=changes)


class Record(Model):
    """A value read back from a store or the API: fields of a newer version are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True
    )


#: A list whose order means nothing and whose entries differ.
SET: dict[str, JsonValue] = {"x-kubernetes-list-type": "set"}


def distinct(value: list[_T] | None) -> list[_T] | None:
    """The list, if its entries differ. ValueError otherwise."""
    if value is not None and len(set(value)) != len(value):
        raise ValueError("entries must differ")
    return value


def rfc3339(moment: datetime) -> str:
    """UTC in whole seconds with ``Z``, as the Kubernetes API writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


#: A time on the wire: RFC 3339, UTC, whole seconds.
Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)
