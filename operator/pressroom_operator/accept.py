"""Acceptance: checks a job, copies its rows, pins its templates, writes its plan once.

Every step can be run again: what it writes depends on the job alone, and the plan is created
conditionally, so the first one that was written counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from pressroom.errors import Code, NotFoundError, UserError
from pressroom.model.batchjob import BatchJob, Dialect, Manifest, cannot_merge
from pressroom.model.finish import MergeOptions
from pressroom.model.page import PageOptions
from pressroom.model.plan import Plan, cut
from pressroom.model.rows import MAX_ROW_BYTES, Row, parse_row
from pressroom.model.template import MissingValues, Snapshot, TemplateSpec
from pressroom.model.tenant import (
    DEFAULT_ACTIVE_JOBS,
    DEFAULT_MAX_TTL_SECONDS,
    DEFAULT_ROWS_PER_BATCH,
    TenantLimits,
    TenantSpec,
)
from pressroom.names import (
    LABEL_TENANT,
    manifest_key,
    plan_key,
    template_key,
    template_name,
    upload_prefix,
)
from pressroom.ports import CONFIG_MAPS, TEMPLATES, TENANTS, Jobs, Store
from pressroom.templatestore import read_version
from pressroom_operator.claims import Claims
from pressroom_operator.configmaps import data_rows
from pressroom_operator.templatespec import Pinned, Specs


class RejectedError(UserError):
    """The job cannot be accepted, and no waiting will change that."""


@dataclass(frozen=True)
class _Rows:
    """Where the rows of a job are, and how long each of its lines is."""

    key: str
    lengths: list[int]
    templates: frozenset[str]


@dataclass
class _Templates:
    """Digests, and names with versions, by the name that rows use; ``""`` is the job's own."""

    digests: dict[str, str | None] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


