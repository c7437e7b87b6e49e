"""Calls of the synchronous ``minio`` client from a bounded set of threads, with deadlines.

The seam over that client: what it raises becomes our errors here. It knows no key of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from pressroom.causes import cause_of
from pressroom.errors import NotFoundError, UnavailableError
from pressroom.settings import S3Settings

T = TypeVar("T")
_RETRIES = 2
_CONNECT_SECONDS = 5.0
#: A call that moves megabytes or a thousand keys may take so many ordinary deadlines.
_SLOW = 6
_REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})


class _Connections(urllib3.PoolManager):
    """Repeats failed requests, except conditional writes: a repeat would meet its own object."""

    def urlopen(  # type: ignore[override]  # the stub's own overloads differ from its base
        self, method: str, url: str, redirect: bool = True, **options: Any
    ) -> urllib3.BaseHTTPResponse:
        if "If-None-Match" in (options.get("headers") or {}):
            options["retries"] = urllib3.Retry(total=_RETRIES, read=0, status=0, other=0)
        return super().urlopen(method, url, redirect, **options)


def make_minio(
    endpoint: str, settings: S3Settings, connections: urllib3.PoolManager | None = None
) -> Minio:
    """A client of ``endpoint`` (a URL). The region is given: no look-up of the bucket's."""
    parts = urlsplit(endpoint)
    return Minio(
        parts.netloc,
        access_key=settings.access_key.get_secret_value(),
        secret_key=settings.secret_key.get_secret_value(),
        secure=parts.scheme == "https",
        region=settings.region,
        http_client=connections,
    )


class S3Client:
    """``minio`` on ``settings.pool`` threads and as many connections."""

    def __init__(self, settings: S3Settings, timeout: float) -> None:
        self._timeout = timeout
        self._connections = _Connections(
            num_pools=1,
            maxsize=settings.pool,
            timeout=urllib3.Timeout(connect=min(timeout, _CONNECT_SECONDS), read=timeout),
            retries=urllib3.Retry(
                total=_RETRIES,
                backoff_factor=0.1,
                status_forcelist=(500, 502, 503, 504),
                allowed_methods=None,
                raise_on_status=False,
            ),
        )
        self._threads = ThreadPoolExecutor(settings.pool, "s3")
        # Callers wait here and not in the executor's queue, so waiting callers can be cancelled.
        self._free = asyncio.Semaphore(settings.pool)
        self._background: set[asyncio.Task[None]] = set()
        self.minio = make_minio(settings.endpoint, settings, self._connections)
        self.bucket = settings.bucket

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run ``work`` to its end even if whoever asked for it goes away."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def close(self) -> None:
        """Wait for the calls under way (each has its deadline) and drop the connections."""
        if self._background:
            await asyncio.wait(self._background)
        await asyncio.to_thread(self._threads.shutdown)
        self._connections.clear()

    async def call(self, function: Callable[..., T], *arguments: Any, slow: bool = False) -> T:
        """Run ``function`` in a thread. NotFoundError, UnavailableError."""
        timeout = self._timeout * (_SLOW if slow else 1)
        async with self._free:
            with mapped_errors():
                async with asyncio.timeout(timeout):
                    future = self._threads.submit(function, *arguments)
                    return await asyncio.wrap_future(future)

    def request(
        self,
        method: str,
        key: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """One signed request for an object (for the bucket if ``key`` is empty), in a thread.

        The client's public methods cannot send the headers that conditional requests need.
        """
        answer: urllib3.BaseHTTPResponse = self.minio._execute(
            method,
            self.bucket,
            key or None,
            body=body,
            headers=headers,  # type: ignore[arg-type]  # its DictType is invariant
            query_params=query,  # type: ignore[arg-type]
        )
        return answer


def status_of(error: MinioException) -> int:
    """The HTTP status behind an error of the client's; 0 where there was none."""
    response = getattr(error, "response", None)
    if response is not None:
        return int(response.status)
    return int(getattr(error, "_status_code", 0) or getattr(error, "_code", 0) or 0)


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turns what the client raises into our errors."""
    try:
        yield
    except MinioException as error:
        if status_of(error) == 404 and getattr(error, "code", "") != "NoSuchBucket":
            raise NotFoundError("The object is not there.", log=str(error)) from error
        raise _unavailable(error) from error
    except (urllib3.exceptions.HTTPError, OSError, TimeoutError) as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> UnavailableError:
    if not isinstance(error, S3Error):
        text = f"The object store does not answer: {cause_of(error)}."
        detail = str(error).partition(" (Caused by")[0]
        return UnavailableError(text, log=f"{text} ({detail})" if detail else text)
    if error.code in _REFUSED:
        text = f"The object store refuses our credentials: {error.code}."
    elif error.code == "NoSuchBucket":
        text = "The object store does not have our bucket."
    else:
        text = f"The object store did not do it: {error.code}."
    return UnavailableError(text, log=f"{text} ({error.message}; {error.resource})")
