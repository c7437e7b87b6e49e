"""Job ids as each API writes them. Pure; every form holds the same 120 bits, so none is stored.

The resource's own name (``j`` and 24 base32 characters) is the native id. A name that a kubectl
user chose has no form in any other API.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from pressroom import names
from pressroom.model.batchjob import Dialect

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BITS = 120


@dataclass(frozen=True)
class _Form:
    write: Callable[[int], str]
    read: Callable[[str], int | None]


def public_id(dialect: Dialect, name: str) -> str:
    """The id of the job of this resource name in a dialect's form.

    ValueError: a name that no gateway made.
    """
    bits = names.job_id(name)
    if bits is None:
        raise ValueError(f"{name} is not a job id of ours")
    form = _FORMS.get(dialect)
    return form.write(int.from_bytes(bits)) if form else name


def name_of(dialect: Dialect, text: str) -> str | None:
    """The resource name behind an id in a dialect's form; None for any other text."""
    form = _FORMS.get(dialect)
    if form is None:
        return text if names.job_id(text) is not None else None
    value = form.read(text)
    if value is None or not 0 <= value < 1 << _BITS or form.write(value) != text:
        return None
    return names.job_name(value.to_bytes(_BITS // 8))


def _digits(value: int, alphabet: str, width: int) -> str:
    base, digits = len(alphabet), []
    for _ in range(width):
        value, digit = divmod(value, base)
        digits.append(alphabet[digit])
    return "".join(reversed(digits))


def _number(text: str, alphabet: str) -> int | None:
    value = 0
    for digit in text:
        place = alphabet.find(digit)
        if place < 0:
            return None
        value = value * len(alphabet) + place
    return value


def _prefixed(prefix: str, alphabet: str, width: int) -> _Form:
    def write(value: int) -> str:
        return prefix + _digits(value, alphabet, width)

    def read(text: str) -> int | None:
        if not text.startswith(prefix) or len(text) != len(prefix) + width:
            return None
        return _number(text.removeprefix(prefix), alphabet)

    return _Form(write, read)


def _write_uuid(value: int) -> str:
    """Version 8 (RFC 9562): 48 bits, the version, 12 bits, the variant, 2 zero bits, 60 bits."""
    high, middle, low = value >> 72, (value >> 60) & 0xFFF, value & ((1 << 60) - 1)
    return str(uuid.UUID(int=high << 80 | 8 << 76 | middle << 64 | 2 << 62 | low))


def _read_uuid(text: str) -> int | None:
    try:
        value = uuid.UUID(text).int
    except ValueError:
        return None
    return (value >> 80) << 72 | ((value >> 64) & 0xFFF) << 60 | value & ((1 << 60) - 1)


_FORMS = {
    Dialect.LIGHTNING_PDF: _prefixed("job_", _BASE62, 21),
    Dialect.IMAGINE_PDF: _prefixed("job_", _BASE62, 21),
    Dialect.MAIL_MERGE: _Form(_write_uuid, _read_uuid),
    Dialect.PDF_GORILLA: _prefixed("c", _BASE36, 24),
}
