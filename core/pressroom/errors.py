"""One tree of errors and one closed set of error codes.

::

    PressroomError            what any part may raise on purpose
    ├── UserError             the request or the row is at fault; carries a Code and a path
    │   └── RowError          fails one row alone
    ├── NotFoundError         an object, resource or subject that is not there
    ├── ConflictError         the resourceVersion, the uid or the name was taken by another writer
    └── UnavailableError      a dependency did not answer in time; try again later

A code never changes its meaning. ``message`` is for the user; what the log needs besides goes into
``log``. Texts say what is wrong, where, and what to do.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Every code that the farm shows, in HTTP answers, ledgers, conditions and metrics."""

    # The request
    MALFORMED_JSON = "malformed_json"
    MALFORMED_CSV = "malformed_csv"
    BAD_ENCODING = "bad_encoding"
    INVALID_REQUEST = "invalid_request"
    INVALID_OPTION = "invalid_option"
    NO_ROWS = "no_rows"
    TOO_MANY_ROWS = "too_many_rows"
    DUPLICATE_ROW_ID = "duplicate_row_id"
    REQUEST_TOO_LARGE = "request_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    BATCH_ENDED = "batch_ended"
    GONE = "gone"
    NOT_READY = "not_ready"
    PREVIOUS_JOB_IS_BEING_DELETED = "previous_job_is_being_deleted"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    TOO_MANY_REQUESTS = "too_many_requests"
    TOO_MANY_ACTIVE_JOBS = "too_many_active_jobs"
    PAGE_QUOTA_EXCEEDED = "page_quota_exceeded"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    FEATURE_NOT_ALLOWED = "feature_not_allowed"
    TOO_COMPLEX = "too_complex"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    # The template
    TEMPLATE_NOT_FOUND = "template_not_found"
    TEMPLATE_SYNTAX = "template_syntax"
    TEMPLATE_UNDEFINED = "template_undefined"
    TEMPLATE_FAILED = "template_failed"
    TEMPLATE_TIMEOUT = "template_timeout"
    # The rendering of a row
    ROW_INVALID = "row_invalid"
    DATA_INVALID = "data_invalid"
    ASSET_NOT_FOUND = "asset_not_found"
    ASSET_INVALID = "asset_invalid"
    SOURCE_FAILED = "source_failed"
    QUALITY = "quality"
    FINISH_FAILED = "finish_failed"
    RENDER_TIMEOUT = "render_timeout"
    RENDER_CRASHED = "render_crashed"
    RENDER_FAILED = "render_failed"
    OUTPUT_TOO_LARGE = "output_too_large"
    # The batch
    CANCELLED = "cancelled"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    SHARD_GAVE_UP = "shard_gave_up"
    MANIFEST_INVALID = "manifest_invalid"
    TENANT_NOT_FOUND = "tenant_not_found"
    LIMIT_EXCEEDED = "limit_exceeded"


class PressroomError(Exception):
    """An error that a part raises on purpose."""

    def __init__(self, message: str, *, log: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.log = log or message


class UserError(PressroomError):
    """The request is at fault. ``path`` is a JSON pointer-like path, ``line`` is 1-based."""

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        path: str | None = None,
        line: int | None = None,
        status: int = 400,
        retry_after: float | None = None,
        log: str = "",
    ) -> None:
        super().__init__(message, log=log)
        self.code = code
        self.path = path
        self.line = line
        self.status = status
        self.retry_after = retry_after


class RowError(UserError):
    """One row is at fault and fails alone; the others come out."""


class NotFoundError(PressroomError):
    """The object, resource or subject is not there."""


class ConflictError(PressroomError):
    """Another writer was first: a stale resourceVersion, another uid, or a name already taken."""


class UnavailableError(PressroomError):
    """A dependency is away or did not answer in time. Trying again later may help."""
