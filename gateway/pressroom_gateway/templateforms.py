"""Reading a template from a request: JSON, plain HTML, or a form of a spec and its assets.

A form's files go into the store as they are read, under their digests; what no template comes to
use is swept.
"""

from __future__ import annotations

import hashlib

from aiohttp import BodyPartReader, web
from pydantic import TypeAdapter, ValidationError

from pressroom import names
from pressroom.dialects import native, native_rows
from pressroom.dialects.validating import json_object
from pressroom.errors import Code, UserError
from pressroom.media import contradiction, media_type
from pressroom.model.finish import AssetName
from pressroom.model.template import MAX_ASSET_BYTES, MAX_ASSETS, AssetRef, TemplateSpec
from pressroom_gateway import body
from pressroom_gateway.services import SERVICES, TENANT

#: The resource itself must stay below what the Kubernetes API takes.
MAX_TEMPLATE_BYTES = 2 * 1024 * 1024
_NAMES: TypeAdapter[str] = TypeAdapter(AssetName)


async def read_spec(request: web.Request) -> TemplateSpec:
    """The template that a PUT brings. 422 ``asset_invalid`` for a file that is not what its name
    says, 413 for one that is too large."""
    if request.content_type == "multipart/form-data":
        return _of_tenant(await _form(request))
    if request.content_type == "text/html":
        text = await body.read(request, MAX_TEMPLATE_BYTES)
        try:
            return native.parse_template({"html": text.decode("utf-8-sig")})
        except UnicodeDecodeError as error:
            line = text.count(b"\n", 0, error.start) + 1
            raise UserError(
                Code.BAD_ENCODING, f"Line {line} is not UTF-8. Send UTF-8.", line=line
            ) from None
    async with body.json_request(request, MAX_TEMPLATE_BYTES) as raw:
        return _of_tenant(native.parse_template(raw))


def _of_tenant(spec: TemplateSpec) -> TemplateSpec:
    """ConfigMaps are whoever runs the farm's: a tenant may not have them read."""
    for index, ref in enumerate(spec.assets or ()):
        if ref.sha256 is None:
            text = "Assets of ConfigMaps are for kubectl. Upload the file, or give its sha256."
            raise UserError(
                Code.INVALID_OPTION, text, path=f"assets[{index}].configMap", status=422
            )
    return spec


async def _form(request: web.Request) -> TemplateSpec:
    spec: TemplateSpec | None = None
    files: dict[str, AssetRef] = {}
    left = request[TENANT].max_request_bytes
    try:
        form = await request.multipart()
        while (part := await form.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise body.broken_form()
            if part.name == "template" and spec is None:
                data = await _bytes(part, min(left, MAX_TEMPLATE_BYTES))
                async with body.lines_of(data):
                    raw = json_object(native_rows.parse_json(data), "part template")
                    spec = native.parse_template(raw)
            else:
                data = await _file(request, part, min(left, MAX_ASSET_BYTES), files)
            left -= len(data)
    except (ValueError, AssertionError) as error:
        raise body.broken_form() from error
    if spec is None:
        text = "The form must have a part called template: the template as JSON."
        raise UserError(Code.INVALID_REQUEST, text, path="template")
    kept = [ref for ref in spec.assets or () if ref.name not in files]
    if len(kept) + len(files) > MAX_ASSETS:
        raise _too_many()
    return spec.evolve(assets=[*kept, *files.values()] or None)


async def _file(
    request: web.Request, part: BodyPartReader, most: int, files: dict[str, AssetRef]
) -> bytes:
    name = _name(part, files)
    if len(files) >= MAX_ASSETS:
        raise _too_many()
    data = await _bytes(part, most)
    fault = contradiction(name, data)
    if fault is not None:
        text = f"{name}: {fault}"
        raise UserError(Code.ASSET_INVALID, text, path=f"assets.{name}", status=422)
    sha256 = hashlib.sha256(data).hexdigest()
    await request.app[SERVICES].store.put(
        names.asset_key(request[TENANT].name, sha256), data, content_type=media_type(name, data)
    )
    files[name] = AssetRef(name=name, sha256=sha256, bytes=len(data))
    return data


def _name(part: BodyPartReader, files: dict[str, AssetRef]) -> str:
    try:
        name = _NAMES.validate_python(part.filename)
    except ValidationError:
        text = (
            f"{part.filename!r} is no name of an asset: give each file a filename of 1 to 128 "
            "letters, digits, spaces, dots, dashes or underscores."
        )
        raise UserError(Code.ASSET_INVALID, text, path="assets", status=422) from None
    if name in files:
        text = f"Two files are called {name}."
        raise UserError(Code.ASSET_INVALID, text, path=f"assets.{name}", status=422)
    return name


async def _bytes(part: BodyPartReader, most: int) -> bytes:
    return b"".join([chunk async for chunk in body.part_chunks(part, most)])


def _too_many() -> UserError:
    text = f"A template may have {MAX_ASSETS} assets at most."
    return UserError(Code.INVALID_OPTION, text, path="assets", status=422)
