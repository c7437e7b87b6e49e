"""The routes, as data: the native ones, and those of every dialect that is switched on."""

from __future__ import annotations

from collections.abc import Collection

from pressroom.model.batchjob import Dialect
from pressroom.model.scopes import Scope
from pressroom_gateway import (
    batches,
    downloads,
    render,
    retry,
    rows,
    templates,
    templateversions,
    usage,
    webhooks,
)
from pressroom_gateway.dialects import glyph, imaginepdf, lightningpdf, mailmerge, pdfgorilla
from pressroom_gateway.route import Route

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
    Route("GET", "/v1/templates", templates.list_templates, scope=Scope.TEMPLATES_READ),
    Route("GET", "/v1/templates/{id}", templates.get_template, scope=Scope.TEMPLATES_READ),
    Route("PUT", "/v1/templates/{id}", templates.put_template, scope=Scope.TEMPLATES_WRITE),
    Route("DELETE", "/v1/templates/{id}", templates.delete_template, scope=Scope.TEMPLATES_WRITE),
    *templateversions.ROUTES,
    Route("POST", "/v1/render", render.render),
    *webhooks.ROUTES,
    *usage.ROUTES,
)
FOREIGN = {
    Dialect.LIGHTNING_PDF: lightningpdf.ROUTES,
    Dialect.IMAGINE_PDF: imaginepdf.ROUTES,
    Dialect.MAIL_MERGE: mailmerge.ROUTES,
    Dialect.GLYPH: glyph.ROUTES,
    Dialect.PDF_GORILLA: pdfgorilla.ROUTES,
}


def routes_of(dialects: Collection[Dialect]) -> tuple[Route, ...]:
    """The native routes and those of these dialects; at the others' paths there is nothing."""
    return (
        *NATIVE,
        *(route for dialect in FOREIGN if dialect in dialects for route in FOREIGN[dialect]),
    )
