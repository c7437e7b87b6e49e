"""A file's type by its name and its content."""

from __future__ import annotations

import pytest

from pressroom.media import contradiction, media_type

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("logo.PNG", b"", "image/png"),
        ("logo", PNG, "image/png"),
        ("x.bin", b"RIFF0000WEBPVP8 ", "image/webp"),
        ("style.css", b"p{}", "text/css"),
        ("what", b"?", "application/octet-stream"),
    ],
)
def test_the_type(name: str, head: bytes, kind: str) -> None:
    assert media_type(name, head) == kind


@pytest.mark.parametrize(
    ("name", "data", "at_odds"),
    [
        ("a.png", PNG, False),
        ("a.png", b"<svg>", True),
        ("a.png", b"", True),
        ("a.jpg", PNG, True),
        ("a.css", PNG, True),
        ("a.css", b"p{}", False),
        ("a.svg", b"<?xml?><svg/>", False),
        ("a.svg", b"<html>", True),
        ("a.ttf", b"OTTO", False),
        ("a.anything", b"\0", False),
    ],
)
def test_a_name_that_the_content_belies(name: str, data: bytes, at_odds: bool) -> None:
    assert (contradiction(name, data) is not None) is at_odds
