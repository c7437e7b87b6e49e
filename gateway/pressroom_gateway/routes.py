"""The native routes, as data. Another API brings its own list, with its own envelope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from pressroom_gateway import batches, downloads, render, retry, rows, templates
from pressroom_gateway.auth import Authenticate, api_key
from pressroom_gateway.problems import Envelope, problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """A method and path (aiohttp's pattern), what handles it, and in whose words it answers.

    ``authenticate`` names the tenant, or raises; None for a route that is open to all.
    """

    method: str
    path: str
    handler: Handler
    envelope: Envelope = problem
    authenticate: Authenticate | None = api_key


NATIVE = (
    Route("POST", "/v1/batches", batches.create_batch),
    Route("GET", "/v1/batches", batches.list_batches),
    Route("GET", "/v1/batches/{id}", batches.get_batch),
    Route("DELETE", "/v1/batches/{id}", batches.delete_batch),
    Route("GET", "/v1/batches/{id}/rows", rows.list_rows),
    Route("GET", "/v1/batches/{id}/rows/{row}/file", downloads.get_row_file),
    Route("GET", "/v1/batches/{id}/zip", downloads.get_zip),
    Route("GET", "/v1/batches/{id}/merged", downloads.get_merged),
    Route("POST", "/v1/batches/{id}/cancel", batches.cancel_batch),
    Route("POST", "/v1/batches/{id}/suspend", batches.suspend_batch),
    Route("POST", "/v1/batches/{id}/resume", batches.resume_batch),
    Route("POST", "/v1/batches/{id}/retry", retry.retry_batch),
    Route("GET", "/v1/templates", templates.list_templates),
    Route("GET", "/v1/templates/{id}", templates.get_template),
    Route("PUT", "/v1/templates/{id}", templates.put_template),
    Route("DELETE", "/v1/templates/{id}", templates.delete_template),
    Route("POST", "/v1/render", render.render),
)
