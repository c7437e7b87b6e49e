"""One operator at a time: a Lease (coordination.k8s.io) is held before anything is done.

Whoever cannot renew within its deadline, by the monotonic clock, ends its process at once: another
may be at work already.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime

from pressroom.errors import ConflictError, NotFoundError, UnavailableError
from pressroom.lifecycle import backoff
from pressroom.names import LEASE_NAME
from pressroom.ports import LEASES, Jobs, Json

log = logging.getLogger(__name__)


def _end_process() -> None:
    os._exit(3)


class Lease:
    """The operator's Lease. ``held`` says whether we lead now."""

    def __init__(
        self,
        jobs: Jobs,
        namespace: str,
        identity: str,
        seconds: int,
        *,
        lost: Callable[[], None] = _end_process,
    ) -> None:
        self._jobs = jobs
        self._namespace = namespace
        self._identity = identity
        self._seconds = seconds
        self._lost = lost
        self._renewed = 0.0
        self._seen: tuple[str, float] = ("", 0.0)
        self.held = False

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        while not self.held:
            self.held = await self._try()
            if not self.held:
                await asyncio.sleep(min(1.0, self._seconds / 10))

    async def keep(self) -> None:
        """Renew for ever; ends the process when renewing failed for too long."""
        try:
            while self.held:
                async with asyncio.timeout_at(self._deadline()):
                    await asyncio.sleep(self._seconds / 3)
                    await self._renew()
        except TimeoutError:
            self.held = False
        log.error("The Lease could not be renewed; ending", extra={"action": "lease_lost"})
        self._lost()

    async def _renew(self) -> None:
        """Until it worked, or another is seen to lead."""
        for delay in backoff(self._seconds / 60, self._seconds / 15):
            if await self._try() or not self.held:
                return
            await asyncio.sleep(delay)

    def _deadline(self) -> float:
        """By the loop's clock, which is the monotonic one. Well before another may take over."""
        return self._renewed + self._seconds * 2 / 3

    async def release(self) -> None:
        """Let another have it at once."""
        if not self.held:
            return
        self.held = False
        try:
            lease = await self._jobs.get(LEASES, self._namespace, LEASE_NAME)
            if lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"]["holderIdentity"] = ""
                await self._jobs.replace(LEASES, self._namespace, LEASE_NAME, lease)
        except (ConflictError, NotFoundError, UnavailableError) as error:
            log.warning("The Lease was not released", extra={"error": error.log})

    async def _try(self) -> bool:
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._seconds / 3):
                taken = await self._take()
        except (ConflictError, UnavailableError, TimeoutError) as error:
            log.warning("The Lease was not renewed", extra={"error": str(error)})
            return False
        if taken:
            self._renewed = started
        return taken

    async def _take(self) -> bool:
        try:
            lease = await self._jobs.get(LEASES, self._namespace, LEASE_NAME)
        except NotFoundError:
            await self._jobs.create(LEASES, self._namespace, self._body({}, 0))
            return True
        holder = lease["spec"].get("holderIdentity") or ""
        if holder not in ("", self._identity) and not self._expired(lease):
            self.held = False  # another leads: whatever we thought, we do not
            return False
        moved = 0 if holder == self._identity else 1
        body = self._body(lease, int(lease["spec"].get("leaseTransitions") or 0) + moved)
        await self._jobs.replace(LEASES, self._namespace, LEASE_NAME, body)
        return True

    def _expired(self, lease: Json) -> bool:
        """Not renewed for its whole duration, by our own clock: no two clocks are compared."""
        version = lease["metadata"]["resourceVersion"]
        if self._seen[0] != version:
            self._seen = (version, asyncio.get_running_loop().time())
            return False
        seconds = lease["spec"].get("leaseDurationSeconds") or self._seconds
        return asyncio.get_running_loop().time() - self._seen[1] > seconds

    def _body(self, lease: Json, transitions: int) -> Json:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = lease.get("spec", {})
        mine = spec.get("holderIdentity") == self._identity
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": lease.get("metadata") or {"name": LEASE_NAME, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": self._seconds,
                "acquireTime": spec["acquireTime"] if mine and "acquireTime" in spec else at,
                "renewTime": at,
                "leaseTransitions": transitions,
            },
        }
