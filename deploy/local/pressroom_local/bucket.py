"""Makes the farm's bucket: one request, signed as S3 wants it (AWS Signature Version 4).

The parts' own S3 client would do too, but would stay in the memory of `pressroom local`.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aiohttp

_REGION = "us-east-1"
_NO_BODY = hashlib.sha256(b"").hexdigest()


async def make_bucket(
    session: aiohttp.ClientSession, endpoint: str, bucket: str, access_key: str, secret_key: str
) -> str | None:
    """Why the bucket could not be made, or None. One that exists is fine."""
    url = f"{endpoint}/{bucket}"
    headers = _signed("PUT", url, access_key, secret_key, datetime.now(UTC))
    try:
        async with session.put(url, headers=headers) as answer:
            if answer.status in (200, 409):  # 409: it is there
                return None
            return f"did not make the bucket ({answer.status} {(await answer.text())[:300]})"
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"did not make the bucket ({type(error).__name__})"


def _signed(
    method: str, url: str, access_key: str, secret_key: str, now: datetime
) -> dict[str, str]:
    """The headers of a request without query or body."""
    parts = urlsplit(url)
    date, moment = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{date}/{_REGION}/s3/aws4_request"
    headers = {"host": parts.netloc, "x-amz-content-sha256": _NO_BODY, "x-amz-date": moment}
    names = ";".join(headers)  # in alphabetical order
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = "\n".join((method, parts.path, "", lines, names, _NO_BODY))
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", moment, scope, digest))
    key = f"AWS4{secret_key}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={access_key}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "Authorization": authorization}
