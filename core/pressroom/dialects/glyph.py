"""Glyph's ``POST /v1/batch/generate``: its items as rows, its answers and its errors. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pressroom.dialects.fault import Fault
from pressroom.dialects.glyph_request import Item, Options
from pressroom.dialects.submission import Submission
from pressroom.documents import page as document_page
from pressroom.documents import style_for, view
from pressroom.errors import Code, RowError
from pressroom.model.batchjob import Dialect, OutputKind
from pressroom.model.ledger import RowOutcome, RowState
from pressroom.model.page import Margin, Output, PageOptions, PaperFormat
from pressroom.model.rows import MAX_ROW_BYTES, Row
from pressroom.model.template import TemplateSpec
from pressroom.modifier import Draft, Modified, Modifier, modify_all

#: Files are in the answer itself; what a broken connection left is not kept for long.
TTL_SECONDS = 600
FAILED = "ITEM_GENERATION_FAILED"
_MARGIN = "0.5in"
_SIDES = ("top", "right", "bottom", "left")
#: The browser's own scale ends here; what is above is the page's own zoom.
_MOST_PERCENT = 200
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


# --- errors --------------------------------------------------------------------------------------
_CODES = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
_CODES |= {413: "PAYLOAD_TOO_LARGE", 429: "RATE_LIMITED"}


def error(fault: Fault) -> tuple[int, dict[str, Any]]:
    """A fault in Glyph's words. All that the document does not name is a batch error, 500."""
    if fault.status >= 500:
        return 500, {"error": fault.detail, "code": "BATCH_ERROR"}
    code = _CODES.get(fault.status)
    if code is not None:
        return fault.status, {"error": fault.detail, "code": code}
    return 400, invalid([{"path": steps(fault.path or ""), "message": fault.detail}])


