"""Numbers as their formats show them (ECMA-376, 18.8.31). Pure text."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

from pressroom.workbook.tokens import Token, tokens_of

_COMPARE: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "<>": operator.ne,
}
_GENERAL_DIGITS = 10


def general(number: Decimal) -> str:
    """A number as ``General`` has it, though whole numbers are never cut short."""
    if not number.is_finite():
        return str(number)
    if number == number.to_integral_value() and abs(number) < Decimal("1e21"):
        return f"{number.to_integral_value():f}"
    if abs(number) >= Decimal(10) ** _GENERAL_DIGITS:
        return f"{_rounded(number, 0):f}" if abs(number) < Decimal("1e21") else f"{number:.6G}"
    return f"{float(number):.{_GENERAL_DIGITS}g}".upper()


def number_text(number: Decimal, number_format: str) -> str:
    sections = tokens_of(number_format)
    if not number.is_finite() or number_format in ("", "General", "@"):
        return general(number)
    section, bare = _section(sections, number)
    kinds = {token.kind for token in section}
    if "general" in kinds or {"date", "elapsed"} & kinds or _is_fraction(section):
        text = "".join(
            general(abs(number)) if token.kind == "general" else token.text
            for token in section
            if token.kind in ("general", "literal")
        )
        text = text if "general" in kinds else general(abs(number))
        return ("-" if number < 0 and not bare else "") + text.strip()
    return _digits(section, abs(number), negative=number < 0 and not bare)


def _section(sections: Sequence[Sequence[Token]], number: Decimal) -> tuple[Sequence[Token], bool]:
    """The section for a number, and whether it shows the sign itself."""
    if any(token.kind == "condition" for section in sections for token in section):
        for section in sections:
            condition = next((token.text for token in section if token.kind == "condition"), None)
            if condition is None or _holds(condition, number):
                return section, False
        return sections[-1], False
    if number < 0 and len(sections) > 1:
        return sections[1], True
    if number == 0 and len(sections) > 2:
        return sections[2], True
    return sections[0], False


def _holds(condition: str, number: Decimal) -> bool:
    sign = condition.rstrip("-.0123456789")
    return _COMPARE[sign](number, Decimal(condition.removeprefix(sign)))


def _is_fraction(section: Sequence[Token]) -> bool:
    kinds = [(token.kind, token.text) for token in section]
    slash = kinds.index(("literal", "/")) if ("literal", "/") in kinds else 0
    return any(kind == "digit" for kind, _ in kinds[:slash])


def _digits(section: Sequence[Token], number: Decimal, *, negative: bool) -> str:
    """A section of digit placeholders, filled in."""
    # A decimal part is one token for the sake of times; here each digit counts.
    tokens: list[Token] = []
    for token in section:
        parts = [Token("digit", mark) for mark in token.text]
        tokens += parts if token.kind == "part" else [token]
    marks_at = [at for at, one in enumerate(tokens) if one.kind == "digit" and one.text in "0#?"]
    if not marks_at:
        text = "".join(one.text for one in tokens if one.kind == "literal")
        sign = "%" if any(one.kind == "digit" and one.text == "%" for one in tokens) else ""
        return ("-" if negative and text else "") + (text + sign).strip()
    layout = _Layout.of(tokens, marks_at)
    text = layout.fill(number)
    minus = "-" if negative and re.search("[1-9]", text) else ""
    return (minus + text).strip()


@dataclass(frozen=True)
class _Layout:
    """What stands before the digits, the digits' own places, and what stands after."""

    before: str
    whole: tuple[Token, ...]
    decimals: tuple[Token, ...]
    exponent: tuple[Token, ...]
    after: str
    grouped: bool
    shift: int
    point: bool

    @classmethod
    def of(cls, tokens: Sequence[Token], marks: Sequence[int]) -> _Layout:
        """``marks``: where the placeholders are."""
        first, last = marks[0], marks[-1]
        while last + 1 < len(tokens) and tokens[last + 1] in (_COMMA, _POINT):
            last += 1
        while first and tokens[first - 1] == _POINT:
            first -= 1
        core = list(tokens[first : last + 1])
        power = next((at for at, one in enumerate(core) if one.kind == "exponent"), len(core))
        core, exponent = core[:power], core[power:]
        point = core.index(_POINT) if _POINT in core else len(core)
        whole = core[:point]
        scale = 0
        while whole and whole[-1] == _COMMA:
            whole.pop()
            scale += 3
        decimals = [one for one in core[point + 1 :] if one != _COMMA]
        scale += 3 * sum(one == _COMMA for one in core[point + 1 :])
        percent = sum(one == _PERCENT for one in tokens)
        return cls(
            before=_text(tokens[:first]),
            whole=tuple(one for one in whole if one != _COMMA),
            decimals=tuple(decimals),
            exponent=tuple(exponent),
            after=_text(tokens[last + 1 :]),
            grouped=_COMMA in whole,
            shift=2 * percent - scale,
            point=point < len(core),
        )

    def fill(self, number: Decimal) -> str:
        """The text of a number that is not negative."""
        with localcontext() as context:
            context.prec = 400
            number = number.scaleb(self.shift)
            power = 0
            places = sum(one.kind == "digit" for one in self.decimals)
            if self.exponent:
                number, power = _mantissa(number, places)
            text = f"{_rounded(number, places):f}"
        whole, _, fraction = text.partition(".")
        shown_fraction = _fraction(fraction, self.decimals)
        point = "." if self.point and (shown_fraction or not self.decimals) else ""
        filled = _whole(whole.lstrip("0"), self.whole, grouped=self.grouped)
        return self.before + filled + point + shown_fraction + self._power(power) + self.after

    def _power(self, power: int) -> str:
        if not self.exponent:
            return ""
        width = sum(one.kind == "digit" for one in self.exponent)
        sign = "-" if power < 0 else "+" if self.exponent[0].text.endswith("+") else ""
        return f"E{sign}{abs(power):0{width}d}"