class Acceptor:
    """Accepts jobs. Needs the resources and the store."""

    def __init__(self, jobs: Jobs, store: Store) -> None:
        self._jobs = jobs
        self._store = store
        self._specs = Specs(jobs, store)

    async def accept(
        self, job: BatchJob, tenant: TenantSpec, active_jobs: int, claims: Claims
    ) -> Plan:
        """The plan of ``job``. ``active_jobs`` counts its tenant's others.

        Raises RejectedError where the job is at fault, UnavailableError where something is away.
        """
        existing = await self.plan(job.uid)
        if existing is not None:
            return existing
        _check_limits(job, tenant.limits or TenantLimits(), active_jobs)
        if not claims.claim(job):
            raise RejectedError(
                Code.MANIFEST_INVALID,
                "This upload is another BatchJob's; upload the rows again.",
                path="spec.manifest.key",
            )
        rows = await self._rows(job)
        _check_rows(len(rows.lengths), tenant.limits or TenantLimits())
        templates = await self._templates(job, rows.templates)
        plan = Plan(
            uid=job.uid,
            name=job.metadata.name,
            namespace=job.metadata.namespace,
            tenant=job.tenant,
            manifest=rows.key,
            rows=len(rows.lengths),
            shards=list(cut(rows.lengths, len(rows.lengths))),
            templates=templates.digests,
            versions=templates.versions,
            template=job.spec.template.name if job.spec.template else None,
            url=job.spec.url,
            document=job.spec.document,
            egress=list((tenant.egress.pages if tenant.egress else None) or ()),
            page=job.spec.page or PageOptions(),
            missing_values=job.spec.missing_values,
            file_name_pattern=job.spec.file_name_pattern,
            row_timeout_seconds=_or(job.spec.row_timeout_seconds, 30),
            row_retries=_or(job.spec.row_retries, 2),
            dialect=job.spec.dialect or Dialect.NATIVE,
            merged=job.spec.wants_merged(),
            merge=job.spec.merge or MergeOptions(),
        )
        if await self._store.create(plan_key(job.uid), orjson.dumps(plan.wire())):
            return plan
        won = await self.plan(job.uid)
        return won or plan

    async def plan(self, uid: str) -> Plan | None:
        """The plan that was written, if one was."""
        try:
            return Plan.model_validate(orjson.loads(await self._store.get(plan_key(uid))))
        except NotFoundError:
            return None

    async def tenant(self, namespace: str, name: str) -> TenantSpec:
        """A tenant's spec. RejectedError where there is none of that name."""
        try:
            body = await self._jobs.get(TENANTS, namespace, name)
        except NotFoundError as error:
            raise RejectedError(
                Code.TENANT_NOT_FOUND,
                f"There is no Tenant {name} in namespace {namespace}; create it first.",
                path="spec.tenant",
            ) from error
        return TenantSpec.model_validate(body["spec"])

    # --- rows ------------------------------------------------------------------------------------
    async def _rows(self, job: BatchJob) -> _Rows:
        spec = job.spec
        if spec.manifest is not None:
            return await self._uploaded(job.tenant, spec.manifest, spec.templates or [])
        if spec.rows is not None:
            rows: Iterator[Row] = iter(spec.rows)
        else:
            rows = (Row(data=data) for data in await self._config_map_rows(job))
        return await self._copied(job.uid, rows)

    async def _uploaded(self, tenant: str, manifest: Manifest, templates: list[str]) -> _Rows:
        if not manifest.key.startswith(upload_prefix(tenant)) or ".." in manifest.key:
            raise RejectedError(
                Code.MANIFEST_INVALID,
                f"The manifest must lie below {upload_prefix(tenant)}.",
                path="spec.manifest.key",
            )
        digest = hashlib.sha256()
        try:
            lengths = [length async for length in _lines(self._store.stream(manifest.key), digest)]
        except NotFoundError as error:
            raise RejectedError(
                Code.MANIFEST_INVALID,
                f"There is no object {manifest.key}; upload the rows before the BatchJob.",
                path="spec.manifest.key",
            ) from error
        if digest.hexdigest() != manifest.sha256 or len(lengths) != manifest.rows:
            raise RejectedError(
                Code.MANIFEST_INVALID,
                f"The object {manifest.key} is not the one described: it has {len(lengths)} rows "
                f"and SHA-256 {digest.hexdigest()}.",
                path="spec.manifest",
            )
        return _Rows(manifest.key, lengths, frozenset(templates))

    async def _copied(self, uid: str, rows: Iterator[Row]) -> _Rows:
        lines: list[bytes] = []
        templates: set[str] = set()
        ids: set[str] = set()
        for index, row in enumerate(rows):
            name = row.id or str(index)
            if name in ids:
                raise RejectedError(
                    Code.DUPLICATE_ROW_ID,
                    f"Row {index} has the id {name} of an earlier row.",
                    path=f"spec.rows[{index}].id",
                )
            ids.add(name)
            lines.append(row.line())
            templates.update({row.template} if row.template else ())
        if not lines:
            raise RejectedError(Code.NO_ROWS, "There are no rows.", path="spec")
        key = manifest_key(uid)
        await self._store.put(key, b"".join(lines), content_type="application/x-ndjson")
        return _Rows(key, [len(line) for line in lines], frozenset(templates))

    async def _config_map_rows(self, job: BatchJob) -> list[dict[str, object]]:
        reference = job.spec.config_map
        if reference is None:
            raise RejectedError(Code.NO_ROWS, "The job names no rows.", path="spec")
        try:
            body = await self._jobs.get(CONFIG_MAPS, job.metadata.namespace, reference.name)
            text = body.get("data", {})[reference.key]
        except (NotFoundError, KeyError) as error:
            raise RejectedError(
                Code.MANIFEST_INVALID,
                f"There is no ConfigMap {reference.name} with a key {reference.key}.",
                path="spec.configMap",
            ) from error
        try:
            return data_rows(reference.key, text)
        except UserError as error:
            raise RejectedError(error.code, error.message, path="spec.configMap") from error

    # --- templates -------------------------------------------------------------------------------
    async def _templates(self, job: BatchJob, names: frozenset[str]) -> _Templates:
        found = _Templates()
        for name in sorted(names):
            await self._add(found, job, name, name)
        if job.spec.html is not None:
            strictness = job.spec.missing_values or MissingValues.STRICT
            own = Snapshot(html=job.spec.html, missing_values=strictness)
            found.digests[""] = await self._pin(own)
        elif job.spec.template is not None:
            name = job.spec.template.name
            pinned = await self._add(found, job, name, "")
            if pinned is None and job.spec.dialect is Dialect.MAIL_MERGE:
                raise _no_template(name)
            _check_merged(job, pinned.spec.page if pinned else None)
        return found

    async def _add(self, found: _Templates, job: BatchJob, name: str, key: str) -> Pinned | None:
        pinned = await self._find(job, name)
        found.digests[key] = await self._pin(pinned.snapshot() if pinned else None)
        if pinned is not None:
            found.versions[key] = found.versions[name] = f"{name}@{pinned.version}"
        return pinned

    async def _pin(self, found: Snapshot | None) -> str | None:
        if found is None:
            return None
        digest = found.digest()
        # Written even where it exists: a fresh time keeps it from the sweep of unused snapshots.
        await self._store.put(template_key(digest), found.body(), content_type="application/json")
        return digest

    async def _find(self, job: BatchJob, name: str) -> Pinned | None:
        """By name or alias; the tenant's own before a shared one, and no other tenant's."""
        listing = await self._jobs.list(TEMPLATES, job.metadata.namespace)
        for owner in (job.tenant, None):
            owned = [
                body
                for body in listing.items
                if body["metadata"].get("labels", {}).get(LABEL_TENANT) == owner
            ]
            body = _named(owned, template_name(name, job.tenant)) or _named(owned, name)
            body = body or next((one for one in owned if name in _aliases(one)), None)
            if body is not None:
                return await self._version(job, body, name)
        return None

    async def _version(self, job: BatchJob, body: dict[str, Any], name: str) -> Pinned:
        """The version that the job asks for; where it asks for none, the current one."""
        metadata, asked = body["metadata"], job.spec.template
        current: int = metadata["generation"]
        # Rows that name the job's own template mean the version that the job pins.
        pinned = asked.version if asked is not None and asked.name == name else None
        version = pinned or current
        kept = await read_version(self._store, metadata["uid"], version) if pinned else None
        if kept is None and version != current:
            raise RejectedError(
                Code.TEMPLATE_NOT_FOUND,
                f"The template {name} has no version {version}.",
                path="spec.template.version",
            )
        spec = kept.spec if kept else TemplateSpec.model_validate(body["spec"])
        try:
            return await self._specs.pinned(body, spec, version)
        except UserError as error:
            text = f"Template {name}: {error.message}"
            raise RejectedError(error.code, text, path="spec.template") from error


