"""PDF/A and electronic invoices: the structure that a validator looks for.

Files made so were checked with veraPDF and Mustang (docs/decisions/0014); what is asserted here is
what those found to matter.
"""

from __future__ import annotations

import io
import re
from typing import Any

import pikepdf
import pytest
from lxml import etree
from press import Press, Sheet
from specimens import sheet

from pressroom.documents import DocType, Style
from pressroom.errors import Code
from pressroom.model.finish import Attachment, Encryption, FacturX, Metadata, PdfStandard
from pressroom.model.page import PageOptions
from pressroom_worker.render import Failed

_EN = "urn:cen.eu:en16931:2017"
_FX = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
PAGE = """<html lang="en"><title>Scripts</title><h1 id="top">Grüße 你好 नमस्ते שלום مرحبا 🎉</h1>
<p style="opacity:.5">half</p><a href="https://tern.example/">out</a> <a href="#top">up</a>
<div style="width:99px;height:50px;background:linear-gradient(red,rgba(0,0,255,.3))"></div>"""
#: What Factur-X's MINIMUM asks for (Factur-X 1.08, annex).
INVOICE = """<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossIndustryInvoice
  xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
  xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
  xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100">
 <rsm:ExchangedDocumentContext><ram:GuidelineSpecifiedDocumentContextParameter>
  <ram:ID>{{ guideline or "urn:factur-x.eu:1p0:minimum" }}</ram:ID>
 </ram:GuidelineSpecifiedDocumentContextParameter></rsm:ExchangedDocumentContext>
 <rsm:ExchangedDocument><ram:ID>{{ number }}</ram:ID><ram:TypeCode>380</ram:TypeCode>
  <ram:IssueDateTime><udt:DateTimeString format="102">20260331</udt:DateTimeString>
  </ram:IssueDateTime></rsm:ExchangedDocument>
 <rsm:SupplyChainTradeTransaction>
  <ram:ApplicableHeaderTradeAgreement>
   <ram:SellerTradeParty><ram:Name>{{ seller }}</ram:Name>
    <ram:PostalTradeAddress><ram:CountryID>FR</ram:CountryID></ram:PostalTradeAddress>
    <ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">FR11999999998</ram:ID>
    </ram:SpecifiedTaxRegistration></ram:SellerTradeParty>
   <ram:BuyerTradeParty><ram:Name>Meridian</ram:Name></ram:BuyerTradeParty>
  </ram:ApplicableHeaderTradeAgreement>
  <ram:ApplicableHeaderTradeDelivery/>
  <ram:ApplicableHeaderTradeSettlement><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
   <ram:SpecifiedTradeSettlementHeaderMonetarySummation>
    <ram:TaxBasisTotalAmount>100.00</ram:TaxBasisTotalAmount>
    <ram:TaxTotalAmount currencyID="EUR">20.00</ram:TaxTotalAmount>
    <ram:GrandTotalAmount>120.00</ram:GrandTotalAmount>
    <ram:DuePayableAmount>120.00</ram:DuePayableAmount>
   </ram:SpecifiedTradeSettlementHeaderMonetarySummation>
  </ram:ApplicableHeaderTradeSettlement>
 </rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>"""
#: What the profiles from BASIC on ask for besides: a line, and the taxes.
_LINE = """<ram:IncludedSupplyChainTradeLineItem>
   <ram:AssociatedDocumentLineDocument><ram:LineID>1</ram:LineID>
   </ram:AssociatedDocumentLineDocument>
   <ram:SpecifiedTradeProduct><ram:Name>Paper</ram:Name></ram:SpecifiedTradeProduct>
   <ram:SpecifiedLineTradeAgreement><ram:NetPriceProductTradePrice>
    <ram:ChargeAmount>100.00</ram:ChargeAmount>
   </ram:NetPriceProductTradePrice></ram:SpecifiedLineTradeAgreement>
   <ram:SpecifiedLineTradeDelivery><ram:BilledQuantity unitCode="C62">1</ram:BilledQuantity>
   </ram:SpecifiedLineTradeDelivery>
   <ram:SpecifiedLineTradeSettlement><ram:ApplicableTradeTax><ram:TypeCode>VAT</ram:TypeCode>
     <ram:CategoryCode>S</ram:CategoryCode>
     <ram:RateApplicablePercent>20.00</ram:RateApplicablePercent></ram:ApplicableTradeTax>
    <ram:SpecifiedTradeSettlementLineMonetarySummation>
     <ram:LineTotalAmount>100.00</ram:LineTotalAmount>
    </ram:SpecifiedTradeSettlementLineMonetarySummation>
   </ram:SpecifiedLineTradeSettlement></ram:IncludedSupplyChainTradeLineItem>"""
