"""Text of Word documents (docx) by mammoth, which sees only what was vetted here.

A docx is a zip archive of XML. Of a stranger's archive only the XML parts are unpacked, piece by piece against limits;
each is parsed without entities, DTDs or network, text that its author hid is taken out, and a small archive of these
parts alone is handed on. So pictures, objects and external files are never opened, whatever the document refers to.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date
from xml.parsers.expat import ExpatError

import lxml.html
import mammoth
from lxml import etree

from tools.charset import clean, one_line
from tools.errors import PageTooLarge, PageUnreadable
from tools.markdown import to_markdown
from tools.page import Webpage

MIB = 1024 * 1024
MAX_MEMBERS = 2_000
MAX_DIRECTORY_BYTES = 512 * 1024
MAX_DECLARED_BYTES = 256 * MIB
"""Of all members, pictures too, as the archive itself states them."""
MAX_XML_BYTES = 32 * MIB
"""Of all XML parts together, counted while they are unpacked."""
MAX_RATIO = 200
"""Unpacked to packed bytes of the XML parts. Word's own XML packs to between a tenth and a hundredth."""
PIECE_BYTES = 64 * 1024

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_TYPES = "[Content_Types].xml"
_FIRST_MEMBERS = (_TYPES.encode(), b"_rels/", b"word/", b"docProps/", b"customXml/")
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x07"
_WORD_TYPES = (b"wordprocessingml.document.main+xml", b"wordprocessingml.template.main+xml", b"ms-word.")
_OTHER_TYPES = {b"spreadsheetml": "a spreadsheet", b"presentationml": "a presentation"}
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DC = {"dc": "http://purl.org/dc/elements/1.1/", "dcterms": "http://purl.org/dc/terms/"}
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_REFERENCES = (
    "{http://schemas.openxmlformats.org/drawingml/2006/main}blip",
    "{urn:schemas-microsoft-com:vml}imagedata",
)
"""Elements that stand for a picture in another part, or anywhere else."""
_OFF = frozenset({"0", "false", "off", "none"})
_SMALLEST_HALF_POINTS = 4
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, ExpatError, etree.LxmlError, OSError, EOFError, NotImplementedError),
    *(LookupError, ValueError, TypeError, AttributeError, AssertionError),
)
"""What zipfile, the parsers and mammoth raise on an archive that is no document."""


def is_package(content: bytes) -> bool:
    """Whether the bytes (the first kilobyte is enough) begin like an Office document: a zip with its parts in it, or
    the older container that an encrypted one lies in."""
    if content.startswith(_OLE):
        return _ENCRYPTED_PACKAGE in content
    if not content.startswith(_ZIP):
        return False
    length = int.from_bytes(content[26:28], "little")
    name = content[30 : 30 + length]
    return name.startswith(_FIRST_MEMBERS) or _TYPES.encode() in content[1024:][-MAX_DIRECTORY_BYTES:]


def read_docx(content: bytes, url: str, name_title: str, site: str) -> Webpage:
    """The document as a page. name_title: for a document that states no title and has no heading.

    Raises PageUnreadable (encrypted_docx, bad_docx, no_text, unsupported_type for other Office files) and PageTooLarge
    (zip_bomb).
    """
    if content.startswith(_OLE):
        raise PageUnreadable(url, "encrypted_docx", "it is protected with a password")
    try:
        parts = _parts(content, url)
        _check_type(parts, url)
        made = mammoth.convert_to_html(
            io.BytesIO(_repacked(parts)),
            convert_image=lambda _: [],
            include_embedded_style_map=False,
            external_file_access=False,
        )
        root = lxml.html.fragment_fromstring(made.value or "<p></p>", create_parent="div")
        title, day = _facts(parts.get("docProps/core.xml", b""))
    except _BROKEN as error:
        raise PageUnreadable(url, "bad_docx", "it is damaged") from error
    text = clean(to_markdown(root)).strip()
    if not text:
        raise PageUnreadable(url, "no_text", "there is no text in it, at most pictures")
    heading = root.find(".//h1")
    title = title or (one_line(heading.text_content()) if heading is not None else "") or name_title
    return Webpage(url=url, title=title, text=text, site=site, date=day)


