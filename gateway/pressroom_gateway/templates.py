"""Templates over HTTP, and finding one by name or alias.

A template that a tenant puts is that tenant's; one without an owner (from kubectl) is for all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from pressroom import names
from pressroom.dataschema import foreign_reference, schema_fault
from pressroom.dialects import native_answers
from pressroom.errors import Code, ConflictError, NotFoundError, PressroomError, UserError
from pressroom.model.batchjob import TemplateId
from pressroom.model.template import Asset, TemplateSpec
from pressroom.ports import TEMPLATES, Json
from pressroom.templatestore import read_version, record_version, stored_assets
from pressroom_gateway import syntax
from pressroom_gateway.answers import json_answer
from pressroom_gateway.services import SERVICES, TENANT, Services
from pressroom_gateway.templateforms import read_spec

log = logging.getLogger(__name__)
_WRITE_ATTEMPTS = 5
_IDS: TypeAdapter[str] = TypeAdapter(TemplateId)


async def find(services: Services, tenant: str, template_id: str) -> Json | None:
    """The template of this name or alias that the tenant may use: its own before a shared one."""
    name = names.template_name(template_id, tenant)
    named = services.templates.cached(name)
    if named is not None and _owner(named) == tenant:
        return named
    known = [one for one in services.templates.items() if _answers_to(one, template_id)]
    for owner in (tenant, None):
        found = next((one for one in known if _owner(one) == owner), None)
        if found is not None:
            return found
    asked = await services.templates.get(name)
    return asked if asked is not None and _visible(asked, tenant) else None


async def require(services: Services, tenant: str, ids: Iterable[tuple[str, str]]) -> None:
    """404 ``template_not_found`` for the first of (id, path) that is no template of the tenant."""
    for template_id, path in ids:
        if await find(services, tenant, template_id) is None:
            raise unknown(template_id, path)


async def require_version(
    services: Services, tenant: str, template_id: str | None, version: int | None
) -> None:
    """404 ``template_not_found`` where the template that is there has no such version."""
    if template_id is None or version is None:
        return
    found = await find(services, tenant, template_id)
    if found is None:
        raise unknown(template_id, "template")
    meta = found["metadata"]
    if version == meta["generation"]:
        return
    if await read_version(services.store, meta["uid"], version) is None:
        raise no_version(template_id, version, "templateVersion")


async def put_template(request: web.Request) -> web.Response:
    """``PUT /v1/templates/{id}``: 201 for a new one, 200 for a changed one."""
    services, tenant = request.app[SERVICES], request[TENANT].name
    template_id = id_of(request)
    spec = await read_spec(request)
    await syntax.refuse_faulty((("html", spec.html), *syntax.page_texts(spec.page)))
    if spec.data_schema is not None:
        await asyncio.to_thread(_refuse_faulty_schema, spec.data_schema)
    await _refuse_taken(services, tenant, template_id, spec)
    assets = await stored_assets(services.store, tenant, spec)
    stored, created = await write(services, tenant, template_id, spec, assets)
    shown = native_answers.template(stored, shown_as=template_id)
    return json_answer(shown, status=201 if created else 200)


async def _refuse_taken(
    services: Services, tenant: str, template_id: str, spec: TemplateSpec
) -> None:
    """409 ``conflict`` for an alias that leads to another template of the tenant."""
    mine = await find(services, tenant, template_id)
    own = mine["metadata"]["name"] if mine else names.template_name(template_id, tenant)
    for index, alias in enumerate(spec.aliases or ()):
        found = await find(services, tenant, alias)
        if found is None or not _is_of(found, tenant) or found["metadata"]["name"] == own:
            continue
        other = native_answers.template_id(found)
        text = f"The alias {alias!r} leads to the template {other!r}. Choose another one."
        raise UserError(Code.CONFLICT, text, path=f"aliases[{index}]", status=409)


async def write(
    services: Services,
    tenant: str,
    template_id: str,
    spec: TemplateSpec,
    assets: dict[str, Asset],
) -> tuple[Json, bool]:
    """Write a template and the record of its version; the resource, and whether it is new."""
    name = names.template_name(template_id, tenant)
    if name != template_id and template_id not in (spec.aliases or ()):
        spec = spec.evolve(aliases=[*(spec.aliases or ()), template_id])
    if spec.assets:
        sized = [ref.evolve(bytes=assets[ref.name].bytes) for ref in spec.assets]
        spec = spec.evolve(assets=sized)
    for _ in range(_WRITE_ATTEMPTS):
        try:
            stored, created = await _write(services, tenant, name, template_id, spec)
        except ConflictError:
            continue
        services.templates.put(stored)
        try:
            await record_version(services.store, stored, spec, assets)
        except PressroomError as error:  # the operator keeps it, once the store is back
            log.warning(error.log, extra={"action": "version_unrecorded", "template": name})
        return stored, created
    raise ConflictError(f"Others keep writing the template {template_id}. Try again.")


async def get_template(request: web.Request) -> web.Response:
    """``GET /v1/templates/{id}``."""
    template_id = id_of(request)
    found = await find(request.app[SERVICES], request[TENANT].name, template_id)
    if found is None:
        raise unknown(template_id)
    return json_answer(native_answers.template(found, shown_as=template_id))


async def list_templates(request: web.Request) -> web.Response:
    """``GET /v1/templates``: all that the tenant may use, by id, without their texts."""
    services, tenant = request.app[SERVICES], request[TENANT].name
    seen = [one for one in services.templates.items() if _visible(one, tenant)]
    # Of a shared template and the tenant's own of the same id, the latter is the one it gets.
    seen.sort(key=lambda one: _owner(one) is not None)
    entries = {entry["id"]: entry for entry in map(native_answers.template_entry, seen)}
    return json_answer({"templates": [entries[template_id] for template_id in sorted(entries)]})


async def delete_template(request: web.Request) -> web.Response:
    """``DELETE /v1/templates/{id}``: 204. Batches that run keep the snapshot they took."""
    services, tenant = request.app[SERVICES], request[TENANT].name
    template_id = id_of(request)
    found = await find(services, tenant, template_id)
    if found is None:
        raise unknown(template_id)
    refuse_others(found, tenant, template_id)
    meta = found["metadata"]
    try:
        await services.jobs.delete(TEMPLATES, services.namespace, meta["name"], uid=meta["uid"])
    except (NotFoundError, ConflictError):
        raise unknown(template_id) from None
    services.templates.forget(found)
    return web.Response(status=204)


async def _write(
    services: Services, tenant: str, name: str, template_id: str, spec: TemplateSpec
) -> tuple[Json, bool]:
    # An alias may lead to a resource of another name; then that one is meant.
    known = await find(services, tenant, template_id)
    if known is not None and _is_of(known, tenant):
        name = known["metadata"]["name"]
    resource = {
        "apiVersion": TEMPLATES.api_version,
        "kind": TEMPLATES.kind,
        "metadata": {"name": name, "labels": {names.LABEL_TENANT: tenant}},
        "spec": spec.wire(),
    }
    try:
        current = await services.jobs.get(TEMPLATES, services.namespace, name)
    except NotFoundError:
        return await services.jobs.create(TEMPLATES, services.namespace, resource), True
    refuse_others(current, tenant, template_id)
    changed = {**current, "spec": resource["spec"]}
    return await services.jobs.replace(TEMPLATES, services.namespace, name, changed), False


def id_of(request: web.Request) -> str:
    """The id in the path. 404, or 422 where it was to be made, if it can be none."""
    try:
        return _IDS.validate_python(request.match_info["id"])
    except ValidationError:
        if request.method != "PUT":
            raise unknown(request.match_info["id"]) from None
        raise UserError(
            Code.INVALID_OPTION,
            "A template's id has 1 to 128 letters, digits, dots, colons, dashes or underscores.",
            path="id",
            status=422,
        ) from None


def _answers_to(body_: Json, template_id: str) -> bool:
    named = body_["metadata"]["name"] == template_id
    return named or template_id in (body_["spec"].get("aliases") or ())


def _owner(body_: Json) -> str | None:
    labels = body_["metadata"].get("labels") or {}
    owner = labels.get(names.LABEL_TENANT)
    return str(owner) if owner else None


def _visible(body_: Json, tenant: str) -> bool:
    return _owner(body_) in (None, tenant)


def _is_of(body_: Json, tenant: str) -> bool:
    # Without an owner it came by kubectl: the default tenant is who runs the farm.
    return (_owner(body_) or names.DEFAULT_TENANT) == tenant


def refuse_others(body_: Json, tenant: str, template_id: str) -> None:
    """403 for a shared template that this tenant may only use."""
    if not _is_of(body_, tenant):
        text = f"The template {template_id} is shared by all tenants. Choose another id."
        raise UserError(Code.FORBIDDEN, text, path="id", status=403)


def _refuse_faulty_schema(schema: Json) -> None:
    fault = schema_fault(schema) or foreign_reference(schema)
    if fault is not None:
        where, _, reason = fault.partition(": ")
        path = "dataSchema" + where.removeprefix("$")
        text = f"{path} is no JSON Schema: {reason}"
        raise UserError(Code.INVALID_OPTION, text, path=path, status=422)


def no_version(template_id: str, version: int | str, path: str | None = None) -> UserError:
    """404: the template is there, the version is not."""
    text = f"The template {template_id!r} has no version {version!r}."
    return UserError(Code.TEMPLATE_NOT_FOUND, text, path=path, status=404)


def unknown(template_id: str, path: str | None = None) -> UserError:
    """404, the same for a template of another tenant."""
    return UserError(
        Code.TEMPLATE_NOT_FOUND, f"There is no template {template_id!r}.", path=path, status=404
    )
