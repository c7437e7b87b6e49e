"""Every name that two parts must agree on: labels, ids, NATS subjects and object keys. Pure.

Everything outside Kubernetes is keyed by a BatchJob's UID, so a re-created name inherits nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

GROUP = "pressroom.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

PURGE_FINALIZER = f"{GROUP}/purge"
#: The finalizer that kopf takes for its own must differ from ours: kopf removes what it finds.
KOPF_FINALIZER = f"{GROUP}/unused-by-us"
LABEL_TENANT = f"{GROUP}/tenant"
LABEL_API_KEY = f"{GROUP}/api-key"
LABEL_LANE = f"{GROUP}/lane"
LABEL_WEBHOOK = f"{GROUP}/webhook-secret"
ANNOTATION_REQUEST_SHA256 = f"{GROUP}/request-sha256"
ANNOTATION_RETRY_OF = f"{GROUP}/retry-of"
ANNOTATION_ROW_LABELS = f"{GROUP}/labels"
#: What a dialect keeps of its request, to show the job again (JSON).
ANNOTATION_ECHO = f"{GROUP}/echo"
#: When a key was last used (RFC 3339), to the minute.
ANNOTATION_LAST_USED = f"{GROUP}/last-used"
#: The Secret of the API key that made a job.
LABEL_KEY = f"{GROUP}/key"
#: A redelivery of the webhook that was asked for (RFC 3339); one that is new is made once.
ANNOTATION_REDELIVER = f"{GROUP}/redeliver-webhook"
#: Creation in milliseconds (RFC 3339): orders jobs of the same second.
ANNOTATION_SUBMITTED_AT = f"{GROUP}/submitted-at"
DEFAULT_TENANT = "default"
LEASE_NAME = "pressroom-operator"

LANE_FAST = "fast"
LANE_BULK = "bulk"
LANES = (LANE_FAST, LANE_BULK)

TASK_FINALIZE = "finalize"
TASK_PURGE = "purge"
TASK_WEBHOOK = "webhook"
TASK_KINDS = (TASK_FINALIZE, TASK_PURGE, TASK_WEBHOOK)

STREAM_WORK = "WORK"
STREAM_TASKS = "TASKS"
#: The key-value bucket of counters, as the stream that it is.
STREAM_COUNTERS = "KV_counters"

_JOB_NAME = re.compile(r"j[a-z2-7]{24}")


# --- job ids -------------------------------------------------------------------------------------
def random_job_id() -> bytes:
    """120 random bits."""
    return secrets.token_bytes(15)


def keyed_job_id(namespace: str, tenant: str, dialect: str, key: str) -> bytes:
    """The 120 bits that an idempotency key stands for, so that the create itself is idempotent."""
    text = "\0".join((namespace, tenant, dialect, key))
    return hashlib.sha256(text.encode()).digest()[:15]


def job_name(job_id: bytes) -> str:
    """The resource name of a job id: ``j`` and 24 base32 characters (RFC 4648, lower case)."""
    return "j" + base64.b32encode(job_id).decode().lower()


def job_id(name: str) -> bytes | None:
    """The 120 bits in a resource name made by :func:`job_name`; None for a name of kubectl's."""
    if not _JOB_NAME.fullmatch(name):
        return None
    return base64.b32decode(name[1:].upper())


_LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_RESOURCE_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")


def is_resource_name(text: str) -> bool:
    """Whether this may name a resource (RFC 1123 subdomain)."""
    return _RESOURCE_NAME.fullmatch(text) is not None


def template_name(template_id: str, tenant: str = DEFAULT_TENANT) -> str:
    """The resource name of a tenant's template: its id, or ``t`` and 24 base32 characters.

    The latter, of a hash, where the id (``tpl_abc123``, ``TEMPLATE_ID``) is no Kubernetes name, and
    for every tenant but the default one, so that none can tell which ids another has taken; the id
    is kept as an alias then.
    """
    if tenant == DEFAULT_TENANT:
        if is_resource_name(template_id):
            return template_id
        text = template_id
    else:
        text = f"{tenant}\0{template_id}"
    digest = hashlib.sha256(text.encode()).digest()[:15]
    return "t" + base64.b32encode(digest).decode().lower()


# --- subjects ------------------------------------------------------------------------------------
def work_subject(lane: str, uid: str, shard: int) -> str:
    """The one subject a shard may be queued under."""
    return f"work.{lane}.{uid}.{shard}"


def work_subjects_of(uid: str) -> str:
    """The filter over all queued shards of a job."""
    return f"work.*.{uid}.>"


def parse_work_subject(subject: str) -> tuple[str, str, int]:
    """Lane, uid and shard of a work subject."""
    _, lane, uid, shard = subject.split(".")
    return lane, uid, int(shard)


def task_subject(kind: str, uid: str) -> str:
    """The one subject a task of this kind may be queued under for this job."""
    return f"tasks.{kind}.{uid}"