def _parts(content: bytes, url: str) -> dict[str, bytes]:
    """The XML parts by name, each parsed, cleaned and written anew."""
    _check_directory(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if any(member.flag_bits & 1 for member in members):
            raise PageUnreadable(url, "encrypted_docx", "it is protected with a password")
        if len({member.filename for member in members}) < len(members):
            raise zipfile.BadZipFile("two members of one name")
        if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_DECLARED_BYTES:
            raise _bomb(url)
        wanted = [member for member in members if _is_wanted(member.filename)]
        unpacked = dict(_unpacked(archive, wanted, url))
    hidden = _hidden_styles(unpacked.get("word/styles.xml", b""))
    return {name: _cleaned(part, hidden) for name, part in unpacked.items()}


def _check_directory(content: bytes) -> None:
    """Before zipfile reads it all into memory: a directory has a bound, and no document needs the 64-bit form."""
    end = content.rfind(_END, -(22 + 0xFFFF))
    size = int.from_bytes(content[end + 12 : end + 16], "little")
    if end < 0 or size > MAX_DIRECTORY_BYTES or content[max(0, end - 20) :].startswith(_END_64):
        raise zipfile.BadZipFile("no directory of a document")


def _is_wanted(name: str) -> bool:
    return name.endswith((".xml", ".rels")) and not name.startswith(("customXml/", "word/theme/"))


def _unpacked(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], url: str) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each member; the sizes that the archive states are not relied on."""
    packed, unpacked = PIECE_BYTES, 0
    for member in members:
        packed += member.compress_size
        part = bytearray()
        with archive.open(member) as stream:
            while piece := stream.read(PIECE_BYTES):
                part += piece
                unpacked += len(piece)
                if unpacked > min(MAX_XML_BYTES, MAX_RATIO * packed):
                    raise _bomb(url)
        yield member.filename, bytes(part)


def _bomb(url: str) -> PageTooLarge:
    return PageTooLarge(url, "zip_bomb", "a small archive that unpacks to a huge one")


def _check_type(parts: dict[str, bytes], url: str) -> None:
    types = parts[_TYPES]
    if any(kind in types for kind in _WORD_TYPES):
        return
    other = next((name for kind, name in _OTHER_TYPES.items() if kind in types), "no Word document")
    raise PageUnreadable(url, "unsupported_type", f"it is {other}")


def _tree(part: bytes) -> etree._Element:
    """Raises etree.LxmlError, ValueError: a part with a DTD is refused, as the standard (ISO/IEC 29500-2) has none."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=True)
    root = etree.fromstring(part, parser)
    if root.getroottree().docinfo.doctype:
        raise ValueError("a part with a document type")
    return root


def _cleaned(part: bytes, hidden: frozenset[str]) -> bytes:
    root = _tree(part)
    for run in [run for run in root.iter(f"{_W}r") if _is_hidden(run, hidden)]:
        run.getparent().remove(run)  # runs hold no tail text
    for reference in [element for element in root.iter(*_REFERENCES) if element.getparent() is not None]:
        reference.getparent().remove(reference)
    for link in root.iter(f"{_W}hyperlink"):  # its text is enough; mammoth breaks off at one that leads nowhere
        link.attrib.pop(_RELATION, None)
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))


def _hidden_styles(styles: bytes) -> frozenset[str]:
    """Ids of the styles whose text is hidden."""
    if not styles:
        return frozenset()
    found = _tree(styles).iter(f"{_W}style")
    return frozenset(style.get(f"{_W}styleId", "") for style in found if _is_on(style.find(f"{_W}rPr/{_W}vanish")))


def _is_hidden(run: etree._Element, hidden: frozenset[str]) -> bool:
    """Text that a reader of the document does not see: marked as hidden, too small, or white on nothing else."""
    style = run.find(f"{_W}rPr/{_W}rStyle")
    above = run.getparent()
    paragraph_style = above.find(f"{_W}pPr/{_W}pStyle") if above is not None else None
    if any(one is not None and one.get(f"{_W}val") in hidden for one in (style, paragraph_style)):
        return True
    if _is_on(run.find(f"{_W}rPr/{_W}vanish")):
        return True
    size = run.find(f"{_W}rPr/{_W}sz")
    if size is not None and size.get(f"{_W}val", "").isdigit() and int(size.get(f"{_W}val")) < _SMALLEST_HALF_POINTS:
        return True
    return _is_white(run)


def _is_white(run: etree._Element) -> bool:
    """Of colour FFFFFF, with nothing behind it that would show it. Tables are shaded by their styles: those stay."""
    color = run.find(f"{_W}rPr/{_W}color")
    if color is None or color.get(f"{_W}val", "").upper() != "FFFFFF":
        return False
    shaded = run.find(f"{_W}rPr/{_W}shd") is not None or run.find(f"{_W}rPr/{_W}highlight") is not None
    within = {above.tag for above in run.iterancestors()}
    paragraph = next(run.iterancestors(f"{_W}p"), None)
    shaded = shaded or (paragraph is not None and paragraph.find(f"{_W}pPr/{_W}shd") is not None)
    return not shaded and f"{_W}tc" not in within and f"{_W}txbxContent" not in within


def _is_on(switch: etree._Element | None) -> bool:
    return switch is not None and switch.get(f"{_W}val", "true").lower() not in _OFF


def _repacked(parts: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return made.getvalue()


def _facts(core: bytes) -> tuple[str, str]:
    """Title and the day of the last change, "" for what the document does not state. The day of its making is often
    that of the template, or of a library's sample file."""
    if not core:
        return "", ""
    root = _tree(core)
    day = re.match(r"\d{4}-\d\d-\d\d", root.findtext("dcterms:modified", "", _DC).strip())
    return one_line(root.findtext("dc:title", "", _DC)), _plausible(day.group() if day else "")


def _plausible(day: str) -> str:
    try:
        return day if day and date(1990, 1, 1) <= date.fromisoformat(day) else ""
    except ValueError:
        return ""
