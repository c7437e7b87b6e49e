"""Parsed JSON into the models of a request, or a refusal that says what is wrong where. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from pressroom.dialects.patterns import in_words
from pressroom.errors import Code, UserError
from pressroom.model.base import Model

M = TypeVar("M", bound=Model)
_MALFORMED = frozenset({"missing", "extra_forbidden", "int_from_float", "json_invalid"})


def json_object(value: Any, what: str = "request") -> dict[str, Any]:
    """``value`` as an object, or 400."""
    if not isinstance(value, dict):
        raise UserError(Code.INVALID_REQUEST, f"The {what} must be a JSON object.")
    return value


def validated(model: type[M], raw: Mapping[str, Any], prefix: str = "") -> M:
    """``raw`` by the strict rules of JSON: no text taken for a number, no snake_case names."""
    try:
        return model.model_validate_json(
            orjson.dumps(raw), strict=True, by_alias=True, by_name=False
        )
    except orjson.JSONEncodeError:
        text = f"The {prefix or 'request'} is nested too deeply."
        raise UserError(Code.INVALID_REQUEST, text, path=prefix or None) from None
    except ValidationError as error:
        raise _complaint(error, prefix) from None


def _complaint(error: ValidationError, prefix: str) -> UserError:
    first = error.errors(include_url=False, include_input=False)[0]
    kind = first["type"]
    path = prefix + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for part in first["loc"]
        if part != "[key]"
    )
    path = path.removeprefix(".")
    malformed = kind.endswith("_type") or kind in _MALFORMED
    return UserError(
        Code.INVALID_REQUEST if malformed else Code.INVALID_OPTION,
        f"{path or 'The request'} {in_words(first.get('ctx')) or _reason(kind, first['msg'])}.",
        path=path or None,
        status=400 if malformed else 422,
    )


def _reason(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "is not a field of this request"
    if kind == "missing":
        return "is missing"
    text = message.removeprefix("Value error, ").replace("Input should", "must")
    return text if text.startswith("must") else f"is not valid: {text[0].lower()}{text[1:]}"
