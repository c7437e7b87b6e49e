"""A template's versions over HTTP: listing, showing, rolling back, previewing; and its assets."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from pressroom.dialects import native, native_answers, native_rows
from pressroom.dialects.native import TemplateVersionNumber
from pressroom.dialects.spelling import spelled
from pressroom.dialects.validating import validated
from pressroom.errors import Code, UserError
from pressroom.media import media_type
from pressroom.model.base import Model, rfc3339
from pressroom.model.page import PageOptions
from pressroom.model.scopes import Scope
from pressroom.model.template import TemplateSpec, TemplateVersion
from pressroom.ports import Disposition, Json
from pressroom.templatestore import (
    read_version,
    read_versions,
    record_version,
    stored_assets,
    tenant_of,
)
from pressroom_gateway import body, downloads, render, templates
from pressroom_gateway.answers import json_answer, refuse_unknown_parameters
from pressroom_gateway.route import Route
from pressroom_gateway.services import SERVICES, TENANT, Services

#: Versions that a listing shows, the newest.
MOST_VERSIONS = 100
_ROLLBACK_BYTES = 4096


class Rollback(Model):
    """A request to go back to a version."""

    version: TemplateVersionNumber


class PreviewRequest(Model):
    """What to try a template with."""

    data: dict[str, Any] | None = None
    page: PageOptions | None = None
    version: TemplateVersionNumber | None = None


async def list_versions(request: web.Request) -> web.Response:
    """``GET …/versions``: newest first, at most :data:`MOST_VERSIONS`."""
    services, _, found = await _found(request)
    await _keep_current(services, found)
    kept = await read_versions(services.store, found["metadata"]["uid"], MOST_VERSIONS)
    return json_answer({"versions": [_entry(found, one) for one in kept]})


async def get_version(request: web.Request) -> web.Response:
    """``GET …/versions/{n}``: the template as it was."""
    services, template_id, found = await _found(request)
    text = request.match_info["version"]
    if not text.isdecimal() or len(text) > 9:
        raise templates.no_version(template_id, text)
    kept = await _version(services, template_id, found, int(text))
    then = {**found, "spec": kept.spec.wire()}
    shown = native_answers.template(then, shown_as=template_id)
    if kept.version != found["metadata"]["generation"]:
        shown |= {"ready": None, "fault": None}  # only the current one is looked at
    return json_answer({**shown, **_entry(found, kept)})


async def roll_back(request: web.Request) -> web.Response:
    """``POST …/rollback``: an earlier version becomes the next one. Aliases stay as they are."""
    services, template_id, found = await _found(request)
    tenant = request[TENANT].name
    templates.refuse_others(found, tenant, template_id)
    async with body.json_request(request, _ROLLBACK_BYTES) as raw:
        number = validated(Rollback, raw).version
    kept = await _version(services, template_id, found, number)
    spec = kept.spec.evolve(aliases=found["spec"].get("aliases"))
    assets = await stored_assets(services.store, tenant_of(found), spec)
    stored, _ = await templates.write(services, tenant, template_id, spec, assets)
    return json_answer(native_answers.template(stored, shown_as=template_id))


async def preview(request: web.Request) -> web.Response:
    """``POST …/preview``: one document as ``/v1/render`` makes it, of the sample data unless
    ``data`` is given."""
    services, template_id, found = await _found(request)
    refuse_unknown_parameters(request, {"timeout"})
    seconds = render.seconds_of(request)
    most = min(request[TENANT].max_request_bytes, render.MAX_BODY_BYTES)
    async with body.json_request(request, most) as raw:
        asked = validated(PreviewRequest, spelled(raw))
        data = asked.data
        if data is None:
            data = (await _spec(services, template_id, found, asked.version)).sample_data
        elif asked.version is not None:
            await _spec(services, template_id, found, asked.version)
        if data is None:
            text = "The template has no sampleData: give data."
            raise UserError(Code.INVALID_REQUEST, text, path="data", status=422)
        wanted = native.RenderRequest(
            template=template_id, template_version=asked.version, data=data, page=asked.page
        )
        line = native_rows.data_line(data, "data")
    return await render.document(request, wanted, line, seconds)


async def get_asset(request: web.Request) -> web.StreamResponse:
    """``GET …/assets/{name}``: its bytes."""
    services, template_id, found = await _found(request)
    name, spec = request.match_info["name"], TemplateSpec.model_validate(found["spec"])
    ref = next((one for one in spec.assets or () if one.name == name), None)
    if ref is not None and ref.sha256 is None:  # of a ConfigMap: as the operator has copied it
        kept = await _version(services, template_id, found, found["metadata"]["generation"])
        ref = next((one for one in kept.spec.assets or () if one.name == name), None)
    if ref is None or ref.sha256 is None:
        text = f"The template {template_id!r} has no asset {name!r}."
        raise UserError(Code.ASSET_NOT_FOUND, text, status=404)
    only = TemplateSpec(html="", assets=[ref])
    try:
        asset = (await stored_assets(services.store, tenant_of(found), only))[name]
    except UserError as error:
        error.status = 404
        raise
    kind = Disposition(name, asset.content_type or media_type(name))
    return await downloads.stream(request, asset.key, kind)


async def _found(request: web.Request) -> tuple[Services, str, Json]:
    """The template in the path; 404 for one of another tenant as for none."""
    services, template_id = request.app[SERVICES], templates.id_of(request)
    found = await templates.find(services, request[TENANT].name, template_id)
    if found is None:
        raise templates.unknown(template_id)
    return services, template_id, found


async def _keep_current(services: Services, found: Json) -> TemplateVersion | None:
    """Keep the current version where nobody has yet; None where only the operator can."""
    meta, spec = found["metadata"], TemplateSpec.model_validate(found["spec"])
    kept = await read_version(services.store, meta["uid"], meta["generation"])
    if kept is not None or any(ref.sha256 is None for ref in spec.assets or ()):
        return kept
    try:
        assets = await stored_assets(services.store, tenant_of(found), spec)
    except UserError:
        return None
    return await record_version(services.store, found, spec, assets)


async def _version(
    services: Services, template_id: str, found: Json, number: int
) -> TemplateVersion:
    if number == found["metadata"]["generation"]:
        kept = await _keep_current(services, found)
    else:
        kept = await read_version(services.store, found["metadata"]["uid"], number)
    if kept is None:
        raise templates.no_version(template_id, number)
    return kept


async def _spec(
    services: Services, template_id: str, found: Json, version: int | None
) -> TemplateSpec:
    if version is None or version == found["metadata"]["generation"]:
        return TemplateSpec.model_validate(found["spec"])
    return (await _version(services, template_id, found, version)).spec


def _entry(found: Json, kept: TemplateVersion) -> Json:
    return {
        "version": kept.version,
        "createdAt": rfc3339(kept.created_at),
        "digest": kept.digest,
        "current": kept.version == found["metadata"]["generation"],
    }


_TEMPLATE = "/v1/templates/{id}"
ROUTES = (
    Route("GET", f"{_TEMPLATE}/versions", list_versions, scope=Scope.TEMPLATES_READ),
    Route("GET", f"{_TEMPLATE}/versions/{{version}}", get_version, scope=Scope.TEMPLATES_READ),
    Route("POST", f"{_TEMPLATE}/rollback", roll_back, scope=Scope.TEMPLATES_WRITE),
    Route("POST", f"{_TEMPLATE}/preview", preview),
    Route("GET", f"{_TEMPLATE}/assets/{{name}}", get_asset, scope=Scope.TEMPLATES_READ),
)
