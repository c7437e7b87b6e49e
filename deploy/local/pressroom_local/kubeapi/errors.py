"""The errors of the API, and how they look on the wire (`kind: Status`).

Purely data: no I/O. Messages follow kube-apiserver's, because people search for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """A request that ends in a `Status` of failure."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = dict(headers or {})

    def status(self) -> Json:
        """The `Status` object that says this."""
        body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            body["details"] = self.details
        return body


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing wrong with one field: `spec.page`, `FieldValueInvalid`, and what to tell people.

    `is_type` is set when the value is of another JSON type than the schema's: core kinds answer
    that with 400 where custom resources answer 422.
    """

    field: str
    reason: str
    message: str
    is_type: bool = False

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


@dataclass(frozen=True, slots=True)
class Named:
    """What an error is about: the group, the plural and the kind, and the object's name."""

    group: str
    plural: str
    kind: str
    name: str = ""

    @property
    def text(self) -> str:
        plural = f"{self.plural}.{self.group}" if self.group else self.plural
        return f'{plural} "{self.name}"'

    def details(self) -> Json:
        found = {"name": self.name, "group": self.group, "kind": self.plural}
        return {key: value for key, value in found.items() if value}


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(named: Named, why: str) -> ApiError:
    return ApiError(403, "Forbidden", f"{named.text} is forbidden: {why}", details=named.details())


def not_found(named: Named) -> ApiError:
    return ApiError(404, "NotFound", f"{named.text} not found", details=named.details())


def no_such_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def method_not_allowed() -> ApiError:
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message)


def already_exists(named: Named, *, terminating: bool) -> ApiError:
    prefix = "object is being deleted: " if terminating else ""
    message = f"{prefix}{named.text} already exists"
    return ApiError(409, "AlreadyExists", message, details=named.details())


def conflict(named: Named, why: str = "") -> ApiError:
    why = why or (
        "the object has been modified; please apply your changes to the latest version "
        "and try again"
    )
    message = f"Operation cannot be fulfilled on {named.text}: {why}"
    return ApiError(409, "Conflict", message, details=named.details())


def gone(message: str) -> ApiError:
    return ApiError(410, "Expired", message)


def too_large(limit: int) -> ApiError:
    message = f"Request entity too large: limit is {limit}"
    return ApiError(413, "RequestEntityTooLarge", message)


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
    return ApiError(415, "UnsupportedMediaType", message)


def unprocessable(message: str) -> ApiError:
    return ApiError(422, "Invalid", message)


def invalid(named: Named, causes: Sequence[Cause]) -> ApiError:
    """422 with one cause for each thing wrong."""
    kind = f"{named.kind}.{named.group}" if named.group else named.kind
    said = [str(cause) for cause in causes]
    what = said[0] if len(said) == 1 else f"[{', '.join(said)}]"
    details = named.details() | {
        "kind": named.kind,
        "causes": [
            {"reason": cause.reason, "message": cause.message, "field": cause.field}
            for cause in causes
        ],
    }
    message = f'{kind} "{named.name}" is invalid: {what}'
    return ApiError(422, "Invalid", message, details=details)


def too_many_requests(seconds: int = 1) -> ApiError:
    return ApiError(
        429,
        "TooManyRequests",
        "the server has received too many requests and has asked us to try again later",
        details={"retryAfterSeconds": seconds},
        headers={"Retry-After": str(seconds)},
    )


def internal() -> ApiError:
    return ApiError(500, "InternalError", "Internal error occurred: see the server's log")


def timed_out() -> ApiError:
    return ApiError(408, "Timeout", "the request's body did not arrive in time")
