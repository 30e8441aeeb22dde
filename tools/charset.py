"""Bytes to text, as a browser would do it, and text that is safe to store, to show and to send.

The order is the WHATWG's (HTML standard, 13.2.3): byte order mark, HTTP header, `<meta>` in the first 1,024
bytes. Only its labels are known; zlib_codec, utf-7, unicode_escape and the like are ignored, as they raise
foreign errors or smuggle lone surrogates. gbk and gb2312 mean gb18030. What the sites get wrong in practice
(no label, or one that does not fit the bytes) is mended by trying UTF-8 and then by detection.
"""

import codecs
import re
import unicodedata
from dataclasses import dataclass

import webencodings
from charset_normalizer import from_bytes

META_BYTES = 1024
SAMPLE_BYTES = 24_000
MANY_REPLACED = 0.005
"""Share of replacement characters above which a label is disbelieved when another decoding is clean."""
MANY_OF_WIDE = 0.2
"""The same, as a share of the characters beyond ASCII."""
MANY_WIDE_BYTES = 60
"""So many bytes of GBK, Big5 or Shift-JIS are never valid UTF-8 by chance; from fewer nothing is guessed against a
label."""
BEARABLE = 0.1
"""Share of replacement characters up to which a label holds where there is too little to guess from."""

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_META = re.compile(rb"<meta[^>]{0,400}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff]")
_DETECTED = (
    *("utf_8", "gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254"),
    *("cp1255", "cp1256", "cp1257", "cp1258", "koi8_r", "koi8_u", "iso8859_2", "iso8859_5", "cp874"),
)
"""What detection may find: the encodings of the web. Left alone, it finds those of old mainframes."""
_ASCII = bytes(range(128))
_SINGLE_BYTE = frozenset({"cp1252", "iso8859-1", "ascii"})


@dataclass(frozen=True, slots=True)
class Decoded:
    """text as the bytes gave it (not yet cleaned), the codec that was used, how many characters were lost."""

    text: str
    encoding: str
    replaced: int


def decode(content: bytes, content_type: str = "", *, markup: bool = True) -> Decoded:
    """content_type: the HTTP header, may be ""; markup: whether `<meta>` counts. Never raises."""
    for mark, codec in _BOMS:
        if content.startswith(mark):
            return _decoded(content[len(mark) :], codec)
    labels = declared(content, content_type, markup=markup)
    best: Decoded | None = None
    for codec in labels:
        made = _decoded(content, codec)
        if codec != "utf-8" and _is_really_utf8(content, codec):
            return _decoded(content, "utf-8")
        if _plausible(made) or _too_little_to_guess(content, made):
            return made
        best = made if best is None or made.replaced < best.replaced else best
    guess = _detected(content)
    return best if best is not None and best.replaced <= guess.replaced else guess


def declared(content: bytes, content_type: str, *, markup: bool) -> list[str]:
    """The codecs that the header and the markup name, most trusted first, without those nobody knows."""
    named = [found.group(1) for found in [_HEADER.search(content_type)] if found]
    codecs_named = [codec for label in named if (codec := _codec(label))]
    if not markup:
        return codecs_named
    head = content[:META_BYTES]
    for found in (_XML.search(head), _META.search(head)):
        codec = _codec(found.group(1).decode("ascii")) if found else ""
        # A meta element that can be read as ASCII is not UTF-16, whatever it says (HTML standard).
        codecs_named += ["utf-8" if codec.startswith("utf-16") else codec] if codec else []
    if codecs_named[:1] == ["cp1252"] and len(codecs_named) > 1:
        # A server's default of ISO-8859-1 for everything: the page's own word is better.
        codecs_named.append(codecs_named.pop(0))
    return list(dict.fromkeys(codecs_named))


def clean(text: str) -> str:
    """NFC, LF line ends, and no NUL, control character, lone surrogate or non-character."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", _UNWANTED.sub("", text))


def one_line(text: str, limit: int = 300) -> str:
    """Cleaned, white space joined, at most `limit` characters: for titles and names of sites."""
    return " ".join(clean(text[: limit * 4]).split())[:limit].rstrip()


def _codec(label: str) -> str:
    """Python's codec for a WHATWG label, "" when the WHATWG does not list it."""
    found = webencodings.lookup(label)
    if found is None or found.name in ("x-user-defined", "replacement"):
        return ""
    name = str(found.codec_info.name)
    return "gb18030" if name in ("gbk", "gb2312") else name


def _decoded(content: bytes, codec: str) -> Decoded:
    text = content.decode(codec, "replace")
    lost = text.count("\ufffd")
    return Decoded(text, codec, lost - min(lost, content.count(b"\xef\xbf\xbd")) if codec == "utf-8" else lost)


def _plausible(made: Decoded) -> bool:
    """Whether little was lost, of all of the text or of what is not ASCII: pages mix encodings by mistake."""
    if made.replaced <= MANY_REPLACED * len(made.text):
        return True
    wide = sum(char > "\x7f" for char in made.text) - made.replaced
    return made.replaced <= MANY_OF_WIDE * wide


def _too_little_to_guess(content: bytes, made: Decoded) -> bool:
    """Whether a few bytes of an otherwise ASCII text do not fit its label: then the label holds (a browser's way)."""
    few = len(content.translate(None, _ASCII)) < MANY_WIDE_BYTES
    return few and made.replaced <= BEARABLE * len(made.text)


def _is_really_utf8(content: bytes, codec: str) -> bool:
    """Whether the label is wrong: a text that happens to be valid UTF-8 is UTF-8 unless it is very short.

    UTF-16 is left alone, and so are a few characters of a Chinese or Japanese code, which may fit both.
    """
    if codec.startswith("utf-16") or content.isascii():
        return False
    wide = len(content[:100_000].translate(None, _ASCII))
    return (codec in _SINGLE_BYTE or wide >= MANY_WIDE_BYTES) and _is_utf8(content)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(content) - 3 and error.reason == "unexpected end of data"
    return True


def _detected(content: bytes) -> Decoded:
    if _is_utf8(content):
        return _decoded(content, "utf-8")
    found = from_bytes(_sample(content), cp_isolation=list(_DETECTED)).best()
    return _decoded(content, found.encoding if found else "utf-8")


def _sample(content: bytes) -> bytes:
    """The lines that are not ASCII, at most SAMPLE_BYTES: they decide, and detection is slow."""
    lines, size = [], 0
    for line in content[: 40 * SAMPLE_BYTES].split(b"\n"):
        if not line.isascii():
            lines.append(line[:SAMPLE_BYTES])
            size += len(lines[-1])
        if size >= SAMPLE_BYTES:
            break
    return b"\n".join(lines) or content[:SAMPLE_BYTES]