def done_subject(uid: str) -> str:
    """Core-NATS hint: a shard of this job has a ledger. Payload: :class:`ShardDone`."""
    return f"done.{uid}"


def control_subject(uid: str) -> str:
    """Core-NATS broadcast to workers: stop rendering this job."""
    return f"ctl.{uid}"


def report_subject(kind: str, uid: str) -> str:
    """Core-NATS hint from the finalizer: a task of this kind has left its record in the store."""
    return f"report.{kind}.{uid}"


def beat_subject(worker: str) -> str:
    """Core-NATS heartbeat of a worker."""
    return f"beat.{worker}"


def host_token(name: str) -> str:
    """A host's name as one token of a subject. A pod's name and its host's have the same one: the
    latter is the first 63 characters of the former, less what no host's name may end with."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name[:63].rstrip("-."))


def counter_subject(key: str) -> str:
    """Where a counter lies in its bucket. ``key`` is made of letters, digits, dots, ``-``, ``_``.

    The form is that of NATS's key-value buckets, so that its tools can read it.
    """
    return f"$KV.{STREAM_COUNTERS.removeprefix('KV_')}.{key}"


# --- object keys ---------------------------------------------------------------------------------
def upload_prefix(tenant: str) -> str:
    """Where a tenant's uploads lie; a manifest key outside it is refused."""
    return f"uploads/{tenant}/"


def upload_key(tenant: str, upload: str) -> str:
    """The NDJSON rows of one upload."""
    return f"{upload_prefix(tenant)}{upload}.ndjson"


def job_prefix(uid: str) -> str:
    """Everything of one job, and nothing of any other."""
    return f"jobs/{uid}/"


def plan_key(uid: str) -> str:
    """The plan, written once and never recomputed."""
    return f"jobs/{uid}/plan.json"


def manifest_key(uid: str) -> str:
    """Rows that the operator copied from the resource or a ConfigMap."""
    return f"jobs/{uid}/manifest.ndjson"


def stop_key(uid: str) -> str:
    """Present once a job is cancelled, suspended, overdue or being deleted."""
    return f"jobs/{uid}/stop"


def shard_prefix(uid: str) -> str:
    """All shard ledgers of a job."""
    return f"jobs/{uid}/shards/"


def shard_key(uid: str, shard: int) -> str:
    """A shard's ledger: whole or absent."""
    return f"{shard_prefix(uid)}{shard:06d}.json"


def shard_of_key(key: str) -> int:
    """The shard number in a ledger key."""
    return int(key.rsplit("/", 1)[1].removesuffix(".json"))


def row_key(uid: str, index: int, attempt: str, extension: str = "pdf") -> str:
    """A row's file. It carries the attempt, so no attempt overwrites another's."""
    return f"jobs/{uid}/rows/{index:06d}.{attempt}.{extension}"


def attempts_prefix(uid: str, shard: int) -> str:
    """One object per attempt at a shard."""
    return f"jobs/{uid}/attempts/{shard:06d}/"


def attempt_key(uid: str, shard: int, attempt: int) -> str:
    """Written before attempt ``n`` (from 1) starts."""
    return f"{attempts_prefix(uid, shard)}{attempt:03d}.json"


def marks_prefix(uid: str, shard: int) -> str:
    """Row markers, written from a shard's second attempt on."""
    return f"jobs/{uid}/marks/{shard:06d}/"


def mark_key(uid: str, shard: int, index: int, attempt: int, what: str) -> str:
    """A row marker; ``what`` is ``start`` or ``end``."""
    return f"{marks_prefix(uid, shard)}{index:06d}.{attempt:03d}.{what}.json"


def output_key(uid: str, attempt: str, file: str) -> str:
    """A finalizer's output under a key that no other attempt writes."""
    return f"jobs/{uid}/out/{attempt}/{file}"


def artifacts_key(uid: str) -> str:
    """Names the outputs that count."""
    return f"jobs/{uid}/artifacts.json"


def webhook_key(uid: str) -> str:
    """What became of a job's webhook."""
    return f"jobs/{uid}/webhook.json"


def usage_key(tenant: str, uid: str) -> str:
    """What a job used."""
    return f"usage/{tenant}/{uid}.json"


def template_key(digest: str) -> str:
    """A template snapshot, named by the SHA-256 of its content."""
    return f"templates/{digest}.json"


def api_key_hash(key: str) -> str:
    """How a key is kept: SHA-256 in hex. Keys are 160 random bits, so no slow hash is needed."""
    return hashlib.sha256(key.encode()).hexdigest()


def asset_key(tenant: str, sha256: str) -> str:
    """An asset's bytes, named by their digest: the same for all templates of a tenant."""
    return f"assets/{tenant}/{sha256}"


def template_version_prefix(uid: str) -> str:
    """All versions of the template with this UID."""
    return f"template-versions/{uid}/"


def template_version_key(uid: str, version: int) -> str:
    """A template's version (a :class:`TemplateVersion`); versions list in order."""
    return f"{template_version_prefix(uid)}{version:08d}.json"
