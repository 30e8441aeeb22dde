"""Pages that are made to hurt (facts, section 5.4), through the real fetcher and the real extraction process.

The table in docs/security.md names the test of each case; what other files hold is not repeated here.
"""

import asyncio
import gzip
import io
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable

import pytest

from tests.fake_web import FakeWeb, Page, redirect
from tests.tools.test_pdf import pdf
from tools.errors import PageTooLarge, PageUnreadable, ToolError
from tools.extraction import Source, extract_page
from tools.extractor import Extractor, ExtractorLimits
from tools.http import FetchParts
from tools.manners import Manners
from tools.page import Webpage
from tools.web import WebParts, WebReader

MIB = 1024 * 1024
GOOD = "<!doctype html><title>Good</title><article>" + "<p>The address is kept after a restart.</p>" * 20 + "</article>"


@pytest.fixture
async def web() -> AsyncIterator[FakeWeb]:
    async with FakeWeb() as running:
        running.put("http://good.test/", GOOD)
        yield running


@pytest.fixture
async def extractor() -> AsyncIterator[Extractor]:
    made = Extractor(ExtractorLimits(workers=2, page_seconds=2.5, pdf_seconds=2.5))
    yield made
    await made.aclose()


def reader(web: FakeWeb, extractor: Extractor) -> WebReader:
    fetching = FetchParts(web.network(), "kaozheng/1")
    return WebReader(WebParts(extractor.extract, fetching, Manners(spacing_seconds=0.0)))


async def ended(reading: WebReader, url: str) -> str:
    """How it ended: `page`, `page, truncated: WHY`, or the reason of one of our own errors."""
    try:
        page = await reading.read(url)
    except ToolError as error:
        return error.reason
    page.text.encode("utf-8")
    return f"page, truncated: {page.truncated}" if page.truncated else "page"


async def test_a_chain_of_twenty_redirects_ends_after_five(web: FakeWeb, extractor: Extractor) -> None:
    for hop in range(20):
        web.put(f"http://pub.test/{hop}", redirect(f"http://pub.test/{hop + 1}"))
    web.put("http://pub.test/20", GOOD)

    assert await ended(reader(web, extractor), "http://pub.test/0") == "too_many_redirects"
    assert [request.path for request in web.requests if request.path != "/robots.txt"] == [
        f"/{hop}" for hop in range(6)
    ]


async def test_a_million_gzip_members_and_garbage_behind_a_page_end_in_bounds(
    web: FakeWeb, extractor: Extractor
) -> None:
    gzipped = (("Content-Encoding", "gzip"),)
    web.put("http://pub.test/members", Page(gzip.compress(b"x", 1) * 200_000, headers=gzipped))
    web.put("http://pub.test/garbage", Page(gzip.compress(GOOD.encode()) + b"\0garbage" * 1_000, headers=gzipped))

    assert await ended(reader(web, extractor), "http://pub.test/members") == "bad_encoding"
    assert await ended(reader(web, extractor), "http://pub.test/garbage") == "page"


BIG = {
    "one line of 10 MB": b"<!doctype html><title>Line</title><p>" + b"word " * (2 * MIB),
    "a comment of 10 MB": b"<!doctype html><title>Comment</title><p>text</p><!--" + b"c" * (10 * MIB),
}


@pytest.mark.parametrize("name", BIG)
async def test_a_page_in_one_huge_piece_is_cut_or_given_up_in_time(web: FakeWeb, name: str) -> None:
    extractor = Extractor(ExtractorLimits(workers=1))
    web.put("http://pub.test/", Page(BIG[name]))
    try:
        async with asyncio.timeout(30):
            end = await ended(reader(web, extractor), "http://pub.test/")
    finally:
        await extractor.aclose()
    assert end in ("page, truncated: size", "no_text", "extract_timeout", "too_large")


