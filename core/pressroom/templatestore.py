"""Templates in the object store: the bytes of their assets, and the versions they had.

What is read here is written once: an asset lies under its digest, a version under its number.
"""

from __future__ import annotations

from typing import Any

import orjson

from pressroom import names
from pressroom.errors import Code, NotFoundError, UserError
from pressroom.media import HEAD, media_type, named_type
from pressroom.model.base import now
from pressroom.model.template import Asset, TemplateSpec, TemplateVersion, snapshot
from pressroom.ports import Store


def tenant_of(body: dict[str, Any]) -> str:
    """Whose prefix a Template's assets lie under: without an owner, the default tenant's."""
    labels = body["metadata"].get("labels") or {}
    return str(labels.get(names.LABEL_TENANT) or names.DEFAULT_TENANT)


async def stored_assets(store: Store, tenant: str, spec: TemplateSpec) -> dict[str, Asset]:
    """The assets of a spec by name, those of ConfigMaps left out.

    UserError 422 ``asset_not_found`` for the first whose bytes the store does not have.
    """
    found: dict[str, Asset] = {}
    for index, ref in enumerate(spec.assets or ()):
        if ref.sha256 is None:
            continue
        key = names.asset_key(tenant, ref.sha256)
        info = await store.stat(key)
        if info is None:
            raise missing_asset(ref.name, index, f"there is no upload with SHA-256 {ref.sha256}")
        kind = named_type(ref.name)
        if kind is None:
            head = await store.get(key, offset=0, length=HEAD) if info.size else b""
            kind = media_type(ref.name, head)
        found[ref.name] = Asset(key=key, sha256=ref.sha256, bytes=info.size, content_type=kind)
    return found


def missing_asset(name: str, index: int, reason: str) -> UserError:
    """422 ``asset_not_found``."""
    text = f"The asset {name!r} is missing: {reason}."
    return UserError(Code.ASSET_NOT_FOUND, text, path=f"assets[{index}]", status=422)


async def record_version(
    store: Store, body: dict[str, Any], spec: TemplateSpec, assets: dict[str, Asset]
) -> TemplateVersion:
    """Keep the version that a Template is at, unless it is kept already.

    ``spec`` names every asset by its digest, so that the version never changes.
    """
    meta = body["metadata"]
    version = TemplateVersion(
        version=meta["generation"],
        digest=snapshot(spec, assets).digest(),
        created_at=now(),
        spec=spec,
    )
    key = names.template_version_key(meta["uid"], version.version)
    if await store.stat(key) is None:
        await store.create(key, orjson.dumps(version.wire()))
    return version


async def read_version(store: Store, uid: str, version: int) -> TemplateVersion | None:
    """A version as it was kept; None where there is none."""
    try:
        body = await store.get(names.template_version_key(uid, version))
    except NotFoundError:
        return None
    return TemplateVersion.model_validate(orjson.loads(body))


async def read_versions(store: Store, uid: str, most: int) -> list[TemplateVersion]:
    """The versions that were kept, the newest ``most`` of them, newest first."""
    prefix = names.template_version_prefix(uid)
    keys = [found.key async for found in store.list(prefix)]
    numbers = [int(key.removeprefix(prefix).removesuffix(".json")) for key in keys[-most:]]
    found = [await read_version(store, uid, number) for number in reversed(numbers)]
    return [one for one in found if one is not None]
