"""Templates: what their status says, and the record of each version.

A Template is looked at when it changed, and at every resync while something is amiss with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pressroom.dataschema import foreign_reference, schema_fault
from pressroom.errors import ConflictError, NotFoundError, UserError
from pressroom.model.base import now
from pressroom.model.conditions import Condition, Status, find, put
from pressroom.model.rows import brief
from pressroom.model.template import TemplateSpec, TemplateStatus
from pressroom.pagetexts import texts
from pressroom.ports import TEMPLATES, Jobs, Store
from pressroom.templatestore import record_version
from pressroom.templating import syntax_fault
from pressroom_operator.active import Key
from pressroom_operator.samplecheck import sample_fault
from pressroom_operator.templatespec import Pinned, Specs
from pressroom_operator.workqueue import WorkQueue

READY = "Ready"
_MOST_CHARACTERS = 2000


@dataclass(frozen=True)
class _Fault:
    """Why a template is not ready."""

    reason: str
    message: str


class Templates:
    """Looks at Templates, one after another. Needs the resources and the store."""

    def __init__(self, jobs: Jobs, store: Store) -> None:
        self._jobs = jobs
        self._store = store
        self._specs = Specs(jobs, store)
        self.keys: WorkQueue[Key] = WorkQueue()

    def seen(self, type_: str, body: dict[str, Any]) -> None:
        """A Template was listed or has changed."""
        metadata = body["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if type_ == "DELETED":
            self.keys.forget(key)
        elif not _is_settled(body):
            self.keys.add(key)

    def look_over(self, bodies: Iterable[dict[str, Any]]) -> None:
        """Look again at those of a fresh list that need it."""
        for body in bodies:
            self.seen("LISTED", body)

    async def look(self, key: Key) -> None:
        """Keep the version and write the status. UnavailableError where something is away."""
        try:
            body = await self._jobs.get(TEMPLATES, *key)
        except NotFoundError:
            self.keys.forget(key)
            return
        pinned, fault = await self._judge(body)
        old = _status_of(body)
        status = _status(body, old, pinned, fault)
        if status == old:
            return
        patch = {
            "metadata": {"resourceVersion": body["metadata"]["resourceVersion"]},
            "status": {"digest": None, **status.wire()},
        }
        try:
            await self._jobs.patch(TEMPLATES, *key, patch, subresource="status")
        except NotFoundError:
            self.keys.forget(key)
        except ConflictError:
            self.keys.add_after(key, 0.05)

    async def _judge(self, body: dict[str, Any]) -> tuple[Pinned | None, _Fault | None]:
        try:
            spec = TemplateSpec.model_validate(body["spec"])
        except ValidationError as error:
            return None, _Fault("Invalid", brief(error))
        fault = await asyncio.to_thread(_text_fault, spec) or await _data_fault(spec)
        try:
            pinned = await self._specs.pinned(body, spec, body["metadata"]["generation"])
        except UserError as error:
            return None, fault or _Fault("AssetMissing", error.message)
        await record_version(self._store, body, pinned.spec, pinned.assets)
        return pinned, fault


def _text_fault(spec: TemplateSpec) -> _Fault | None:
    found = {"html": spec.html}
    if spec.page is not None:
        found |= {f"page.{name}": text for name, text in texts(spec.page).items()}
    for name, text in found.items():
        fault = syntax_fault(text)
        if fault is not None:
            line, message = fault
            return _Fault("SyntaxError", f"Line {line} of {name}: {message.rstrip('.')}.")
    return None


async def _data_fault(spec: TemplateSpec) -> _Fault | None:
    if spec.data_schema is None:
        return None
    fault = await asyncio.to_thread(schema_fault, spec.data_schema)
    fault = fault or foreign_reference(spec.data_schema)
    if fault is not None:
        return _Fault("SchemaInvalid", f"dataSchema is no JSON Schema: {fault}")
    if spec.sample_data is None:
        return None
    fault = await sample_fault(spec.data_schema, spec.sample_data)
    return _Fault("SampleDataInvalid", f"sampleData: {fault}") if fault else None


def _status(
    body: dict[str, Any], old: TemplateStatus, pinned: Pinned | None, fault: _Fault | None
) -> TemplateStatus:
    generation = body["metadata"]["generation"]
    ready = Condition(
        type=READY,
        status=Status.FALSE if fault else Status.TRUE,
        reason=fault.reason if fault else "Ready",
        message=fault.message[:_MOST_CHARACTERS] if fault else "Batches can use it.",
        last_transition_time=now(),
        observed_generation=generation,
    )
    return TemplateStatus(
        observed_generation=generation,
        version=generation,
        digest=pinned.snapshot().digest() if pinned else None,
        conditions=put(old.conditions, ready),
    )


def _status_of(body: dict[str, Any]) -> TemplateStatus:
    try:
        return TemplateStatus.model_validate(body.get("status") or {})
    except ValidationError:
        return TemplateStatus()


def _is_settled(body: dict[str, Any]) -> bool:
    """Nothing can be new about it: its faults are its own, and no ConfigMap is part of it."""
    status = _status_of(body)
    if status.observed_generation != body["metadata"]["generation"]:
        return False
    ready = find(status.conditions, READY)
    if ready is None or ready.reason == "AssetMissing":
        return False
    return not any("configMap" in one for one in body["spec"].get("assets") or ())