_COMMA = Token("digit", ",")
_POINT = Token("digit", ".")
_PERCENT = Token("digit", "%")


def _text(tokens: Sequence[Token]) -> str:
    return "".join(one.text for one in tokens if one.kind == "literal" or one == _PERCENT)


def _rounded(number: Decimal, places: int) -> Decimal:
    with localcontext() as context:
        context.prec = 400
        # Fifteen digits are what a spreadsheet knows: 1.005 is meant, not 1.00499999999999989….
        return number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def _mantissa(number: Decimal, places: int) -> tuple[Decimal, int]:
    if not number:
        return number, 0
    power = number.adjusted()
    mantissa = number.scaleb(-power)
    if _rounded(mantissa, places) >= 10:
        return mantissa.scaleb(-1), power + 1
    return mantissa, power


def _fraction(digits: str, places: Sequence[Token]) -> str:
    """Digits after the point; ``#`` drops zeros at the end, ``?`` makes blanks of them."""
    optional = {"#": "", "?": " "}
    shown_digits: list[str] = []
    left = len(digits)
    ended = True
    for place in reversed(places):
        if place.kind != "digit":
            shown_digits.append(place.text)
            continue
        left -= 1
        digit = digits[left]
        ended = ended and digit == "0" and place.text in optional
        shown_digits.append(optional[place.text] if ended else digit)
    return "".join(reversed(shown_digits))


def _whole(digits: str, places: Sequence[Token], *, grouped: bool) -> str:
    """Digits before the point from right to left; the leftmost place takes all that are left."""
    first = next((at for at, one in enumerate(places) if one.kind == "digit"), None)
    found: list[str] = []
    count = 0

    def put(digit: str) -> None:
        nonlocal count
        if grouped and count and count % 3 == 0 and digit.isdigit():
            found.append(",")
        found.append(digit)
        count += 1

    left = list(digits)
    for at in range(len(places) - 1, -1, -1):
        place = places[at]
        if place.kind != "digit":
            # What separates digits that are not there is not shown either, except by zeros.
            if left or any(one.text == "0" for one in places[:at]) or first is None or at < first:
                found.append(place.text)
            continue
        if left:
            put(left.pop())
        elif place.text != "#":
            put("0" if place.text == "0" else " ")
        while at == first and left:
            put(left.pop())
    return "".join(reversed(found))
