"""``/v1/batches``: create, list, show, cancel, suspend, resume, delete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web

from pressroom import names
from pressroom.dialects import native, native_answers, native_rows
from pressroom.errors import Code, ConflictError, NotFoundError, UserError
from pressroom.model.batchjob import BatchJob, Dialect, Manifest, job_of
from pressroom.model.states import TERMINAL_STATES, State, state_of, state_of_reason
from pressroom.ports import BATCH_JOBS, Json
from pressroom_gateway import body, checks, templates, uploads
from pressroom_gateway.admission import owner_of
from pressroom_gateway.answers import (
    bad_cursor,
    cursor_of,
    json_answer,
    limit_of,
    make_cursor,
    refuse_unknown_parameters,
)
from pressroom_gateway.create import Order, name_for, place
from pressroom_gateway.limits import (
    Tenant,
    job_tenant,
    reason_of,
)
from pressroom_gateway.rowsource import unsupported
from pressroom_gateway.services import HEADERS, IDENTITY, SERVICES, TENANT, Services
from pressroom_gateway.view import order_of


# --- create --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Intake:
    """A request whose rows are stored."""

    options: native.BatchOptions
    manifest: Manifest
    templates: Iterable[str] = ()


async def create_batch(request: web.Request) -> web.Response:
    """``POST /v1/batches``: 202 with the batch and its Location."""
    services, tenant = request.app[SERVICES], request[TENANT]
    key = idempotency_key(request)
    name = name_for(services, tenant.name, key)
    # A repeat costs nothing of the tenant's limits, and needs no template that may be gone by now.
    repeat = key is not None and await services.batches.get(name) is not None
    owner = owner_of(request[IDENTITY], Dialect.NATIVE)
    async with AsyncExitStack() as stack:
        if not repeat:
            await stack.enter_async_context(services.admission.job(name, tenant, owner))
        take = _take_stream if body.is_stream(request) else _take_json
        intake = await take(request, services, tenant, repeat=repeat)
        secret = intake.options.webhook.secret if intake.options.webhook else None
        order = Order(
            name=name,
            spec=native.spec_of(
                intake.options, intake.manifest, tenant=tenant.name, templates=intake.templates
            ),
            sha256=native.fingerprint(intake.options, intake.manifest.sha256),
            secret=secret,
            labels=intake.options.labels,
            key=owner.key,
        )
        return accepted(*await place(services, order))


def accepted(created: Json, replayed: bool) -> web.Response:
    """202: the batch, where it is, and whether an earlier request had made it."""
    job = job_of(created)
    headers = {"Location": f"{native_answers.BATCHES}/{job.metadata.name}"}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return json_answer(native_answers.batch(job), status=202, headers=headers)


def idempotency_key(request: web.Request) -> str | None:
    """The Idempotency-Key header. 400 where it is empty or longer than 255 characters."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255:
        text = "An Idempotency-Key has 1 to 255 characters."
        raise UserError(Code.INVALID_REQUEST, text, path="Idempotency-Key")
    return key


async def _take_json(
    request: web.Request, services: Services, tenant: Tenant, *, repeat: bool
) -> Intake:
    if "Content-Type" in request.headers and request.content_type != "application/json":
        raise unsupported(request.content_type)
    refuse_unknown_parameters(request, set())
    most = min(tenant.max_request_bytes, services.settings.gateway_max_json_bytes)
    async with body.json_request(request, most) as raw:
        given, items = raw.pop("rows", None), raw.pop("items", None)
        options = native.parse_options(raw)
        await checks.refuse_hopeless(services, tenant, options)
        rows: native_rows.Rows = await body.offload(
            request.content_length or body.THREAD_BYTES + 1,
            native_rows.parse_rows,
            options,
            given,
            items,
            most=tenant.rows_per_batch,
            hosts=tenant.page_hosts,
        )
        if not repeat:
            await templates.require(services, tenant.name, _used(options, rows.templates))
            await templates.require_version(
                services, tenant.name, options.template, options.template_version
            )
    await _count(request, repeat=repeat)
    manifest = await uploads.upload_lines(services.store, tenant.name, rows.lines)
    return Intake(options, manifest, rows.templates)


async def _take_stream(
    request: web.Request, services: Services, tenant: Tenant, *, repeat: bool
) -> Intake:
    streamed = await body.read_stream(request, tenant.max_request_bytes)
    async with body.lines_of(streamed.text):
        options = native.parse_options(streamed.options)
        native.needs_template(options)
        await checks.refuse_hopeless(services, tenant, options)
        if not repeat:
            await templates.require(services, tenant.name, _used(options, {}))
            await templates.require_version(
                services, tenant.name, options.template, options.template_version
            )
    await _count(request, repeat=repeat)
    manifest = await uploads.upload_stream(
        services.store,
        tenant.name,
        streamed.chunks,
        streamed.reader,
        most=tenant.rows_per_batch,
    )
    return Intake(options, manifest)


async def _count(request: web.Request, *, repeat: bool) -> None:
    """Count a new job against the tenant's rate, once nothing but its rows can be wrong."""
    if not repeat:
        owner = owner_of(request[IDENTITY], Dialect.NATIVE)
        admission = request.app[SERVICES].admission
        await admission.count_job(request[TENANT], owner, request[HEADERS])


