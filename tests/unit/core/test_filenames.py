"""File names that people get: safe everywhere, unique in one archive."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressroom.model.filenames import MAX_NAME_BYTES, safe_name, unique, with_extension


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("invoice 7.pdf", "invoice 7.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\\b:c*d?.pdf", "a_b_c_d_.pdf"),
        ("Größe 日本.pdf", "Größe 日本.pdf"),
        ("e\u0301.pdf", "é.pdf"),
        ("CON.pdf", "_CON.pdf"),
        ("lpt1", "_lpt1"),
        ("console.pdf", "console.pdf"),
        ("name. . ", "name"),
        ("", "file"),
        ("...", "file"),
        ("a\u202efdp.exe", "afdp.exe"),
        ("a\x00\nb", "a__b"),
        ("\ud800x", "_x"),
    ],
)
def test_names_are_made_safe(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_a_long_name_keeps_its_extension() -> None:
    name = safe_name("ü" * 300 + ".pdf")
    assert name.endswith("ü.pdf")
    assert len(name.encode()) <= MAX_NAME_BYTES


@given(st.text())
def test_any_text_gives_a_safe_name(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name.encode()) <= MAX_NAME_BYTES
    assert name == unicodedata.normalize("NFC", name)
    assert not set(name) & set('/\\:*?"<>|\0\n')
    assert name[-1] not in ". "
    assert name[0] not in ". "


def test_an_extension_is_put_once() -> None:
    assert with_extension("a", "pdf") == "a.pdf"
    assert with_extension("a.PDF", "pdf") == "a.PDF"


def test_repeated_names_are_numbered() -> None:
    names = ["a.pdf", "A.pdf", "a (2).pdf", "a.pdf", "b"]
    assert list(unique(names)) == ["a.pdf", "A (2).pdf", "a (2) (2).pdf", "a (3).pdf", "b"]


def test_many_equal_names_take_linear_time() -> None:
    names = list(unique(["a.pdf"] * 20_000))
    assert len(set(names)) == 20_000
    assert names[-1] == "a (20000).pdf"


@given(st.lists(st.sampled_from(["a", "A", "a (2)", "a (3)", "ä", "A\u0308"]), max_size=30))
def test_names_are_unique_without_regard_to_case(names: list[str]) -> None:
    keys = [unicodedata.normalize("NFC", name.casefold()) for name in unique(names)]
    assert len(set(keys)) == len(names)
