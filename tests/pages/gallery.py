"""Print every built-in document in every style into ``docs/gallery/``: what ``make gallery`` does.

PYTHONPATH=tests:tests/pages python -m gallery [DIRECTORY]
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from press import Press, png
from servers import Background
from specimens import sheet

from pressroom.documents import DocType, Style

GALLERY = Path(__file__).parents[2] / "docs" / "gallery"
DPI = 72
_COLOURS = 128


def pictures(press: Press) -> dict[str, bytes]:
    """The first page of each as PNG, by the name of its file, such as ``invoice-bold.png``."""
    wanted = [(kind, style) for kind in DocType for style in Style]
    files = press.print_all([sheet(kind, style) for kind, style in wanted])
    return {
        f"{kind}-{style}.png": _small(png(file, dpi=DPI))
        for (kind, style), file in zip(wanted, files, strict=True)
    }


def _small(picture: bytes) -> bytes:
    """The same picture with few colours: a third of the bytes, and no difference to the eye."""
    with Image.open(io.BytesIO(picture)) as image:
        few = image.convert("RGB").quantize(
            _COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
    out = io.BytesIO()
    few.save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else GALLERY
    directory.mkdir(parents=True, exist_ok=True)
    background = Background()
    press = Press(background)
    press.start()
    try:
        for name, picture in pictures(press).items():
            (directory / name).write_bytes(picture)
    finally:
        press.stop()
        background.close()


if __name__ == "__main__":
    main()
