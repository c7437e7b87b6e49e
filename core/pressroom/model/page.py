"""Page options: what a row is printed on. Purely data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, StringConstraints

from pressroom.model.base import Model, Rule
from pressroom.model.checks import Checks
from pressroom.model.finish import (
    Attachment,
    Encryption,
    FacturX,
    Metadata,
    PdfStandard,
    Watermark,
)

#: A CSS length with an absolute unit; a bare number is pixels (1/96 inch).
Length = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,6}(\.[0-9]{1,4})?(px|pt|pc|mm|cm|in)?$", max_length=16),
]
Html = Annotated[str, StringConstraints(max_length=65536)]

_INCHES = {"px": 1 / 96, "pt": 1 / 72, "pc": 1 / 6, "mm": 1 / 25.4, "cm": 1 / 2.54, "in": 1.0}
#: The longest side of a PDF page (ISO 32000-1, annex C), in inches.
MAX_PAPER_INCHES = 200


def inches(length: str) -> float:
    """A CSS length in inches; a bare number is pixels."""
    unit = length[-2:]
    return float(length[:-2]) * _INCHES[unit] if unit in _INCHES else float(length) / 96


def _paper(length: str) -> str:
    if not 0 < inches(length) <= MAX_PAPER_INCHES * (1 + 1e-9):
        raise ValueError(_PAPER_MESSAGE)
    return length


def _forwards(ranges: str) -> str:
    for one in ranges.split(","):
        first, _, last = one.strip().partition("-")
        if last and int(last) < int(first):
            raise ValueError(f"{one.strip()} must not run backwards")
    return ranges


_PAPER_MESSAGE = f"must be above 0 and at most {MAX_PAPER_INCHES} inches (5080 mm)"
_NUMBER = "double(self.find('^[0-9.]+'))"
_MOST = " : ".join(
    f"self.endsWith('{unit}') ? {most}.0"
    for unit, most in (("in", 200), ("mm", 5080), ("cm", 508), ("pt", 14400), ("pc", 1200))
)
#: The side of a paper.
PaperLength = Annotated[
    Length,
    AfterValidator(_paper),
    Field(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": f"{_NUMBER} > 0.0 && {_NUMBER} <= ({_MOST} : 19200.0)",
                    "message": _PAPER_MESSAGE,
                }
            ]
        }
    ),
]
#: Pages from 1; that a range does not run backwards is left to this model.
PageRanges = Annotated[
    str,
    StringConstraints(
        pattern=r"^0*[1-9][0-9]{0,5}(-(0*[1-9][0-9]{0,5})?)?"
        r"( *, *0*[1-9][0-9]{0,5}(-(0*[1-9][0-9]{0,5})?)?)*$",
        max_length=200,
    ),
    AfterValidator(_forwards),
]


class PaperFormat(StrEnum):
    """Paper by name."""

    A0 = "A0"
    A1 = "A1"
    A2 = "A2"
    A3 = "A3"
    A4 = "A4"
    A5 = "A5"
    A6 = "A6"
    LETTER = "Letter"
    LEGAL = "Legal"
    TABLOID = "Tabloid"
    LEDGER = "Ledger"


#: Width and height of each paper in inches, portrait (ISO 216; ANSI/ASME Y14.1).
PAPER_INCHES: dict[PaperFormat, tuple[float, float]] = {
    PaperFormat.A0: (33.1102, 46.811),
    PaperFormat.A1: (23.3858, 33.1102),
    PaperFormat.A2: (16.5354, 23.3858),
    PaperFormat.A3: (11.6929, 16.5354),
    PaperFormat.A4: (8.2677, 11.6929),
    PaperFormat.A5: (5.8268, 8.2677),
    PaperFormat.A6: (4.1339, 5.8268),
    PaperFormat.LETTER: (8.5, 11.0),
    PaperFormat.LEGAL: (8.5, 14.0),
    PaperFormat.TABLOID: (11.0, 17.0),
    PaperFormat.LEDGER: (17.0, 11.0),
}


class Output(StrEnum):
    """What a row becomes."""

    PDF = "Pdf"
    PNG = "Png"
    JPEG = "Jpeg"
    WEBP = "Webp"

    @property
    def extension(self) -> str:
        """The file name's extension, without the dot."""
        return "jpg" if self is Output.JPEG else self.value.lower()

    @property
    def content_type(self) -> str:
        """The media type (RFC 6838)."""
        return "application/pdf" if self is Output.PDF else f"image/{self.value.lower()}"


