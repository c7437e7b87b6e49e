"""The words of the native API, however they are spelled. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pressroom.model.checks import Check, Policy
from pressroom.model.document import DocumentKind, DocumentStyle
from pressroom.model.finish import NumberPlace, PdfStandard, Permission
from pressroom.model.page import Media, Output, PaperFormat
from pressroom.model.template import MissingValues

_ENUMS: dict[str, type[StrEnum]] = {
    "format": PaperFormat,
    "output": Output,
    "emulatedMedia": Media,
    "pdfStandard": PdfStandard,
    "permissions": Permission,
    "place": NumberPlace,
    "kind": DocumentKind,
    "style": DocumentStyle,
    **{check.value: Policy for check in Check},
}


def spelled(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Words in any case (``letter``, ``png``, ``strict``) become the model's own spelling."""
    spelled = dict(raw)
    if "missingValues" in spelled:
        spelled["missingValues"] = _word(spelled["missingValues"], MissingValues)
    for group in ("page", "merge", "document"):
        if isinstance(spelled.get(group), dict):
            spelled[group] = _spelled_within(spelled[group])
    return spelled


def _spelled_within(options: Mapping[str, Any]) -> dict[str, Any]:
    spelled: dict[str, Any] = {}
    for key, value in options.items():
        if isinstance(value, dict):
            spelled[key] = _spelled_within(value)
        elif key in _ENUMS and isinstance(value, list):
            spelled[key] = [_word(one, _ENUMS[key]) for one in value]
        else:
            spelled[key] = _word(value, _ENUMS[key]) if key in _ENUMS else value
    return spelled


def _word(value: Any, words: type[StrEnum]) -> Any:
    if not isinstance(value, str):
        return value
    said = value.lower().replace("-", "")
    return next((str(word) for word in words if word.lower() == said), value)
