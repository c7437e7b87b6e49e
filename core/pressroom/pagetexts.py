"""The template texts that page options hold, and the options with them rendered. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pressroom.model.base import Model
from pressroom.model.page import PageOptions

Some = TypeVar("Some", bound=Model)

#: What makes a text one that must be rendered.
MARKS = ("{{", "{%", "{#")
_PAGE = {
    "header_html": "headerHtml",
    "footer_html": "footerHtml",
    "first_header_html": "firstHeaderHtml",
}
_METADATA = ("title", "author", "subject", "keywords", "creator")
_PASSWORDS = {"user_password": "userPassword", "owner_password": "ownerPassword"}


def is_template(text: str | None) -> bool:
    """Whether a text has anything to render in it."""
    return text is not None and any(mark in text for mark in MARKS)


def texts(page: PageOptions) -> dict[str, str]:
    """The texts to render, by the names that the API has for them."""
    return {name: text for name, text in _all(page) if text is not None and is_template(text)}


def _all(page: PageOptions) -> Iterator[tuple[str, str | None]]:
    for field, name in _PAGE.items():
        yield name, getattr(page, field)
    if page.metadata is not None:
        for field in _METADATA:
            yield f"metadata.{field}", getattr(page.metadata, field)
    if page.watermark is not None:
        yield "watermark.text", page.watermark.text
    if page.encryption is not None:
        for field, name in _PASSWORDS.items():
            yield f"encryption.{name}", getattr(page.encryption, field)
    if page.factur_x is not None:
        yield "facturX.xml", page.factur_x.xml
    for index, one in enumerate(page.attachments or ()):
        yield f"attachments[{index}].text", one.text
        yield f"attachments[{index}].description", one.description


def with_texts(page: PageOptions, rendered: Mapping[str, str]) -> PageOptions:
    """The options with what was rendered in place of the texts.

    An empty line of the metadata or description is left out, and so is an empty watermark.
    """
    if not rendered:
        return page
    changed: dict[str, Any] = {
        field: rendered[name] for field, name in _PAGE.items() if name in rendered
    }
    if page.metadata is not None:
        changed["metadata"] = _with(
            page.metadata,
            {field: f"metadata.{field}" for field in _METADATA},
            rendered,
        )
    if page.watermark is not None and "watermark.text" in rendered:
        text = rendered["watermark.text"].strip()
        changed["watermark"] = page.watermark.model_copy(update={"text": text}) if text else None
    if page.encryption is not None:
        names = {field: f"encryption.{name}" for field, name in _PASSWORDS.items()}
        changed["encryption"] = _with(page.encryption, names, rendered)
    if page.factur_x is not None and "facturX.xml" in rendered:
        changed["factur_x"] = page.factur_x.model_copy(update={"xml": rendered["facturX.xml"]})
    if page.attachments:
        changed["attachments"] = [
            _with(one, {"description": f"attachments[{at}].description"}, rendered).model_copy(
                update={"text": rendered.get(f"attachments[{at}].text", one.text)}
            )
            for at, one in enumerate(page.attachments)
        ]
    return page.model_copy(update=changed)


def _with(group: Some, names: Mapping[str, str], rendered: Mapping[str, str]) -> Some:
    update = {field: rendered[name] or None for field, name in names.items() if name in rendered}
    return group.model_copy(update=update) if update else group
