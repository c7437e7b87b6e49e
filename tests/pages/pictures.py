"""Pictures of pages, and how far two of them are apart to the eye."""

from __future__ import annotations

import io

from PIL import Image, ImageChops, ImageFilter

#: Half the side, in pixels, of the square over which a picture is evened out: type a quarter of
#: a pixel further on, or smoothed otherwise, is no difference to a reader.
_BLUR = 2
#: How far a colour channel may be off, of 255.
_NEAR = 16


def image(data: bytes) -> Image.Image:
    """A picture that is read whole."""
    with Image.open(io.BytesIO(data)) as found:
        found.load()
        return found


def difference(one: bytes, other: bytes) -> float:
    """The share of the picture, 0 to 1, that has another colour. 1 for pictures of other sizes."""
    with Image.open(io.BytesIO(one)) as first, Image.open(io.BytesIO(other)) as second:
        if first.size != second.size:
            return 1.0
        apart = ImageChops.difference(_even(first), _even(second))
    channels = apart.split()
    most = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    counts = most.histogram()
    return sum(counts[_NEAR + 1 :]) / sum(counts)


def _even(picture: Image.Image) -> Image.Image:
    return picture.convert("RGB").filter(ImageFilter.BoxBlur(_BLUR))
