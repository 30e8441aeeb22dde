"""Bytes become the text that a browser would show, and never anything that breaks further on."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.charset import clean, declared, decode, one_line

CHINESE = "如何在系统中配置静态地址？编辑配置文件，然后重新启动网络服务。这样设置在重新启动之后仍然有效。" * 3
JAPANESE = "設定ファイルを編集して、ネットワークを再起動してください。アドレスはそのまま残ります。" * 3
FRENCH = "Où est l'été ? À côté du café, là où l'on a déjà mangé des crêpes. " * 3


def page(text: str, meta: str = "") -> str:
    return f"<html><head>{f'<meta charset={meta}>' if meta else ''}<title>x</title></head><body>{text}</body></html>"


@pytest.mark.parametrize(
    ("text", "codec", "header", "meta"),
    [
        (CHINESE, "gb18030", "gbk", ""),
        (CHINESE, "gb18030", "", "gb2312"),
        (CHINESE + "𠮷€", "gb18030", "", "gbk"),
        (CHINESE, "gb18030", "", ""),
        (CHINESE, "gb18030", "utf-8", ""),
        (CHINESE, "gb18030", "ISO-8859-1", "gbk"),
        (CHINESE, "utf-8", "", "gbk"),
        (CHINESE, "utf-8", "ISO-8859-1", ""),
        (CHINESE, "utf-16", "", ""),
        (CHINESE, "utf-16-le", "utf-16le", ""),
        (CHINESE, "utf-8-sig", "gbk", "gbk"),
        ("這個設定在重新啟動之後仍然有效，請編輯設定檔。" * 5, "big5", "big5", ""),
        ("這個設定在重新啟動之後仍然有效，請編輯設定檔。" * 5, "big5", "", ""),
        (JAPANESE, "shift_jis", "", "Shift_JIS"),
        (JAPANESE, "euc_jp", "", "EUC-JP"),
        (JAPANESE, "shift_jis", "", ""),
        (FRENCH, "cp1252", "", "iso-8859-1"),
        (FRENCH, "utf-8", "", ""),
    ],
)
def test_declared_undeclared_and_wrongly_declared_pages_are_decoded(
    text: str, codec: str, header: str, meta: str
) -> None:
    made = decode(page(text, meta).encode(codec), f"text/html; charset={header}" if header else "text/html")
    assert text in made.text
    assert made.replaced == 0


@pytest.mark.parametrize(
    "label",
    "zlib_codec bz2_codec hex_codec base64_codec quopri uu rot13 idna undefined utf_32 utf-7 unicode_escape "
    "raw_unicode_escape punycode mbcs cp65001 utf-16-surrogatepass ../../etc/passwd utf-8\x00 x-user-defined "
    "replacement hz-gb-2312 none ''".split(),
)
def test_labels_that_no_browser_knows_are_ignored(label: str) -> None:
    body = page("+ADw-script+AD4- \\ud800 déjà", label).encode()
    made = decode(body, f"text/html; charset={label}")
    assert "déjà" in made.text
    assert "<script>" not in made.text
    made.text.encode("utf-8")


def test_a_label_within_the_text_or_beyond_the_first_kilobyte_does_not_count() -> None:
    assert declared(b"x" * 1100 + b"<meta charset=gbk>", "", markup=True) == []
    assert declared(b"<meta charset=gbk>", "", markup=False) == []


def test_lost_characters_are_counted() -> None:
    assert decode("déjà vu ".encode() * 9 + b"\xff\xff", "text/html; charset=utf-8").replaced == 2
    assert decode(CHINESE.encode() + CHINESE[:9].encode("gbk"), "text/html; charset=utf-8").encoding == "utf-8"
    assert decode("a \ufffd b".encode(), "text/html; charset=utf-8").replaced == 0


@pytest.mark.parametrize("odd", [b"caf\xe9 cr\xe8me", b"\xa4\xa5", b"\xb0\xa1 \xc4\xe3\xba\xc3", b"\x81\x40"])
@pytest.mark.parametrize(("header", "meta"), [("utf-8", ""), ("", "utf-8"), ("utf-8", "gbk")])
def test_a_declared_label_holds_against_a_few_bytes_that_do_not_fit(odd: bytes, header: str, meta: str) -> None:
    body = page("A plain text of words. " * 5, meta).encode().replace(b"plain", b"plain " + odd, 1)
    made = decode(body, f"text/html; charset={header}" if header else "text/html")
    assert made.encoding == "utf-8"
    assert made.replaced > 0


@given(st.binary(max_size=400), st.text(max_size=30))
def test_any_bytes_with_any_label_give_clean_text(content: bytes, label: str) -> None:
    text = clean(decode(content, f"text/html; charset={label}").text)
    text.encode("utf-8")
    assert text == unicodedata.normalize("NFC", text)
    assert not any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t" for char in text)


def test_a_title_is_one_line_of_bounded_length() -> None:
    assert one_line(" a\r\n\tb\x00c \u2028 d ") == "a bc d"
    assert len(one_line("word " * 1000)) <= 300
