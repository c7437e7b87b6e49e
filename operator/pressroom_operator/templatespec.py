"""A Template as jobs use it: its assets brought into the store, its version pinned."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any

from pressroom.errors import NotFoundError
from pressroom.model.template import Asset, AssetRef, AssetSource, Snapshot, TemplateSpec, snapshot
from pressroom.names import asset_key
from pressroom.ports import CONFIG_MAPS, Jobs, Store
from pressroom.templatestore import missing_asset, stored_assets, tenant_of


@dataclass(frozen=True)
class Pinned:
    """A template at one version: ``spec`` names every asset by its digest."""

    version: int
    spec: TemplateSpec
    assets: dict[str, Asset]

    def snapshot(self) -> Snapshot:
        """What a job keeps of it."""
        return snapshot(self.spec, self.assets)


class Specs:
    """Reads Templates. Needs the ConfigMaps and the store."""

    def __init__(self, jobs: Jobs, store: Store) -> None:
        self._jobs = jobs
        self._store = store

    async def pinned(self, body: dict[str, Any], spec: TemplateSpec, version: int) -> Pinned:
        """A Template's ``spec`` of this version. UserError ``asset_not_found``."""
        tenant, namespace = tenant_of(body), body["metadata"]["namespace"]
        refs = [
            await self._copied(ref, index, tenant, namespace)
            for index, ref in enumerate(spec.assets or ())
        ]
        spec = spec.evolve(assets=refs or None)
        return Pinned(version, spec, await stored_assets(self._store, tenant, spec))

    async def _copied(self, ref: AssetRef, index: int, tenant: str, namespace: str) -> AssetRef:
        """The asset under its digest; one of a ConfigMap is copied into the store first."""
        if ref.config_map is None:
            return ref
        data = await self._of_config_map(namespace, ref.config_map)
        if data is None:
            source = ref.config_map
            text = f"there is no ConfigMap {source.name} with a key {source.key}"
            raise missing_asset(ref.name, index, text)
        sha256 = hashlib.sha256(data).hexdigest()
        await self._store.put(asset_key(tenant, sha256), data)
        return AssetRef(name=ref.name, sha256=sha256, bytes=len(data))

    async def _of_config_map(self, namespace: str, source: AssetSource) -> bytes | None:
        try:
            body = await self._jobs.get(CONFIG_MAPS, namespace, source.name)
        except NotFoundError:
            return None
        text = (body.get("data") or {}).get(source.key)
        if text is not None:
            return str(text).encode()
        coded = (body.get("binaryData") or {}).get(source.key)
        try:
            return None if coded is None else base64.b64decode(coded, validate=True)
        except binascii.Error:
            return None