_TAX = """<ram:ApplicableTradeTax><ram:CalculatedAmount>20.00</ram:CalculatedAmount>
    <ram:TypeCode>VAT</ram:TypeCode><ram:BasisAmount>100.00</ram:BasisAmount>
    <ram:CategoryCode>S</ram:CategoryCode>
    <ram:RateApplicablePercent>20.00</ram:RateApplicablePercent></ram:ApplicableTradeTax>"""
WITHOUT_LINES = INVOICE.replace(
    "</ram:InvoiceCurrencyCode>", f"</ram:InvoiceCurrencyCode>{_TAX}"
).replace("<ram:TaxBasis", "<ram:LineTotalAmount>100.00</ram:LineTotalAmount><ram:TaxBasis")
FULL_INVOICE = WITHOUT_LINES.replace(
    "<ram:ApplicableHeaderTradeA", f"{_LINE}<ram:ApplicableHeaderTradeA", 1
)
DATA: dict[str, Any] = {"number": "F-2026-7", "seller": "Harrow & Finch"}


def archived(standard: PdfStandard, **more: Any) -> PageOptions:
    return PageOptions(pdf_standard=standard, **more)


def invoice(data: dict[str, Any] = DATA, xml: str = INVOICE, **more: Any) -> Sheet:
    return Sheet("<h1>{{ number }}</h1>", data, page=PageOptions(factur_x=FacturX(xml=xml), **more))


def fonts(pdf: pikepdf.Pdf) -> list[pikepdf.Object]:
    """Every font that a page or form of the file draws with."""
    return [
        one
        for one in pdf.objects
        if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == pikepdf.Name.Font
    ]


def is_embedded(font: pikepdf.Object) -> bool:
    if font.Subtype in (pikepdf.Name.Type0, pikepdf.Name.Type3):
        return True  # its descendants are looked at; its glyphs are drawings of the file itself
    return any(f"/FontFile{kind}" in font.FontDescriptor for kind in ("", "2", "3"))


@pytest.mark.parametrize(("standard", "part"), [("PdfA2b", "2"), ("PdfA3b", "3")])
def test_a_pdf_says_what_it_conforms_to_and_has_what_that_needs(
    pages: Press, standard: str, part: str
) -> None:
    options = archived(PdfStandard(standard), metadata=Metadata(title="Ünï", author="A & B"))
    with pikepdf.open(io.BytesIO(pages.print(PAGE, page=options))) as pdf:
        xmp = pdf.open_metadata()
        assert (xmp["pdfaid:part"], xmp["pdfaid:conformance"]) == (part, "B")
        assert (xmp["dc:title"], xmp["dc:creator"]) == ("Ünï", ["A & B"])
        assert xmp["pdf:Producer"] == str(pdf.docinfo["/Producer"])
        (intent,) = pdf.Root.OutputIntents
        assert intent.S == pikepdf.Name.GTS_PDFA1
        assert intent.DestOutputProfile.read_bytes()[36:40] == b"acsp"
        assert int(intent.DestOutputProfile.N) == 3
        assert len(pdf.trailer.ID) == 2
        assert not pdf.is_encrypted
        assert fonts(pdf)
        assert all(is_embedded(font) for font in fonts(pdf))
        links = [one for page in pdf.pages for one in page.get("/Annots", ())]
        assert len(links) == 2
        assert all(int(one.F) & 4 for one in links)


def test_without_the_option_nothing_is_claimed(pages: Press) -> None:
    with pikepdf.open(io.BytesIO(pages.print(PAGE))) as pdf:
        assert "/OutputIntents" not in pdf.Root
        assert "pdfaid:part" not in pdf.open_metadata()


def test_a_built_in_document_can_be_archived(pages: Press) -> None:
    made = sheet(DocType.INVOICE, Style.CORPORATE)
    options = made.page.model_copy(update={"pdf_standard": PdfStandard.PDF_A_2B})
    (file,) = pages.print_all([Sheet(made.html, made.data, page=options)])
    with pikepdf.open(io.BytesIO(file)) as pdf:
        assert all(is_embedded(font) for font in fonts(pdf))


def test_files_attached_to_an_archive_say_what_they_are_for(pages: Press) -> None:
    attached = [Attachment(name="data.csv", text="a,b\n1,2\n", description="The figures")]
    options = archived(PdfStandard.PDF_A_3B, attachments=attached)
    with pikepdf.open(io.BytesIO(pages.print(PAGE, page=options))) as pdf:
        (spec,) = pdf.Root.AF
        assert (str(spec.UF), spec.AFRelationship) == ("data.csv", pikepdf.Name.Unspecified)
        assert spec.EF.F.Subtype == pikepdf.Name("/text/csv")
        assert pdf.attachments["data.csv"].get_file().read_bytes() == b"a,b\n1,2\n"


