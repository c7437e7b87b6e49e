"""From a range of the manifest to rows that can be rendered. Pure.

Every row of the range comes out, in order: as a job for the renderer, or as the error that fails
it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pressroom.documents import DocType, Style, detect, style_for, view
from pressroom.documents import page as page_of
from pressroom.errors import Code, RowError
from pressroom.model.document import BuiltIn, DocumentKind
from pressroom.model.page import PageOptions
from pressroom.model.plan import Plan, Shard
from pressroom.model.rows import Row, parse_row
from pressroom.model.template import MissingValues, Snapshot
from pressroom_worker.render import RowJob


@dataclass(frozen=True)
class Entry:
    """A row of the shard: what it says, or why it cannot be read."""

    index: int
    content: Row | RowError

    @property
    def id(self) -> str:
        """The row's own id, or its position."""
        own = self.content.id if isinstance(self.content, Row) else None
        return own or str(self.index)


@dataclass(frozen=True)
class Prepared:
    """A row of the shard: a job, or the error that fails it."""

    index: int
    id: str
    job: RowJob | RowError


def parse_rows(data: bytes, shard: Shard) -> list[Entry]:
    """The shard's rows from its range of the manifest; a line that is missing fails its row."""
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    return [
        Entry(shard.first + at, _content(lines[at] if at < len(lines) else None))
        for at in range(shard.rows)
    ]


def unreadable(shard: Shard, message: str) -> list[Entry]:
    """The shard's rows where the manifest cannot be read."""
    error = RowError(Code.MANIFEST_INVALID, message)
    return [Entry(shard.first + at, error) for at in range(shard.rows)]


def _content(line: bytes | None) -> Row | RowError:
    if line is None:
        return RowError(Code.ROW_INVALID, "The manifest has no line for this row.")
    try:
        return parse_row(line)
    except RowError as error:
        return error


def digests(entries: Iterable[Entry], plan: Plan) -> set[str]:
    """The snapshots that these rows need."""
    named = {plan.templates.get(_template(entry.content)) for entry in entries if _uses(entry)}
    return {digest for digest in named if digest is not None}


def _uses(entry: Entry) -> bool:
    content = entry.content
    return isinstance(content, Row) and (not _own_source(content) or content.template is not None)


def _own_source(row: Row) -> bool:
    """A row's own HTML or URL stands in for the job's template."""
    return row.html is not None or row.url is not None


def _template(content: Row | RowError) -> str:
    return (content.template or "") if isinstance(content, Row) else ""


def resolve(
    entries: Sequence[Entry], plan: Plan, snapshots: Mapping[str, Snapshot]
) -> list[Prepared]:
    """What the renderer is asked for each row."""
    # Laying options over one another costs more than all else here, and most rows have none.
    pages: dict[str, PageOptions] = {}
    egress = tuple(plan.egress)

    def page(row: Row, digest: str, snapshot: Snapshot | None) -> PageOptions:
        if digest not in pages:
            pages[digest] = plan.page.over(snapshot.page if snapshot else None)
        return row.page.over(pages[digest]) if row.page else pages[digest]

    def job(index: int, content: Row | RowError) -> RowJob | RowError:
        if isinstance(content, RowError):
            return content
        built_in = plan.document if not _own_source(content) and not content.template else None
        if built_in is not None:
            content = _laid_out(content, built_in)
        digest, url = "", content.url
        if not _own_source(content):
            digest = plan.templates.get(_template(content)) or ""
            url = None if digest or content.template is not None else plan.url
        elif content.html is not None and content.template is not None:
            digest = plan.templates.get(content.template) or ""
        snapshot = snapshots.get(digest) if digest else None
        if snapshot is not None and content.html is not None:
            # The template's own text, changed for this row: all else of it stays.
            snapshot = snapshot.evolve(html=content.html, css=None)
            content = content.evolve(html=None)
        if snapshot is None and content.html is None and url is None:
            return _no_template(_template(content) or plan.template)
        return RowJob(
            index=index,
            row=content,
            snapshot=snapshot,
            page=page(content, digest, snapshot),
            missing_values=plan.missing_values or _missing(snapshot, built_in),
            file_name_pattern=plan.file_name_pattern,
            url=url if content.html is None else None,
            egress=egress,
            template=_ledger_name(plan, content) if snapshot is not None else None,
        )

    return [Prepared(entry.index, entry.id, job(entry.index, entry.content)) for entry in entries]


def _missing(snapshot: Snapshot | None, built_in: BuiltIn | None) -> MissingValues:
    if built_in is not None:
        return MissingValues.LENIENT
    return snapshot.missing_values if snapshot else MissingValues.STRICT


def _laid_out(row: Row, built_in: BuiltIn) -> Row:
    """The row with the built-in page that its data is for."""
    kind = detect(row.data)
    if built_in.kind not in (None, DocumentKind.AUTO):
        kind = DocType(built_in.kind.lower())
    style = style_for(kind) if built_in.style is None else Style[built_in.style.name]
    shown = view(kind, row.data, style)
    # What the row has stays, for file names, headers and footers.
    return row.evolve(html=page_of(kind, style), data={**row.data, "doc": shown})


def _ledger_name(plan: Plan, row: Row) -> str | None:
    return plan.versions.get(_template(row) or plan.template or "")


def _no_template(name: str | None) -> RowError:
    if name:
        return RowError(Code.TEMPLATE_NOT_FOUND, f"There is no template {name!r}.")
    return RowError(Code.TEMPLATE_NOT_FOUND, "The row has no HTML, and its job has no template.")
