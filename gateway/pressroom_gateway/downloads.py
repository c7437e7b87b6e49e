"""Files: a row's own, the ZIP and the merged PDF; by a presigned link, or streamed on request."""

from __future__ import annotations

import logging
from urllib.parse import quote

from aiohttp import web

from pressroom.errors import Code, NotFoundError, PressroomError, UserError
from pressroom.model.batchjob import ArtifactStatus, BatchJob, OutputKind
from pressroom.model.conditions import Reason
from pressroom.model.ledger import RowOutcome, RowState
from pressroom.model.page import Output
from pressroom.model.states import TERMINAL_STATES, State, state_of
from pressroom.ports import Disposition
from pressroom_gateway import ledgers
from pressroom_gateway.answers import refuse_unknown_parameters
from pressroom_gateway.batches import job_from
from pressroom_gateway.services import SERVICES

log = logging.getLogger(__name__)
_TYPES = {output.extension: output.content_type for output in Output} | {"zip": "application/zip"}


async def get_zip(request: web.Request) -> web.StreamResponse:
    """``GET …/zip``."""
    return await _artifact(request, OutputKind.ZIP)


async def get_merged(request: web.Request) -> web.StreamResponse:
    """``GET …/merged``."""
    return await _artifact(request, OutputKind.MERGED)


async def get_row_file(request: web.Request) -> web.StreamResponse:
    """``GET …/rows/{row}/file``, the row by its id, else by its position from 0."""
    refuse_unknown_parameters(request, {"stream"})
    job = await job_from(request)
    outcome = await _outcome(request, job)
    if outcome.state is not RowState.SUCCEEDED or outcome.file is None:
        code = outcome.error.code if outcome.error else Code.CANCELLED
        text = outcome.error.message if outcome.error else "The row was cancelled."
        raise UserError(code, text, status=409)
    extension = outcome.file.rsplit(".", 1)[-1]
    name = outcome.name or f"{outcome.id}.{extension}"
    return await send(request, outcome.file, Disposition(name, content_type_of(outcome.file)))


def content_type_of(key: str) -> str:
    """The media type of a file, by its key's extension."""
    return _TYPES.get(key.rsplit(".", 1)[-1], "application/octet-stream")


async def _outcome(request: web.Request, job: BatchJob) -> RowOutcome:
    ledgers.refuse_expired(job)
    store = request.app[SERVICES].store
    plan = await ledgers.read_plan(store, job)
    if plan is None:
        raise _not_ready("No row of this batch has been rendered.")
    text = request.match_info["row"]
    try:
        index = await ledgers.find_row(store, plan, text)
    except NotFoundError:
        raise ledgers.gone() from None
    if index is None:
        raise UserError(Code.NOT_FOUND, f"The batch has no row {text!r}.", status=404)
    outcome = await ledgers.read_outcome(store, plan, index)
    if outcome is None:
        raise _not_ready("The row has not been rendered yet.")
    return outcome


async def _artifact(request: web.Request, kind: OutputKind) -> web.StreamResponse:
    refuse_unknown_parameters(request, {"stream"})
    job = await job_from(request)
    word = "ZIP" if kind is OutputKind.ZIP else "merged PDF"
    if kind not in job.spec.outputs_or_default():
        text = f"This batch was not asked for a {word}. Ask for it in outputs."
        raise UserError(Code.NOT_FOUND, text, status=404)
    ledgers.refuse_expired(job)
    found = _artifact_of(job, kind)
    if found is None and state_of(job) not in TERMINAL_STATES:
        raise _not_ready(f"The {word} is not ready yet.")
    if found is None:
        text = f"This batch has no {word}: {_why_absent(job)}."
        raise UserError(Code.NOT_FOUND, text, status=404)
    extension = found.key.rsplit(".", 1)[-1]  # a merged PDF that was cut into files is a ZIP
    name = f"{job.metadata.name}.{extension}"
    if kind is OutputKind.MERGED and extension == "zip":
        name = f"{job.metadata.name}-merged.zip"
    return await send(request, found.key, Disposition(name, content_type_of(found.key)))


def _artifact_of(job: BatchJob, kind: OutputKind) -> ArtifactStatus | None:
    found = job.status.artifacts
    if found is None:
        return None
    return found.zip if kind is OutputKind.ZIP else found.merged


def _why_absent(job: BatchJob) -> str:
    """Why an ended batch lacks an artifact that it was asked for."""
    state, rows = state_of(job), job.status.rows
    if state is State.REJECTED:
        return "it was rejected before any row was rendered"
    if job.status.reason() is Reason.FAILED:
        return "it could not be finished, see its message"
    if rows is None or rows.succeeded == 0:
        return "no row of it succeeded"
    return "its rows came out as images, which cannot be merged"


def _not_ready(text: str) -> UserError:
    return UserError(Code.NOT_READY, text, status=409, retry_after=1)


# --- sending -------------------------------------------------------------------------------------
async def send(request: web.Request, key: str, disposition: Disposition) -> web.StreamResponse:
    """302 to a presigned link, or with ``?stream=1`` the bytes themselves. 410 if they are gone."""
    if request.query.get("stream") in ("1", "true"):
        return await stream(request, key, disposition)
    services = request.app[SERVICES]
    if await services.store.stat(key) is None:
        raise ledgers.gone()
    seconds = services.settings.gateway_presign_seconds
    url = await services.store.presign(key, seconds=seconds, disposition=disposition)
    return web.Response(status=302, headers={"Location": url, "Cache-Control": "no-store"})


async def stream(request: web.Request, key: str, disposition: Disposition) -> web.StreamResponse:
    """200 with the object's bytes. 410 if they are gone."""
    store = request.app[SERVICES].store
    info = await store.stat(key)
    if info is None:
        raise ledgers.gone()
    pieces = store.stream(key)
    # The first piece before the head: an object that cannot be read is still a proper error.
    first = await anext(pieces, b"")
    answer = web.StreamResponse(
        headers={
            "Content-Type": disposition.content_type,
            "Content-Disposition": attachment(disposition.file_name),
            "X-Content-Type-Options": "nosniff",
        }
    )
    answer.content_length = info.size
    await answer.prepare(request)
    try:
        await answer.write(first)
        async for piece in pieces:
            await answer.write(piece)
    except PressroomError as error:
        # The head is out; only a broken connection tells the client that bytes are missing.
        log.warning(error.log, extra={"action": "download_broken", "key": key})
        if request.transport is not None:
            request.transport.abort()
        return answer
    await answer.write_eof()
    return answer


def attachment(name: str, *, kind: str = "attachment") -> str:
    """A Content-Disposition for any file name (RFC 6266)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
