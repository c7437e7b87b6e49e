"""What the rows of a shard may load: worked out once for each template and each allow-list."""

from __future__ import annotations

from collections.abc import Mapping

from pressroom.model.page import PageOptions
from pressroom.model.template import Snapshot
from pressroom.pagehosts import PageHosts
from pressroom_worker.traffic import LoadAsset, Supply, read_asset
from pressroom_worker.typesetting import Typeset

_HOST_DIGITS = 16


class Supplies:
    """The supplies of one shard's rows."""

    def __init__(self, load: LoadAsset) -> None:
        self._load = load
        self._hosts: dict[tuple[str, ...], PageHosts] = {}
        self._digests: dict[int, tuple[Snapshot, str]] = {}

    def of(self, row: Typeset) -> Supply:
        """What a row's page may load."""
        job = row.job
        if job.egress not in self._hosts:
            self._hosts[job.egress] = PageHosts.parse(job.egress)
        snapshot = job.snapshot
        # A fetched page cannot ask for assets; the row's header and watermark still have them.
        served = snapshot is not None and snapshot.assets and row.url is None
        return Supply(
            host=self._host(snapshot) if snapshot is not None and served else "",
            assets=snapshot.assets if snapshot is not None else {},
            load=self._load,
            hosts=self._hosts[job.egress],
            url=row.url,
            request=row.page.request if row.url is not None else None,
        )

    async def attached(self, page: PageOptions, snapshot: Snapshot | None) -> Mapping[str, bytes]:
        """The assets that attachments name. RowError where one is not there."""
        named = {one.asset or one.name for one in page.attachments or () if one.text is None}
        assets = snapshot.assets if snapshot is not None else {}
        return {name: await read_asset(self._load, assets, name) for name in sorted(named)}

    def _host(self, snapshot: Snapshot) -> str:
        # By identity, for a digest costs more than a row; the entry keeps its snapshot alive.
        known = self._digests.get(id(snapshot))
        if known is None:
            known = self._digests[id(snapshot)] = (snapshot, snapshot.digest()[:_HOST_DIGITS])
        return f"{known[1]}.assets.invalid"
