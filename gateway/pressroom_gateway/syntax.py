"""Refuses template texts that no row could be rendered with, before anything is stored."""

from __future__ import annotations

from collections.abc import Iterable

from pressroom.errors import Code, UserError
from pressroom.model.page import PageOptions
from pressroom.pagetexts import texts
from pressroom.templating import syntax_fault
from pressroom_gateway import body

Text = tuple[str, str | None]


def page_texts(page: PageOptions | None) -> tuple[Text, ...]:
    """The templates among the page options, each with its path."""
    if page is None:
        return ()
    return tuple((f"page.{name}", text) for name, text in texts(page).items())


async def refuse_faulty(texts: Iterable[Text]) -> None:
    """422 ``invalid_option`` for the first of (path, text) that is no template.

    The line is the template's own, wherever that stands in the request.
    """
    for path, text in texts:
        if text is None:
            continue
        fault = await body.offload(len(text), syntax_fault, text)
        if fault is not None:
            line, message = fault
            raise UserError(
                Code.INVALID_OPTION,
                f"Line {line} of {path} is no template: {message.rstrip('.')}.",
                path=path,
                line=line,
                status=422,
            )