def test_an_invoice_lies_in_the_pdf_and_its_metadata(pages: Press) -> None:
    (file,) = pages.print_all([invoice()])
    with pikepdf.open(io.BytesIO(file)) as pdf:
        (spec,) = pdf.Root.AF
        assert spec.AFRelationship == pikepdf.Name.Data
        xml = pdf.attachments["factur-x.xml"].get_file().read_bytes().decode()
        assert xml.startswith("<?xml")
        assert "<ram:ID>F-2026-7</ram:ID>" in xml
        assert "<ram:Name>Harrow &amp; Finch</ram:Name>" in xml
        xmp = pdf.open_metadata()
        assert xmp["pdfaid:part"] == "3"
        assert xmp[f"{{{_FX}}}ConformanceLevel"] == "MINIMUM"
        assert xmp[f"{{{_FX}}}DocumentFileName"] == "factur-x.xml"
        assert xmp[f"{{{_FX}}}DocumentType"] == "INVOICE"
        assert b"pdfaExtension:schemas" in pdf.Root.Metadata.read_bytes()


def test_an_invoice_reads_as_its_template_says_whatever_encoding_it_states(pages: Press) -> None:
    xml = INVOICE.replace("UTF-8", "ISO-8859-1")
    (file,) = pages.print_all([invoice({**DATA, "seller": "Müller"}, xml)])
    with pikepdf.open(io.BytesIO(file)) as pdf:
        embedded = pdf.attachments["factur-x.xml"].get_file().read_bytes()
    names = [one.text for one in etree.fromstring(embedded).iter("{*}Name")]
    assert names == ["Müller", "Meridian"]


@pytest.mark.parametrize(
    ("guideline", "xml", "level"),
    [
        ("urn:factur-x.eu:1p0:basicwl", WITHOUT_LINES, "BASIC WL"),
        (f"{_EN}#compliant#urn:factur-x.eu:1p0:basic", FULL_INVOICE, "BASIC"),
        (_EN, FULL_INVOICE, "EN 16931"),
        (f"{_EN}#conformant#urn:factur-x.eu:1p0:extended", FULL_INVOICE, "EXTENDED"),
    ],
)
def test_an_invoice_is_of_the_profile_that_its_guideline_names(
    pages: Press, guideline: str, xml: str, level: str
) -> None:
    (file,) = pages.print_all([invoice({**DATA, "guideline": guideline}, xml)])
    relation = pikepdf.Name.Data if level == "BASIC WL" else pikepdf.Name.Alternative
    with pikepdf.open(io.BytesIO(file)) as pdf:
        assert pdf.open_metadata()[f"{{{_FX}}}ConformanceLevel"] == level
        assert [one.AFRelationship for one in pdf.Root.AF] == [relation]


def test_a_german_public_invoice_is_found_by_the_name_of_its_kind(pages: Press) -> None:
    guideline = f"{_EN}#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
    (file,) = pages.print_all([invoice({**DATA, "guideline": guideline}, FULL_INVOICE)])
    with pikepdf.open(io.BytesIO(file)) as pdf:
        (spec,) = pdf.Root.AF
        assert (str(spec.UF), spec.AFRelationship) == ("xrechnung.xml", pikepdf.Name.Alternative)
        xmp = pdf.open_metadata()
        assert xmp[f"{{{_FX}}}DocumentFileName"] == "xrechnung.xml"
        assert xmp[f"{{{_FX}}}ConformanceLevel"] == "XRECHNUNG"
        assert xmp[f"{{{_FX}}}Version"] == "3.0"


@pytest.mark.parametrize(
    ("xml", "data", "said"),
    [
        ("<a", DATA, "is not an invoice"),
        ("<Invoice/>", DATA, "not a CrossIndustryInvoice"),
        (INVOICE, {**DATA, "guideline": "urn:peppol"}, "guideline"),
        (re.sub("{{ guideline .*}}", "", INVOICE), DATA, "names no guideline"),
        (INVOICE.replace("GrandTotalAmount", "GrandTotal"), DATA, "GrandTotal"),
        (
            INVOICE.replace("<rsm:Cross", '<!DOCTYPE x [<!ENTITY e "x">]><rsm:Cross', 1),
            DATA,
            "document type",
        ),
    ],
)
def test_what_is_no_invoice_fails_its_row_alone(
    pages: Press, xml: str, data: dict[str, Any], said: str
) -> None:
    bad, good = pages.outcomes([invoice(data, xml), invoice()])
    assert isinstance(bad, Failed)
    assert bad.error.code is Code.FINISH_FAILED
    assert said in bad.error.message
    assert not isinstance(good, Failed)


@pytest.mark.parametrize(
    "options",
    [
        archived(PdfStandard.PDF_A_2B, encryption=Encryption(user_password="x")),
        archived(PdfStandard.PDF_A_2B, attachments=[Attachment(name="a.txt", text="a")]),
        archived(PdfStandard.PDF_A_2B, factur_x=FacturX(xml=INVOICE)),
    ],
)
def test_what_cannot_be_had_together_is_said(pages: Press, options: PageOptions) -> None:
    got = pages.outcome(Sheet("<p>x", DATA, page=options))
    assert isinstance(got, Failed)
    assert got.error.code is Code.FINISH_FAILED