class Media(StrEnum):
    """The CSS media type a page is laid out for."""

    PRINT = "Print"
    SCREEN = "Screen"


#: What Factur-X calls the invoice inside the PDF, and XRechnung.
INVOICE_FILES = ("factur-x.xml", "xrechnung.xml")


class MediaFeatureName(StrEnum):
    """What the browser can be told to say to media queries, by the names of CSS."""

    COLOR_GAMUT = "color-gamut"
    FORCED_COLORS = "forced-colors"
    PREFERS_COLOR_SCHEME = "prefers-color-scheme"
    PREFERS_CONTRAST = "prefers-contrast"
    PREFERS_REDUCED_MOTION = "prefers-reduced-motion"
    PREFERS_REDUCED_TRANSPARENCY = "prefers-reduced-transparency"


class MediaFeature(Model):
    """A feature that media queries of the page ask for, such as prefers-color-scheme: dark."""

    name: MediaFeatureName
    value: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$", max_length=40)]


class Margin(Model):
    """Page margins, CSS lengths; an absent side keeps the default of 0.4 inches."""

    top: Length | None = None
    right: Length | None = None
    bottom: Length | None = None
    left: Length | None = None


class Wait(Model):
    """What a page with scripts, or one that is fetched, is waited for: all that is given."""

    selector: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None, description="Until an element matches this CSS selector."
    )
    expression: Annotated[str, StringConstraints(min_length=1, max_length=2000)] | None = Field(
        None, description="Until this JavaScript expression is true."
    )
    network_idle: bool | None = Field(
        None, description="Until nothing has been under way for half a second."
    )
    milliseconds: Annotated[int, Field(ge=0, le=600_000)] | None = Field(
        None, description="And then so long."
    )


class Image(Model):
    """How a picture is taken, where the output is one."""

    width: Annotated[int, Field(ge=1, le=16_000)] | None = Field(
        None, description="The window's width in CSS pixels. Default: the paper's."
    )
    height: Annotated[int, Field(ge=1, le=16_000)] | None = Field(
        None, description="The window's height in CSS pixels. Default: the paper's."
    )
    full_page: bool | None = Field(
        None, description="All of the page, however long. Default true; false: the window."
    )
    device_scale_percent: Annotated[int, Field(ge=10, le=400)] | None = Field(
        None, description="Pixels of the picture for 100 CSS pixels. Default 100."
    )
    quality: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="Of JPEG and WebP. Default 80."
    )
    transparent: bool | None = Field(
        None, description="No white behind a page without a background (PNG, WebP)."
    )


class Cookie(Model):
    """A cookie that the URL's requests carry (RFC 6265)."""

    name: Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$")]
    value: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20;\x7f]*$", max_length=4096)]
    domain: Annotated[str, StringConstraints(max_length=253)] | None = Field(
        None, description="Default: the URL's host."
    )
    path: Annotated[str, StringConstraints(pattern=r"^/", max_length=1024)] | None = Field(
        None, description="Default: /."
    )


class Header(Model):
    """A header of an HTTP request (RFC 9110)."""

    name: Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]
    value: Annotated[str, StringConstraints(pattern=r"^[\t\x20-\x7e]*$", max_length=4096)]


class Request(Model):
    """What requests for a URL source say besides. Sent to the URL's own host only."""

    headers: Annotated[list[Header], Field(max_length=50)] | None = None
    cookies: Annotated[list[Cookie], Field(max_length=50)] | None = None


#: What is said of the paper, by whatever model says it.
PAPER_RULES: tuple[Rule, ...] = (
    Rule(
        "has(self.width) == has(self.height)",
        "width and height must be given together",
        lambda p: (p.width is None) == (p.height is None),
    ),
    Rule(
        "!(has(self.format) && has(self.width))",
        "give either format or width and height, not both",
        lambda p: p.format is None or p.width is None,
    ),
)
#: Options of several values, of which one may be stated here and another there.
_GROUPS = frozenset({"margin", "image", "wait", "request", "checks", "metadata"})