def invalid(details: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The body of 400: every violation with its path and a message."""
    return {"error": "Validation failed", "code": "VALIDATION_ERROR", "details": list(details)}


def steps(path: str) -> list[str | int]:
    """``items[1].data`` as ``["items", 1, "data"]``."""
    found = _STEP.finditer(path)
    return [int(step[1]) if step[1] is not None else step[2] for step in found]


# --- rows ----------------------------------------------------------------------------------------
def submission(lines: list[bytes], templates: frozenset[str]) -> Submission:
    """The job of these rows, rendered one after another."""
    return Submission(
        dialect=Dialect.GLYPH,
        rows=lines,
        templates=templates,
        outputs=frozenset({OutputKind.FILES}),
        ttl_seconds=TTL_SECONDS,
        parallelism=1,
    )


def row_of(item: Item, stored: TemplateSpec | None) -> Row:
    """The item as a row, its modifications not made. RowError where there is nothing to render.

    ``stored`` is the template that the item names; None for a built-in page.
    """
    if not item.data:
        raise RowError(Code.ROW_INVALID, "Data object cannot be empty")
    return _built_in(item) if stored is None else _stored(item, stored)


def line(row: Row) -> bytes:
    """The row as a line of a manifest. RowError where it is too large or too deep."""
    try:
        text = row.line()
    except (ValueError, TypeError, RecursionError):
        raise RowError(Code.ROW_INVALID, "The data is nested too deeply.") from None
    if len(text) > MAX_ROW_BYTES:
        raise RowError(Code.ROW_INVALID, f"The data is larger than {MAX_ROW_BYTES} bytes.")
    return text


async def modified(
    row: Row,
    stored: TemplateSpec | None,
    instructions: Sequence[str],
    modifier: Modifier | None,
    seconds: float,
) -> tuple[Row, Modified]:
    """The row after the modifications that could be made, and what became of each.

    All are skipped where there is no modifier.
    """
    draft = _draft(row, stored)
    if modifier is None:
        return row, Modified(draft, missed=tuple(instructions))
    found = await modify_all(modifier, draft, instructions, seconds)
    row = row.evolve(edits=list(found.draft.edits) or None)
    if found.draft.page != draft.page:
        row = row.evolve(page=found.draft.page)
    if found.draft.html != draft.html:
        row = row.evolve(html=found.draft.html)
    return row, found


def _draft(row: Row, stored: TemplateSpec | None) -> Draft:
    """What a modifier works on: the row's own text, or the stored template's."""
    page = row.page or PageOptions()
    if row.html is not None or stored is None:
        return Draft(row.html or "", page)
    return Draft(_whole(stored), page.over(stored.page))


def _whole(stored: TemplateSpec) -> str:
    """The text of a stored template with its style sheet in it."""
    return stored.html + (_style(stored.css) if stored.css else "")


def _built_in(item: Item) -> Row:
    margin = Margin(**dict.fromkeys(_SIDES, _MARGIN)).evolve(**_given(item.options.margin))
    page, zoom = _page(item, None, margin)
    # An image has no margins; there the page makes room itself.
    padding = "" if item.output is Output.PDF else _sides(margin)
    style = item.style or style_for(item.kind)
    shown = view(item.kind, item.data, style, padding)
    html = document_page(item.kind, style)
    return Row(html=_styled(html, _zoom(zoom, item.output)), data={"doc": shown}, page=page)


def _stored(item: Item, stored: TemplateSpec) -> Row:
    margin = item.options.margin
    page, zoom = _page(item, stored.page, margin)
    css = _zoom(zoom, item.output)
    if item.output is not Output.PDF and margin is not None:
        css += f"html{{box-sizing:border-box;padding:{_sides(margin)}}}"
    if not css:
        return Row(template=item.template, data=item.data, page=page)
    # The template besides: its assets and its schema go with the changed text.
    return Row(
        html=_styled(_whole(stored), css),
        template=item.template,
        data=item.data,
        page=page.over(stored.page),
    )


def _page(
    item: Item, stored: PageOptions | None, margin: Margin | None
) -> tuple[PageOptions, float]:
    """The item's own page options, and by how much the page itself must be magnified besides."""
    options = item.options
    percent = min(_MOST_PERCENT, max(10, round(options.scale * 100)))
    zoom = options.scale * 100 / percent if options.scale * 100 > _MOST_PERCENT else 1.0
    base = stored or PageOptions()
    own = PageOptions(
        format=_paper(options, base),
        landscape=_landscape(options, base),
        margin=margin,
        scale_percent=percent if options.scale != 1 or base.scale_percent is None else None,
        output=item.output,
    )
    if zoom != 1.0 and item.output is not Output.PDF:
        # A magnified page of the same layout needs a window that is larger by as much.
        width, height = own.over(base).paper_inches()
        own = own.evolve(format=None, width=_inches(width * zoom), height=_inches(height * zoom))
    return own, zoom


def _paper(options: Options, base: PageOptions) -> PaperFormat | None:
    """The paper asked for; else a stored template's own, else the documented default."""
    if options.page_size is not None:
        return options.paper
    return None if base.names_paper() else PaperFormat.LETTER


def _landscape(options: Options, base: PageOptions) -> bool | None:
    if options.orientation is None and base.landscape is not None:
        return None
    return options.orientation == "landscape"


def _given(margin: Margin | None) -> dict[str, str]:
    return margin.model_dump(exclude_none=True) if margin is not None else {}


def _sides(margin: Margin) -> str:
    return " ".join(getattr(margin, side) or "0" for side in _SIDES)


def _inches(length: float) -> str:
    return f"{length:.4f}in"


def _zoom(zoom: float, output: Output) -> str:
    if zoom == 1.0:
        return ""
    # On a printed page, the root's zoom would magnify the margins too.
    return f"{'body' if output is Output.PDF else 'html'}{{zoom:{zoom:.4f}}}"


def _styled(html: str, css: str) -> str:
    return html + _style(css) if css else html


def _style(css: str) -> str:
    """A style element as template text; what looks like Jinja in the sheet stays as it is."""
    plain = css.replace("{%", "{% endraw %}{{ '{%' }}{% raw %}").replace("</style", "<\\/style")
    return "\n{% raw %}<style>" + plain + "</style>{% endraw %}"


# --- answers -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Made:
    """A finished item: where its file is, how large it is, and what it took in milliseconds."""

    file: str
    size: int
    millis: int


@dataclass(frozen=True)
class Missed:
    """An item that failed, and why."""

    error: str
    millis: int


def result_of(outcome: RowOutcome | None, millis: int, otherwise: str) -> Made | Missed:
    """What became of an item: its row's outcome, or the reason why it has none.

    ``millis`` were spent on the item before its row was made.
    """
    if outcome is None:
        return Missed(otherwise, millis)
    spent = millis + outcome.millis
    if outcome.state is RowState.SUCCEEDED and outcome.file is not None:
        return Made(outcome.file, outcome.bytes, spent)
    if outcome.state is RowState.CANCELLED:
        return Missed(otherwise, spent)
    text = outcome.error.message if outcome.error else "The document could not be generated."
    return Missed(text, spent)


def failure(index: int, missed: Missed) -> dict[str, Any]:
    """A failed item's result."""
    return {
        "index": index,
        "status": "error",
        "error": missed.error,
        "errorCode": FAILED,
        "processingTimeMs": missed.millis,
    }


def success(item: Item, made: Made, *, base64: str, size: int, stamp: int) -> dict[str, Any]:
    """A finished item's result. ``stamp`` is the time in milliseconds since 1970."""
    extension = item.output.extension
    return {
        "index": item.index,
        "status": "success",
        "url": f"data:{item.output.content_type};base64,{base64}",
        "filename": f"{item.kind}-{item.index}-{stamp}.{extension}",
        "size": size,
        "format": extension,
        "processingTimeMs": made.millis,
    }