def _named(bodies: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    return next((body for body in bodies if body["metadata"]["name"] == name), None)


def _aliases(body: dict[str, Any]) -> list[str]:
    return body["spec"].get("aliases") or []


def row_ids(lines: bytes, first: int) -> list[str]:
    """The ids of manifest lines, the first of which is row ``first``."""
    ids: list[str] = []
    for index, line in enumerate(lines.rstrip(b"\n").split(b"\n"), start=first):
        try:
            ids.append(parse_row(line).id or str(index))
        except UserError:
            ids.append(str(index))
    return ids


async def _lines(chunks: AsyncIterator[bytes], digest: hashlib._Hash) -> AsyncIterator[int]:
    """The length of every line, newline included; a last line without one is counted too."""
    open_length = 0
    async for chunk in chunks:
        digest.update(chunk)
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            yield open_length + end + 1 - start
            open_length, start = 0, end + 1
        open_length += len(chunk) - start
        if open_length > MAX_ROW_BYTES:
            raise RejectedError(
                Code.MANIFEST_INVALID,
                f"A row of the manifest is longer than {MAX_ROW_BYTES} bytes.",
                path="spec.manifest",
            )
    if open_length:
        yield open_length


def _check_limits(job: BatchJob, limits: TenantLimits, active_jobs: int) -> None:
    most_jobs = _or(limits.active_jobs, DEFAULT_ACTIVE_JOBS)
    if active_jobs >= most_jobs:
        raise RejectedError(
            Code.LIMIT_EXCEEDED, f"The tenant {job.tenant} may have {most_jobs} active jobs."
        )
    most_ttl = _or(limits.max_ttl_seconds, DEFAULT_MAX_TTL_SECONDS)
    # One that is left open is held within the limit when the job expires.
    if _or(job.spec.ttl_seconds_after_finished, 0) > most_ttl:
        raise RejectedError(
            Code.LIMIT_EXCEEDED,
            f"The tenant {job.tenant} may keep data for at most {most_ttl} seconds.",
            path="spec.ttlSecondsAfterFinished",
        )


def _no_template(name: str) -> RejectedError:
    """Where a dialect has it that a missing template fails the job, not its rows."""
    return RejectedError(
        Code.TEMPLATE_NOT_FOUND, f"There is no template {name}.", path="spec.template.name"
    )


def _check_merged(job: BatchJob, template: PageOptions | None) -> None:
    page = (job.spec.page or PageOptions()).over(template)
    if job.spec.wants_merged() and cannot_merge(page):
        raise RejectedError(
            Code.INVALID_OPTION,
            "The template makes images or encrypted PDFs, which cannot be merged: leave Merged "
            "out of outputs.",
            path="spec.outputs",
        )


def _check_rows(rows: int, limits: TenantLimits) -> None:
    most = _or(limits.rows_per_batch, DEFAULT_ROWS_PER_BATCH)
    if rows > most:
        raise RejectedError(
            Code.TOO_MANY_ROWS, f"A batch may have at most {most} rows; it has {rows}."
        )


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