FLOODS = {
    "100,000 nested divs": "<div>" * 100_000 + "deep",
    "300 nested tables": "<table><tr><td>" * 300 + "deep",
    "100,000 rows": "<table>" + "<tr><td>a</td><td>b</td></tr>" * 100_000 + "</table>",
    "200,000 attributes": "<p " + " ".join(f"a{n}=1" for n in range(200_000)) + ">x</p>",
    "300,000 br": "<br>" * 300_000 + "after",
    "500,000 unclosed b": "<b>" * 500_000 + "bold",
}


async def test_floods_of_markup_end_in_time_and_their_neighbours_are_read(web: FakeWeb, extractor: Extractor) -> None:
    for number, markup in enumerate(FLOODS.values()):
        web.put(f"http://pub{number}.test/", Page("<!doctype html><title>Flood</title>" + markup))
    urls = [f"http://pub{number}.test/" for number in range(len(FLOODS))]
    reading = reader(web, extractor)

    ends = await asyncio.gather(*(ended(reading, url) for url in [*urls, *["http://good.test/"] * 3]))

    assert set(ends[:-3]) <= {
        "page",
        "page, truncated: size",
        "no_text",
        "extract_timeout",
        "extract_memory",
        "extract_crash",
    }
    assert ends[3] == "extract_timeout"
    assert ends[-3:] == ["page"] * 3


BAD_BYTES = {
    "NUL": b"before\x00after",
    "lone surrogate references": b"before&#xD800;&#xDFFF;&#55296;after",
    "invalid UTF-8": b"before\xff\xfe\x80after",
    "overlong": b"before\xc0\xaf\xe0\x80\xafafter",
    "surrogates in UTF-8": b"before\xed\xa0\x80after",
}


@pytest.mark.parametrize("name", BAD_BYTES)
def test_bytes_that_are_no_characters_leave_text_that_can_be_encoded(name: str) -> None:
    body = (
        b"<!doctype html><title>t</title><article><p>"
        + "A sentence stands here, 在此。".encode() * 60
        + BAD_BYTES[name]
    )
    text = extract_page(body + b"</p></article>", Source("https://a.test/", "text/html; charset=utf-8")).text

    assert "before" in text
    assert "after" in text
    assert "\x00" not in text
    text.encode("utf-8")


ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
LAUGHS = f'<!DOCTYPE html [<!ENTITY e0 "ha">{ENTITIES}]>'
SENTENCES = "<p>The address is kept after a restart. </p>" * 20


