"""Word documents as a word processor writes them, made part by part, so that a test can spoil each of them."""

import io
import zipfile
from html import escape

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'

TYPES = (
    f'{XML}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/word/document.xml" ContentType="%s.main+xml"/></Types>'
)
RELATIONSHIPS = (
    f'{XML}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>'
)
STYLES = (
    f'{XML}<w:styles xmlns:w="{_W}">'
    '<w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Heading2"><w:name w:val="heading 2"/></w:style>'
    '<w:style w:type="character" w:styleId="Ghost"><w:name w:val="Ghost"/><w:rPr><w:vanish/></w:rPr></w:style>'
    "</w:styles>"
)


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def paragraph(*runs: str, style: str = "") -> str:
    chosen = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{chosen}{''.join(text if text.startswith('<') else run(text) for text in runs)}</w:p>"


def table(rows: list[list[str]]) -> str:
    lines = ("<w:tr>" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) + "</w:tr>" for row in rows)
    return f"<w:tbl>{''.join(lines)}</w:tbl>"


def document(body: str, before: str = "") -> str:
    spaces = f'xmlns:w="{_W}" xmlns:r="{_OFFICE}"'
    return f"{XML}{before}<w:document {spaces}><w:body>{body}</w:body></w:document>"


def core(title: str = "", modified: str = "", created: str = "") -> str:
    """docProps/core.xml: what a document says of itself."""
    spaces = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
    return (
        f'{XML}<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" {spaces}>'
        f"<dc:title>{escape(title)}</dc:title><dcterms:created>{created}</dcterms:created>"
        f"<dcterms:modified>{modified}</dcterms:modified></cp:coreProperties>"
    )


def parts_of(body: str, kind: str = WORD, **more: str) -> dict[str, str | bytes]:
    """The parts of a small document; more: further parts, `__` in their names for a slash and `_xml` for .xml."""
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": TYPES % kind,
        "_rels/.rels": RELATIONSHIPS,
        "word/document.xml": document(body),
        "word/styles.xml": STYLES,
    }
    return parts | {name.replace("__", "/").replace("_xml", ".xml"): part for name, part in more.items()}


def packed(parts: dict[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return made.getvalue()


def docx(body: str, **more: str) -> bytes:
    return packed(parts_of(body, **more))
