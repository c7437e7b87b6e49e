"""In which order the characters of a line are drawn. In UAX #9's own notation: capitals are Hebrew.

The expected lines are what the reference implementation of UAX #9 draws.
"""

from __future__ import annotations

import pytest

from pressroom_finalizer.bidi import levels, ordered

_HEBREW = {chr(ord("A") + at): chr(0x05D0 + at) for at in range(26)}
_LATIN = {hebrew: latin for latin, hebrew in _HEBREW.items()}


def drawn(text: str) -> str:
    """What stands from left to right, the Hebrew letters as capitals again."""
    real = "".join(_HEBREW.get(one, one) for one in text)
    return "".join(
        _LATIN.get(one, one) for one in ordered(list(zip(levels(real), real, strict=True)))
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("Ana".lower(), "ana"),
        ("page 3 / 14", "page 3 / 14"),
        ("CAR", "RAC"),
        ("CAR RED", "DER RAC"),
        ("CAR 17 RED", "DER 17 RAC"),
        ("CAR 12,500.75 RED", "DER 12,500.75 RAC"),
        ("smith CAR 3", "smith 3 RAC"),
        ("smith (CAR) 3", "smith (RAC) 3"),
        ("CAR (new) 3", "3 )new( RAC"),
        ("CAR smith", "smith RAC"),
        ("CAR!", "!RAC"),
        ("smith CAR!", "smith RAC!"),
        ("50% CAR", "RAC 50%"),
        ("smith [CAR", "smith [RAC"),
    ],
)
def test_letters_numbers_and_brackets_stand_as_they_are_read(text: str, expected: str) -> None:
    assert drawn(text) == expected


def test_numbers_after_arabic_letters_stand_left_of_them() -> None:
    real = "محمد 12"
    assert "".join(ordered(list(zip(levels(real), real, strict=True)))) == "12 " + "محمد"[::-1]
