"""What a template or a page can do wrong: its row fails as documented, its neighbours do not."""

from __future__ import annotations

import io
import time

import pypdf
import pytest
from farm_support import Client

pytestmark = pytest.mark.integration
_FINE = "<p>row {{ n }}"
_ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
#: What each row is made of, and what becomes of it: a code, or the pages it has.
ROWS: list[tuple[str, dict[str, object], str | int]] = [
    (_FINE, {}, 1),
    ("<table><tr><td>un<b>closed<p>{{ n }}</div></nonsense>", {}, 1),
    (_ENDLESS, {}, "template_timeout"),
    ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", {}, "template_failed"),
    ("{% for a in range(90000) %}{{ 'x' * 1000 }}{% endfor %}", {}, "template_failed"),
    ("<script>for(;;);</script>", {"scripts": True}, "render_timeout"),
    ("<p>{{ n }}<script>document.body.textContent = 'made'</script>", {"scripts": True}, 1),
    ("{% for a in range(1000) %}<p style='break-after:page'>{{ a }}{% endfor %}", {}, 1000),
    ("{{ n.__class__.__mro__ }}", {}, "template_failed"),
    (_FINE, {}, 1),
]


def test_hostile_rows_fail_alone_within_their_time(client: Client) -> None:
    items = [
        {"id": str(n), "html": html, "data": {"n": n}, **({"page": page} if page else {})}
        for n, (html, page, _) in enumerate(ROWS)
    ]
    started = time.monotonic()
    batch = client.submit(html=None, rows=None, items=items, rowTimeoutSeconds=8)
    done = client.ended(batch["id"], 120)
    assert time.monotonic() - started < 90
    found = client.rows(done["id"])
    for row, (html, _, wanted) in zip(found, ROWS, strict=True):
        if isinstance(wanted, str):
            assert row["error"]["code"] == wanted, (html, row)
        else:
            assert row["state"] == "succeeded", (html, row)
            # The last of a thousand breaks may leave a page of its own.
            assert row["pages"] in (wanted, wanted + (wanted > 1)), html
    fine = client.http.get(f"/v1/batches/{done['id']}/rows/9/file", follow_redirects=True)
    assert pypdf.PdfReader(io.BytesIO(fine.content)).pages[0].extract_text() == "row 9"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"html": "x", "rows": [{}], "page": {"margni": {}}}, 400, "invalid_request"),
        (
            {"html": "x", "rows": [{}], "page": {"width": "9 feet", "height": "1in"}},
            422,
            "invalid_option",
        ),
        ({"html": "x" * 5_000_000, "rows": [{}]}, 422, "invalid_option"),
        ({"html": "x", "rows": [{"n": "x" * 50_000_000}]}, 413, "request_too_large"),
    ],
)
def test_what_cannot_be_rendered_is_refused_whole(
    client: Client, request_: dict[str, object], status: int, code: str
) -> None:
    answer = client.http.post("/v1/batches", json=request_, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text[:300]
