"""Colours by name or number, as CSS has them (CSS Color 4). Pure."""

from __future__ import annotations

import re

_NAMES_TEXT = (
    "aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue "
    "blueviolet brown burlywood cadetblue chartreuse chocolate coral cornflowerblue cornsilk "
    "crimson cyan darkblue darkcyan darkgoldenrod darkgray darkgreen darkgrey darkkhaki "
    "darkmagenta darkolivegreen darkorange darkorchid darkred darksalmon darkseagreen "
    "darkslateblue darkslategray darkslategrey darkturquoise darkviolet deeppink deepskyblue "
    "dimgray dimgrey dodgerblue firebrick floralwhite forestgreen fuchsia gainsboro "
    "ghostwhite gold goldenrod gray green greenyellow grey honeydew hotpink indianred indigo "
    "ivory khaki lavender lavenderblush lawngreen lemonchiffon lightblue lightcoral lightcyan "
    "lightgoldenrodyellow lightgray lightgreen lightgrey lightpink lightsalmon lightseagreen "
    "lightskyblue lightslategray lightslategrey lightsteelblue lightyellow lime limegreen "
    "linen magenta maroon mediumaquamarine mediumblue mediumorchid mediumpurple "
    "mediumseagreen mediumslateblue mediumspringgreen mediumturquoise mediumvioletred "
    "midnightblue mintcream mistyrose moccasin navajowhite navy oldlace olive olivedrab "
    "orange orangered orchid palegoldenrod palegreen paleturquoise palevioletred papayawhip "
    "peachpuff peru pink plum powderblue purple rebeccapurple red rosybrown royalblue "
    "saddlebrown salmon sandybrown seagreen seashell sienna silver skyblue slateblue "
    "slategray slategrey snow springgreen steelblue tan teal thistle tomato turquoise violet "
    "wheat white whitesmoke yellow yellowgreen"
)
NAMES = frozenset(_NAMES_TEXT.split())
_ALSO = {
    "navyblue": "navy",
    "brightred": "red",
    "brightblue": "blue",
    "brightgreen": "limegreen",
    "darkpurple": "indigo",
    "darkyellow": "goldenrod",
    "darkbrown": "saddlebrown",
    "darkpink": "deeppink",
    "lightred": "lightcoral",
    "lightpurple": "plum",
    "lightorange": "sandybrown",
    "lightbrown": "tan",
    "mediumgray": "gray",
    "mediumgrey": "gray",
    "burgundy": "#800020",
    "bordeaux": "#800020",
    "charcoal": "#36454f",
    "anthracite": "#383e42",
    "emerald": "#046307",
}
#: How a colour is written in a clause; whether it is one, ``colour`` decides.
PATTERN = r"(?:#[0-9a-f]{3,8}|(?:rgb|hsl)a?\([^)]{1,40}\)|⟦\d+⟧|[a-z]+(?: [a-z]+){0,2}?)"
_HEX = re.compile(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_FUNCTION = re.compile(r"(?:rgb|hsl)a?\(\s*[0-9.]+(?:deg)?%?(?:[\s,/]+[0-9.]+%?){2,3}\s*\)")


def colour(text: str) -> str | None:
    """A colour as CSS writes it; None where the text names none."""
    plain = text.strip().casefold()
    if _HEX.fullmatch(plain) or _FUNCTION.fullmatch(plain):
        return plain
    name = re.sub(r"[\s-]+|\b(?:a|an|the)\b", "", plain)
    return name if name in NAMES else _ALSO.get(name)