def _used(options: native.BatchOptions, of_items: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each template, and where in the request it is named."""
    own = [(options.template, "template")] if options.template is not None else []
    return [*own, *of_items.items()]


# --- list and show -------------------------------------------------------------------------------
async def list_batches(request: web.Request) -> web.Response:
    """``GET /v1/batches``: the tenant's, newest first."""
    services, tenant = request.app[SERVICES], request[TENANT].name
    refuse_unknown_parameters(request, {"state", "label", "limit", "cursor"})
    limit, after = limit_of(request), place_of(request)
    state, label = _state_filter(request), request.query.get("label")
    found = [
        one
        for one in services.batches.items()
        if job_tenant(one) == tenant
        and (after is None or order_of(one) < after)
        and (state is None or state_of_reason(reason_of(one)) == state)
        and (label is None or _has_label(one, label))
    ]
    found.sort(key=order_of, reverse=True)
    page = found[:limit]
    cursor = make_cursor(*order_of(page[-1])) if len(found) > limit else None
    return json_answer(native_answers.batches([job_of(one) for one in page], cursor))


async def get_batch(request: web.Request) -> web.Response:
    """``GET /v1/batches/{id}``."""
    return json_answer(native_answers.batch(await job_from(request)))


async def job_from(request: web.Request) -> BatchJob:
    """The batch that the path names. 404 for another tenant's, and for one being deleted."""
    return job_of(await _body_from(request))


async def _body_from(request: web.Request) -> Json:
    name = request.match_info["id"]
    if names.is_resource_name(name):
        found = await request.app[SERVICES].batches.get(name)
        if found is not None and job_tenant(found) == request[TENANT].name:
            return found
    raise _no_batch(name)


def _no_batch(name: str) -> UserError:
    return UserError(Code.NOT_FOUND, f"There is no batch {name!r}.", status=404)


def place_of(request: web.Request) -> tuple[str, str, str] | None:
    """Where the page before ended. 400 for a cursor that was not given out."""
    values = cursor_of(request)
    if values is None:
        return None
    if len(values) != 3 or not all(isinstance(value, str) for value in values):
        raise bad_cursor()
    return values[0], values[1], values[2]


def _state_filter(request: web.Request) -> State | None:
    text = request.query.get("state")
    if text is None:
        return None
    try:
        return State(text)
    except ValueError:
        words = ", ".join(State)
        raise UserError(
            Code.INVALID_OPTION, f"state must be one of {words}.", path="state", status=422
        ) from None


def _has_label(one: Json, label: str) -> bool:
    key, _, value = label.partition(":")
    return native_answers.labels_of(one["metadata"].get("annotations") or {}).get(key) == value


# --- change --------------------------------------------------------------------------------------
async def cancel_batch(request: web.Request) -> web.Response:
    """``POST …/cancel``: rows not rendered yet stay undone. 409 where the batch has ended."""
    return await _change(request, {"cancel": True}, "cancelled")


async def suspend_batch(request: web.Request) -> web.Response:
    """``POST …/suspend``: no further rows are started until the batch is resumed. 409 as above."""
    return await _change(request, {"suspend": True}, "suspended")


async def resume_batch(request: web.Request) -> web.Response:
    """``POST …/resume``. 409 as above."""
    return await _change(request, {"suspend": False}, "resumed")


async def _change(request: web.Request, spec: dict[str, bool], word: str) -> web.Response:
    job = await job_from(request)
    _refuse_ended(job, word)
    job = job_of(await patch_spec(request.app[SERVICES], job, spec))
    _refuse_ended(job, word)  # the cache may not have known
    return json_answer(native_answers.batch(job), status=202)


def _refuse_ended(job: BatchJob, word: str) -> None:
    state = state_of(job)
    if state in TERMINAL_STATES:
        text = f"The batch has ended ({state}); it can no longer be {word}."
        raise UserError(Code.BATCH_ENDED, text, status=409)


async def patch_spec(services: Services, job: BatchJob, spec: dict[str, bool]) -> Json:
    """Change what may be changed of a BatchJob's spec. 404 where the batch went meanwhile."""
    name = job.metadata.name
    # The uid keeps the patch from a later batch of the same name.
    patch = {"metadata": {"uid": job.uid}, "spec": spec}
    try:
        changed = await services.jobs.patch(BATCH_JOBS, services.namespace, name, patch)
    except (NotFoundError, ConflictError):
        raise _no_batch(name) from None
    services.batches.put(changed)
    return changed


async def delete_batch(request: web.Request) -> web.Response:
    """``DELETE …``: 204; the batch is gone for clients at once, its data soon after."""
    services = request.app[SERVICES]
    found = await _body_from(request)
    meta = found["metadata"]
    try:
        await services.jobs.delete(BATCH_JOBS, services.namespace, meta["name"], uid=meta["uid"])
    except (NotFoundError, ConflictError):
        raise _no_batch(meta["name"]) from None
    services.batches.forget(found)
    return web.Response(status=204)
