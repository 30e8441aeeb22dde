"""PDFs become paragraphs; what cannot be read says why."""

import zlib

import pytest

from tools.errors import PageUnreadable
from tools.extraction import Source, extract_page
from tools.pdf import MAX_PDF_PAGES, paragraphs

SOURCE = Source("https://www.example.org/manual.pdf", "application/pdf")


def pdf(pages: list[list[str]], trailer: str = "", title: str = "A manual") -> bytes:
    """A small valid PDF: each page a list of lines in Helvetica."""
    count = len(pages)
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {count} /Kids [{' '.join(f'{4 + 2 * n} 0 R' for n in range(count))}] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, lines in enumerate(pages):
        shown = " ".join(f"({line}) Tj 0 -14 Td" for line in lines)
        stream = f"BT /F1 11 Tf 50 750 Td {shown} ET" if lines else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {5 + 2 * number} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects.append(f"<< /Title ({title}) >>")
    out, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R"
    return out + f"{end} /Info {len(objects)} 0 R {trailer} >>\nstartxref\n{len(out)}\n%%EOF".encode("latin-1")


def reason_of(content: bytes, source: Source = SOURCE) -> str:
    with pytest.raises(PageUnreadable) as refused:
        extract_page(content, source)
    return refused.value.reason


def test_lines_are_joined_to_paragraphs_and_words_are_mended() -> None:
    lines = ["The address is kept after the restart, since the configura-", "tion names it. It ends here.", "- an item"]
    made = extract_page(pdf([lines, ["Second page."]]), SOURCE)
    assert made.text == (
        "The address is kept after the restart, since the configuration names it. It ends here.\n\n"
        "- an item\n\nSecond page."
    )
    assert (made.title, made.site, made.truncated) == ("A manual", "example.org", "")


def test_chinese_lines_are_joined_without_a_space() -> None:
    assert paragraphs("编辑配置文件，然后重新启动网络\r\n服务。") == "编辑配置文件，然后重新启动网络服务。"


def test_a_pdf_is_known_by_its_bytes_whatever_it_is_called() -> None:
    made = extract_page(pdf([["Some text."]]), Source("https://a.example/download?id=3", "text/html"))
    assert made.text == "Some text."


def test_heads_and_feet_and_tables_of_contents_are_left_out() -> None:
    def lines(number: int) -> list[str]:
        return [
            f"Manual {number} / 8",
            f"Text of page {number} is here.",
            "1.1 Address . . . . . . . . 4",
            f"page {number}",
        ]

    made = extract_page(pdf([lines(number) for number in range(1, 9)]), SOURCE)
    assert made.text.split("\n\n") == [f"Text of page {number} is here." for number in range(1, 9)]


def test_pages_without_a_word_are_a_scan() -> None:
    assert reason_of(pdf([[], []])) == "scanned_pdf"


def test_damaged_and_false_pdfs_are_bad() -> None:
    assert reason_of(b"%PDF-1.7\n" + zlib.compress(b"rubbish") * 20) == "bad_pdf"
    assert reason_of(b"not a pdf at all", Source("file:a.pdf", name="a.pdf")) == "bad_pdf"
    cyclic = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[2 0 R]/Count 1>>endobj\n"
    assert reason_of(cyclic + b"trailer<</Root 1 0 R>>") in ("bad_pdf", "scanned_pdf")


def test_an_encrypted_pdf_is_called_so() -> None:
    key = "00" * 32
    encrypt = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O <{key}> /U <{key}> /P -4 >> /ID [<00><00>]"
    assert reason_of(pdf([["Secret"]], encrypt)) == "encrypted_pdf"


def test_pages_beyond_the_limit_are_left_out_and_that_is_said() -> None:
    made = extract_page(pdf([[f"Page number {n}."] for n in range(MAX_PDF_PAGES + 5)]), SOURCE)
    assert made.truncated == "pages"
    assert f"Page number {MAX_PDF_PAGES - 1}." in made.text
    assert f"Page number {MAX_PDF_PAGES}." not in made.text


def test_a_pdf_without_a_title_is_called_by_its_file() -> None:
    assert (
        extract_page(pdf([["Text."]], title=""), Source("file:My guide.pdf", name="My guide.pdf")).title == "My guide"
    )


@pytest.mark.parametrize(
    ("stated", "day"),
    [
        ("D:20250528093000+08'00'", "2025-05-28"),
        ("D:20240229", "2024-02-29"),
        ("2023-01-02T03:04:05Z", "2023-01-02"),
        ("D:20250231", ""),
        ("D:19700101", ""),
        ("D:29990101", ""),
        ("yesterday", ""),
    ],
)
def test_the_day_of_a_pdf_is_the_one_that_it_states(stated: str, day: str) -> None:
    made = pdf([["Some text."]]).replace(b"<< /Title (A manual) >>", f"<< /CreationDate ({stated}) >>".encode())

    assert extract_page(made, SOURCE).date == day


@pytest.mark.parametrize(
    ("stated", "title"),
    [
        ("Microsoft Word - Opening hours", "Opening hours"),
        ("Microsoft Word - notice_final2.docx", "manual"),
        ("untitled", "manual"),
        ("Slide 1", "manual"),
        ("Version 2.0 of the manual", "Version 2.0 of the manual"),
    ],
)
def test_a_title_that_a_program_put_there_is_none(stated: str, title: str) -> None:
    assert extract_page(pdf([["Some text."]], title=stated), SOURCE).title == title