class PageOptions(Model):
    """How a row is printed. Absent: as the template says, else the default named."""

    format: PaperFormat | None = Field(None, description="Paper by name. Default A4.")
    width: PaperLength | None = Field(
        None, description="Paper width, with height instead of format."
    )
    height: PaperLength | None = Field(
        None, description="Paper height, with width instead of format."
    )
    margin: Margin | None = None
    landscape: bool | None = None
    scale_percent: Annotated[int, Field(ge=10, le=200)] | None = Field(
        None, description="Scale of the rendering in per cent. Default 100."
    )
    print_background: bool | None = Field(None, description="Print backgrounds. Default true.")
    page_ranges: PageRanges | None = Field(None, description="Pages to keep, such as 1-3, 5.")
    prefer_css_page_size: bool | None = Field(None, description="Let @page choose the paper.")
    single_page: bool | None = Field(
        None, description="One page, as long as its content. The width is the paper's."
    )
    header_html: Html | None = None
    footer_html: Html | None = None
    first_header_html: Html | None = Field(
        None, description="The first page's header, instead of headerHtml. May be empty."
    )
    tagged: bool | None = Field(None, description="Tagged (accessible) PDF. Default false: slower.")
    outline: bool | None = Field(None, description="Bookmarks from headings. Implies tagged.")
    emulated_media: Media | None = Field(None, description="CSS media type. Default Print.")
    emulated_media_features: Annotated[list[MediaFeature], Field(max_length=10)] | None = Field(
        None, description="What media queries find, such as prefers-color-scheme: dark."
    )
    scripts: bool | None = Field(None, description="Run the page's scripts. Default false.")
    output: Output | None = Field(None, description="What each row becomes. Default Pdf.")
    image: Image | None = None
    wait: Wait | None = None
    request: Request | None = None
    checks: Checks | None = None
    metadata: Metadata | None = None
    watermark: Watermark | None = None
    encryption: Encryption | None = None
    attachments: Annotated[list[Attachment], Field(max_length=20)] | None = None
    pdf_standard: PdfStandard | None = Field(None, description="Make the PDF conform to it.")
    factur_x: FacturX | None = None

    rules: ClassVar[tuple[Rule, ...]] = PAPER_RULES

    def over(self, base: PageOptions | None) -> PageOptions:
        """These options, and for what they leave open those of ``base``.

        Groups such as the margin are taken together value by value, the others as a whole.

        A paper by name replaces one by size, and the reverse.
        """
        if base is None:
            return self
        mine = self.model_dump(exclude_none=True)
        theirs = base.model_dump(exclude_none=True)
        if "format" in mine or "width" in mine:
            for paper in ("format", "width", "height"):
                theirs.pop(paper, None)
        for group in _GROUPS & mine.keys() & theirs.keys():
            mine[group] = {**theirs[group], **mine[group]}
        return PageOptions.model_validate({**theirs, **mine})

    @property
    def kind(self) -> Output:
        """What a row becomes, the default filled in."""
        return self.output or Output.PDF

    @property
    def standard(self) -> PdfStandard | None:
        """What the PDF is to conform to: an electronic invoice needs PDF/A-3b."""
        if self.pdf_standard is None and self.factur_x is not None:
            return PdfStandard.PDF_A_3B
        return self.pdf_standard

    def conflict(self) -> str | None:
        """Why what the PDF is to carry cannot be had together; None where it can."""
        if self.standard is not None and self.encryption is not None:
            return "PDF/A and Factur-X cannot be encrypted: leave encryption out, or the other"
        if self.standard is PdfStandard.PDF_A_2B and (
            self.attachments or self.factur_x is not None
        ):
            return "PDF/A-2b has no room for attached files: make pdfStandard PdfA3b"
        attached = [one.name for one in self.attachments or ()]
        if len(set(attached)) != len(attached):
            return "two attachments have the same name: only one of them would be there"
        for name in INVOICE_FILES if self.factur_x is not None else ():
            if name in attached:
                return f"{name} is the invoice's own name: give the attachment another"
        return None

    def paper_inches(self) -> tuple[float, float]:
        """Paper width and height in inches, before ``landscape`` turns them."""
        if self.width is not None and self.height is not None:
            return inches(self.width), inches(self.height)
        return PAPER_INCHES[self.format or PaperFormat.A4]

    def names_paper(self) -> bool:
        """Whether these options themselves say how large the paper is."""
        return self.format is not None or self.width is not None

    def has_room(self) -> bool:
        """Whether the margins stated leave anything of the paper. Images have no margins."""
        if self.kind is not Output.PDF:
            return True
        width, height = self.paper_inches()
        if self.landscape:
            width, height = height, width
        margin = self.margin or Margin()
        across = _margin(margin.left) + _margin(margin.right)
        return across < width and _margin(margin.top) + _margin(margin.bottom) < height


def _margin(length: str | None) -> float:
    # The default may be taken back by the page's own @page.
    return 0.0 if length is None else inches(length)
