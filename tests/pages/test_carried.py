"""Watermarks, metadata, attachments and encryption of row PDFs."""

from __future__ import annotations

import io
import subprocess
import threading
from pathlib import Path

import pikepdf
import pytest
from PIL import Image
from press import Press, Sheet, layout, png
from website import picture as plain

from pressroom.errors import Code
from pressroom.model.finish import Attachment, Encryption, Metadata, Permission, Watermark
from pressroom.model.page import PageOptions
from pressroom_worker.render import Failed, Rendered

TWO = "<p>first</p><p style='break-before:page'>second</p>"
RED = plain("#f00")
PAPER = "<style>body{background:#fff}</style><p>text on paper"


def watermarked(**options: object) -> PageOptions:
    return PageOptions(watermark=Watermark.model_validate(options))


def picture(pdf: bytes, page: int = 1) -> Image.Image:
    return Image.open(io.BytesIO(png(pdf, page))).convert("RGB")


def darkest(image: Image.Image) -> int:
    """The darkest grey (0 to 255) of the middle of a page."""
    width, height = image.size
    middle = image.convert("L").crop((width // 4, height * 2 // 5, width * 3 // 4, height * 3 // 5))
    return int(middle.getextrema()[0])


def test_a_watermark_stands_on_every_page(pages: Press) -> None:
    pdf = pages.print(TWO, page=watermarked(text="DRAFT", angle=0))
    found = layout(pdf)
    (first, second) = found.find("DRAFT")
    assert (first.page, second.page) == (1, 2)
    width, height = found.sizes[0]
    assert (first.left + first.right) / 2 == pytest.approx(width / 2, abs=6)
    assert (first.top + first.bottom) / 2 == pytest.approx(height / 2, abs=20)
    printable = width - 2 * 0.4 * 72
    assert (first.right - first.left) / printable == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("mark", [{"text": "DRAFT", "angle": 0}, {"image": "red.png"}])
def test_a_watermark_makes_no_page_of_its_own(pages: Press, mark: dict[str, object]) -> None:
    html = "".join(f"<section style='break-after:page'>sheet{n}</section>" for n in (1, 2))
    html += "<style>section:first-child{break-before:page}</style>"
    sheet = Sheet(html, page=watermarked(**mark), assets={"red.png": RED})
    (pdf,) = pages.print_all([sheet])
    assert layout(pdf).pages == 2


def test_a_watermark_has_its_share_of_a_paper_that_the_page_chose(pages: Press) -> None:
    html = "<style>@page{size:100mm 150mm;margin:20mm}</style><p>text"
    page = watermarked(text="DRAFT", angle=0).evolve(prefer_css_page_size=True)
    (word,) = layout(pages.print(html, page=page)).find("DRAFT")
    assert (word.right - word.left) / (60 / 25.4 * 72) == pytest.approx(0.6, abs=0.03)
    assert (word.left + word.right) / 2 == pytest.approx(50 / 25.4 * 72, abs=2)


def test_a_watermarks_text_rises_unless_told_otherwise(pages: Press) -> None:
    """From the lower left to the upper right, or as many degrees as are asked for."""
    for angle, grows in ((None, True), (45, True), (-45, False)):
        page = watermarked(text="lllllllll", opacityPercent=100, colour="#000", angle=angle)
        found = picture(pages.print("", page=page)).convert("L")
        width, height = found.size
        left = found.crop((0, 0, width // 2, height)).point(lambda grey: 255 - grey).getbbox()
        assert left is not None
        assert ((left[1] + left[3]) / 2 > height / 2) is grows, angle


def test_a_watermark_is_faint_unless_told_otherwise(pages: Press) -> None:
    faint = darkest(picture(pages.print(PAPER, page=watermarked(text="DRAFT"))))
    strong = darkest(
        picture(
            pages.print(PAPER, page=watermarked(text="DRAFT", opacityPercent=100, colour="#000"))
        )
    )
    assert 220 <= faint <= 240
    assert strong < 40


def test_a_watermark_of_another_script_has_its_glyphs(pages: Press) -> None:
    outcome = pages.outcome(Sheet(PAPER, page=watermarked(text="草稿 проект")))
    assert outcome.findings == ()


def test_the_page_has_no_say_in_its_watermark(pages: Press) -> None:
    html = (
        "<style>div{display:none!important;opacity:0!important;color:#fff!important}</style><p>text"
    )
    assert layout(pages.print(html, page=watermarked(text="COPY", angle=0))).find("COPY")


@pytest.mark.parametrize(("over", "red"), [(True, True), (False, False)])
def test_a_stamp_lies_over_what_a_watermark_lies_under(pages: Press, over: bool, red: bool) -> None:
    html = "<div style='position:absolute;inset:0;height:1000px;background:#fff'>covered</div>"
    page = watermarked(text="M", over=over, colour="#ff0000", opacityPercent=100, sizePercent=100)
    counts = picture(pages.print(html, page=page)).getcolors(1 << 20) or []
    reds = sum(count for count, (r, g, b) in counts if r > 200 and g < 90 and b < 90)
    assert (reds > 1000) is red


def test_an_image_as_watermark(pages: Press) -> None:
    page = watermarked(image="stamp.png", opacityPercent=100, sizePercent=50)
    pdf = pages.print_all([Sheet(PAPER, page=page, assets={"stamp.png": RED})])[0]
    image = picture(pdf)
    assert image.getpixel((image.width // 2, image.height // 2)) == (255, 0, 0)
    counts = image.getcolors(1 << 20) or []
    share = sum(count for count, pixel in counts if pixel == (255, 0, 0))
    wide = 0.5 * (image.width - 2 * 0.4 * 80)
    assert share == pytest.approx(wide * wide / 2, rel=0.05)


@pytest.mark.parametrize(
    ("assets", "code"), [({}, Code.ASSET_NOT_FOUND), ({"logo.png": b"text"}, Code.ASSET_INVALID)]
)
def test_a_watermark_that_is_no_picture_fails_its_row(
    pages: Press, assets: dict[str, bytes], code: Code
) -> None:
    outcome = pages.outcome(Sheet(PAPER, page=watermarked(image="logo.png"), assets=assets))
    error = getattr(outcome, "error", None)
    assert error is not None
    assert error.code is code
    assert "logo.png" in error.message


def test_a_watermark_that_the_store_has_lost_fails_its_row_alone(pages: Press) -> None:
    assets = {"logo.png": plain("#102030")}
    marked = Sheet(PAPER, page=watermarked(image="logo.png"), assets=assets, lost=frozenset(assets))
    failed, printed = pages.outcomes([marked, Sheet(PAPER)])
    assert isinstance(failed, Failed)
    assert failed.error.code is Code.ASSET_NOT_FOUND
    assert "logo.png" in failed.error.message
    assert isinstance(printed, Rendered)


def test_metadata_in_both_places(pages: Press) -> None:
    metadata = Metadata(
        title="Invoice {{ n }}", author="Ōta & Sons", subject="Paper", keywords="a, b", creator="Us"
    )
    pdf = pages.print(PAPER, page=PageOptions(metadata=metadata), data={"n": 7})
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert str(opened.docinfo["/Title"]) == "Invoice 7"
        assert str(opened.docinfo["/Author"]) == "Ōta & Sons"
        with opened.open_metadata() as xmp:
            assert xmp["dc:title"] == "Invoice 7"
            assert xmp["dc:creator"] == ["Ōta & Sons"]
            assert xmp["dc:description"] == "Paper"
            assert xmp["pdf:Keywords"] == "a, b"
            assert xmp["xmp:CreatorTool"] == "Us"


def test_attachments_are_listed_and_whole(pages: Press, tmp_path: Path) -> None:
    page = PageOptions(
        attachments=[
            Attachment(name="data.json", text='{"n": {{ n }}}', description="Row {{ n }}"),
            Attachment(name="terms.txt", asset="agb.txt"),
        ]
    )
    sheet = Sheet(PAPER, data={"n": 7}, page=page, assets={"agb.txt": b"terms"})
    (pdf,) = pages.print_all([sheet])
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert opened.attachments["data.json"].get_file().read_bytes() == b'{"n": 7}'
        assert opened.attachments["data.json"].description == "Row 7"
        assert opened.attachments["data.json"].get_file().mime_type == "application/json"
        assert opened.attachments["terms.txt"].get_file().read_bytes() == b"terms"
    file = tmp_path / "row.pdf"
    file.write_bytes(pdf)
    done = subprocess.run(
        ["pdfdetach", "-list", str(file)], capture_output=True, timeout=60, check=True
    )
    assert b"2 embedded files" in done.stdout


def test_attachments_of_one_name_are_refused(pages: Press) -> None:
    both = [Attachment(name="a.txt", text=text) for text in ("1", "2")]
    outcome = pages.outcome(Sheet(PAPER, data={}, page=PageOptions(attachments=both)))
    assert isinstance(outcome, Failed)
    assert "two attachments have the same name" in outcome.error.message.lower()


def test_a_row_has_its_own_password(pages: Press) -> None:
    encryption = Encryption(
        user_password="{{ pin }}", owner_password="boss", permissions=[Permission.PRINT]
    )
    pdf = pages.print(PAPER, page=PageOptions(encryption=encryption), data={"pin": "4711"})
    with pytest.raises(pikepdf.PasswordError):
        pikepdf.open(io.BytesIO(pdf), password="wrong")
    with pikepdf.open(io.BytesIO(pdf), password="4711") as opened:
        assert opened.encryption.R == 6
        assert opened.allow.print_highres
        assert not opened.allow.extract
        assert not opened.allow.modify_other
        assert not opened.owner_password_matched
    with pikepdf.open(io.BytesIO(pdf), password="boss") as opened:
        assert opened.owner_password_matched


def test_a_password_opens_its_file_or_its_row_fails(pages: Press) -> None:
    """Readers look at 127 bytes; with more, not even the right password would open the file."""
    page = PageOptions(encryption=Encryption(user_password="{{ pin }}"))
    rows = [Sheet(PAPER, {"pin": pin}, page=page) for pin in ("é" * 63, "é" * 64)]
    fits, too_long = pages.outcomes(rows)
    assert isinstance(fits, Rendered)
    with pikepdf.open(io.BytesIO(fits.data), password="é" * 63) as opened:
        assert opened.encryption.R == 6
    assert isinstance(too_long, Failed)
    assert too_long.error.code is Code.FINISH_FAILED
    assert "127 bytes" in too_long.error.message
    assert "é" not in too_long.error.message


#: Each permission with those flags of a PDF that it alone sets (ISO 32000-2, table 22).
FLAGS = {
    Permission.PRINT: {"print_lowres", "print_highres"},
    Permission.COPY: {"extract"},
    Permission.MODIFY: {"modify_other", "modify_form", "modify_assembly"},
    Permission.ANNOTATE: {"modify_annotation"},
    Permission.FILL_FORMS: {"modify_form"},
    Permission.ASSEMBLE: {"modify_assembly"},
}


@pytest.mark.parametrize("permission", list(Permission))
def test_a_reader_may_do_what_is_permitted_and_no_more(
    pages: Press, permission: Permission
) -> None:
    page = PageOptions(encryption=Encryption(permissions=[permission]))
    with pikepdf.open(io.BytesIO(pages.print(PAPER, page=page))) as opened:
        granted = {name for name, given in opened.allow._asdict().items() if given}
    assert granted - {"accessibility"} == FLAGS[permission]


def test_without_permissions_named_all_are_given(pages: Press) -> None:
    page = PageOptions(encryption=Encryption(user_password="4711"))
    with pikepdf.open(io.BytesIO(pages.print(PAPER, page=page)), password="4711") as opened:
        assert all(opened.allow._asdict().values())


def test_without_an_owner_password_nobody_has_it(pages: Press) -> None:
    page = PageOptions(encryption=Encryption(permissions=[]))
    pdf = pages.print(PAPER, page=page)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert not opened.owner_password_matched
        assert not opened.allow.print_lowres


def test_finishing_ends_with_the_rows_time(pages: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    def slow(data: bytes, *_: object) -> bytes:
        gate.wait(30)
        return data

    monkeypatch.setattr("pressroom_worker.render.carry.carrying", slow)
    page = PageOptions(metadata=Metadata(title="x"))
    try:
        got = pages.outcome(Sheet("<p>x", page=page), seconds=2)
    finally:
        gate.set()
    assert isinstance(got, Failed)
    assert got.error.code is Code.RENDER_TIMEOUT
    assert "finished" in got.error.message
