"""Lists: pages, continue tokens, tables; always from one snapshot, streamed if long."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import orjson

from pressroom_local.kubeapi import table
from pressroom_local.kubeapi.errors import Json, bad_request, gone
from pressroom_local.kubeapi.resources import Resource
from pressroom_local.kubeapi.selectors import Selector
from pressroom_local.kubeapi.store import Key, Snapshot, Store
from pressroom_local.kubeapi.target import Target

_MOST_PER_PAGE = 1_000

Render = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One list request. `limit` 0 asks for everything; `token` goes on with an earlier page."""

    target: Target
    selector: Selector
    limit: int = 0
    token: str = ""
    table: bool = False
    include: str = ""


def number(text: str, name: str) -> int:
    """A query parameter that is a count; absent is 0."""
    if not text:
        return 0
    if not text.isdecimal():
        raise bad_request(f"{name}: Invalid value: {text!r}: must be a non-negative integer")
    return int(text)


def pieces(store: Store, query: ListQuery) -> Iterator[bytes]:
    """The answer's JSON, in pieces of bounded size."""
    resource = query.target.resource
    with store.snapshot(resource, query.selector) as snapshot:
        if query.limit or query.token:
            meta, rows = _page(store, snapshot, query)
            yield from _wrapped(query, meta, [rows])
            return
        meta = {"resourceVersion": str(snapshot.revision), "continue": ""}
        yield from _wrapped(query, meta, snapshot.pages(query.target.namespace))


def _wrapped(query: ListQuery, meta: Json, pages: Iterable[list[bytes]]) -> Iterator[bytes]:
    resource = query.target.resource
    yield _opening(query, meta)
    separator, render = b"", renderer(resource, query.include if query.table else None)
    for page in pages:
        if page:
            yield separator + b",".join(map(render, page))
            separator = b","
    yield b"]}\n"


def renderer(resource: Resource, include: str | None) -> Render:
    """Turns a stored object into an item, or (`include` given) into a Table's row."""
    if include is None:
        return lambda raw: raw
    wanted = include
    return lambda raw: orjson.dumps(table.row(resource, orjson.loads(raw), wanted))


def _opening(query: ListQuery, meta: Json) -> bytes:
    resource = query.target.resource
    if query.table:
        head, last = table.document(resource, meta, []), b'"rows":[]}'
    else:
        head = {
            "kind": resource.list_kind,
            "apiVersion": resource.api_version,
            "metadata": meta,
            "items": [],
        }
        last = b'"items":[]}'
    opening = orjson.dumps(head)
    if not opening.endswith(last):
        raise AssertionError("the list of items must come last")
    return opening[:-2]


def _page(store: Store, snapshot: Snapshot, query: ListQuery) -> tuple[Json, list[bytes]]:
    namespace = query.target.namespace
    revision, after = _decode(query.token, snapshot.revision)
    if revision < store.oldest():
        raise gone(
            "The provided continue parameter is too old to display a consistent list result. "
            "You must start a new list without the continue parameter."
        )
    size = min(query.limit or _MOST_PER_PAGE, _MOST_PER_PAGE)
    found = snapshot.page(namespace, after, size + 1)
    rows = found[:size]
    meta: Json = {"resourceVersion": str(revision), "continue": ""}
    if len(found) > size:
        last = rows[-1][0]
        # Later pages show the present, under the first page's version: a watch from there
        # repeats what changed between, so nothing is missed.
        meta["continue"] = _encode(revision, last)
        if not query.selector:
            meta["remainingItemCount"] = snapshot.remaining(namespace, last)
    return meta, [raw for _, raw in rows]


def _encode(revision: int, after: Key) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([revision, *after])).decode()


def _decode(token: str, revision: int) -> tuple[int, Key]:
    if not token:
        return revision, ("", "")
    try:
        first, namespace, name = orjson.loads(base64.urlsafe_b64decode(token))
        return int(first), (str(namespace), str(name))
    except (binascii.Error, ValueError, TypeError) as error:
        raise bad_request("continue key is not valid") from error