async def test_xhtml_expands_no_entity_and_fetches_nothing(web: FakeWeb, extractor: Extractor) -> None:
    for name, head, inside in (
        ("laughs", LAUGHS, "<p>&e11;</p>"),
        ("file", '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "<p>&x;</p>"),
        ("dtd", '<!DOCTYPE html SYSTEM "http://canary.test/x.dtd">', ""),
        (
            "include",
            "",
            '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>',
        ),
        ("style", '<?xml-stylesheet href="http://canary.test/x.xsl" type="text/xsl"?>', ""),
    ):
        page = f'<?xml version="1.0"?>{head}<html xmlns="http://www.w3.org/1999/xhtml"><body>{SENTENCES}{inside}</body></html>'
        web.put(f"http://pub.test/{name}", Page(page, "application/xhtml+xml"))
        made = await reader(web, extractor).read(f"http://pub.test/{name}")
        assert "root:" not in made.text
        assert len(made.text) < 2_000
    assert not any(request.host == "canary.test" for request in web.requests)


def long_pdf() -> bytes:
    """A million objects."""
    return (
        b"%PDF-1.4\n" + b"".join(b"%d 0 obj\n<<>>\nendobj\n" % n for n in range(1, 400_000)) + b"trailer<</Root 1 0 R>>"
    )


def broken(old: bytes, new: bytes) -> bytes:
    return pdf([["Some text."]]).replace(old, new, 1)


PDFS: dict[str, Callable[[], bytes]] = {
    "cyclic pages": lambda: broken(b"/Kids [4 0 R]", b"/Kids [2 0 R]"),
    "a page of itself": lambda: broken(b"/Parent 2 0 R", b"/Parent 4 0 R"),
    "many objects": long_pdf,
    "a length of 4 GB": lambda: broken(b"/Length 4", b"/Length 4294967295 /X 4"),
    "a script": lambda: broken(
        b"/Type /Catalog", b"/Type /Catalog /OpenAction << /S /JavaScript /JS (app.alert(1)) >>"
    ),
    "a cut table": lambda: pdf([["Some text."]])[:-180],
    "an archive": lambda: pdf([["Some text."]]) + archive({"a.txt": b"x"}),
    "5,000 pages": lambda: pdf([["Some text."]] * 5_000),
    "an address to call": lambda: broken(
        b"/Type /Catalog", b"/Type /Catalog /OpenAction << /S /URI /URI (http://a/) >>"
    ),
}


@pytest.mark.parametrize("name", PDFS)
async def test_a_hostile_pdf_is_read_or_called_bad_in_time(extractor: Extractor, name: str) -> None:
    try:
        page = await extractor.extract(PDFS[name](), Source("https://a.test/a.pdf", "application/pdf"))
        end = "Some text." if "Some text." in page.text else page.text
    except PageUnreadable as refused:
        end = refused.reason
    assert end in ("Some text.", "bad_pdf", "scanned_pdf", "extract_timeout", "extract_memory", "extract_crash")


def archive(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return made.getvalue()


def test_archives_are_refused_whatever_they_are_called_or_hold() -> None:
    nested = archive({f"lib {n}.zip": archive({f"{n}.bin": bytes(MIB)}) for n in range(16)})
    sheet = {"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<a/>" + b" " * (40 * MIB)}
    for content, reason in (
        (nested, "unsupported_type"),
        (archive(sheet), "zip_bomb"),
        (zlib.compress(nested), "unsupported_type"),
    ):
        with pytest.raises((PageUnreadable, PageTooLarge)) as refused:
            extract_page(content, Source("file:x", name="../../etc/passwd.docx"))
        assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (Page("wait", status=429, headers=(("Retry-After", "1000000000"),)), "http_429"),
        (Page("wait", status=503, headers=(("Retry-After", "1000000000"),)), "http_503"),
        (Page("<title>Just a moment...</title>", status=403), "http_403"),
        (Page("<!doctype html><title>Just a moment...</title><p>Checking your browser first.</p>"), "challenge"),
        (Page("<!doctype html><title>Page not found</title><p>Try our search for more of it.</p>"), "soft_404"),
        (Page("<!doctype html><title>News</title><p>Accept all cookies to continue.</p>"), "cookie_wall"),
    ],
)
async def test_a_refusal_a_challenge_and_a_soft_404_are_typed_and_at_once(
    web: FakeWeb, extractor: Extractor, page: Page, reason: str
) -> None:
    web.put("http://pub.test/", page)

    async with asyncio.timeout(60):  # a Retry-After of thirty years is not waited for
        assert await ended(reader(web, extractor), "http://pub.test/") in (reason, "no_text")


async def test_fifty_spoiled_pages_never_end_in_anything_but_a_page_or_our_own_error(extractor: Extractor) -> None:
    whole = GOOD.encode() + b"\xe5\x9c\xa8&#20320;<table><tr><td>a</table><script>x</script>"
    for number in range(50):
        spoiled = bytearray(whole)
        for place in range(number, len(spoiled), 37 + number):
            spoiled[place] = (spoiled[place] * 7 + number) % 256
        try:
            made = await extractor.extract(bytes(spoiled), Source("https://a.test/", "text/html"))
        except (PageUnreadable, PageTooLarge):
            continue
        assert isinstance(made, Webpage)
        made.text.encode("utf-8")
