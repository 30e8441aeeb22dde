import time

import pytest

from tools.text import STOP_WORDS, bm25, content_words, fold, fold_each, joined_words, script_of, sentences, words


@pytest.mark.parametrize(
    ("question", "script"),
    [
        ("How do I upgrade Debian to the next stable release?", "en"),
        ("如何在 Debian 中配置静态 IP 地址？", "zh-Hans"),
        ("如何設置靜態 IP 地址？", "zh-Hant"),
        ("台灣的天氣如何", "zh-Hant"),
        ("乾隆是谁", "zh-Hans"),
        ("Debian 如何设置 static IP", "zh-Hans"),
        ("iPhone 15 Pro Max vs Samsung Galaxy S24 Ultra 哪个好", "zh-Hans"),
        ("What does 缘分 mean?", "en"),
        ("Explain 缘分 briefly", "en"),
        ("“如何在中国生活”是什么意思", "zh-Hans"),
        ("东京の意味は何ですか", "other"),
        ("東京観光名所", "other"),
        ("서울 날씨 어때", "other"),
        ("Привет, как дела", "other"),
        ("Wie installiere ich Debian auf dem Laptop", "other"),
        ("résumé tips", "en"),
        ("1+1=?", "en"),
    ],
)
def test_a_question_has_the_script_of_its_grammar(question: str, script: str) -> None:
    assert script_of(question) == script


@pytest.mark.parametrize(
    ("one", "other"),
    [("靜態", "静态"), ("ＡＰＴ－ＧＥＴ", "apt-get"), ("Ｈｅｌｌｏ", "hello"), ("STRASSE", "straße")],
)
def test_forms_of_the_same_word_fold_to_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_folding_each_character_keeps_every_offset() -> None:
    text = "ﬁle ½ 靜態IP，ＡＢＣ…ß İ 𠀀e\u0301"
    assert len(fold_each(text)) == len(text)
    assert "静态ip" in fold_each(text)
    assert "abc" in fold_each(text)


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("apt-get", "Use apt-get to install"),
        ("fstab", "edit /etc/fstab"),
        ("/etc/fstab", "`/etc/fstab`"),
        ("ext4", "an EXT4 file system"),
        ("3.5", "version 3.5."),
        ("C++", "a C++ compiler"),
        ("installation", "installing packages"),
        ("configure", "its configuration"),
        ("upgrade", "upgrading, upgraded, upgrades"),
        ("resume", "a résumé"),
        ("静态", "設定靜態地址"),
        ("猫", "一只，猫。"),
    ],
)
def test_a_word_is_found_however_it_is_written(asked: str, written: str) -> None:
    assert set(words(asked)) <= set(words(written))


def test_chinese_runs_are_bigrams_and_no_term_holds_space() -> None:
    assert words("静态地址 IP 猫") == ["静态", "态地", "地址", "ip", "猫"]
    assert not any(character.isspace() for term in words("a\u3000b\tc\n d\u00a0e") for character in term)


def test_function_words_are_stop_words_as_words_writes_them() -> None:
    assert content_words("What does this have to do with Debian?") == ["debian"]
    assert content_words("Why doesn't GRUB start, and what's wrong?") == ["grub", "start", "wrong"]
    assert content_words("什么是内核的大小") == ["内核", "大小"]
    assert content_words("怎樣命名？有什么用？") == ["命名"]
    assert content_words("我想了解目的") == ["了解", "解目", "目的"]
    assert set(words("does this because 如何 什么")) & STOP_WORDS >= {"如何", "什么"}


def test_a_question_of_function_words_keeps_them() -> None:
    assert content_words("what is it") == ["what", "is", "it"]


def test_the_rarer_word_weighs_more() -> None:
    passages = [words("the debian system"), words("the debian kernel"), words("the debian system")]
    assert max(range(3), key=bm25(words("debian kernel"), passages).__getitem__) == 1
    assert bm25(words("unknown"), passages) == [0.0, 0.0, 0.0]
    assert bm25(words("x"), []) == []


def spans(text: str) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in sentences(text)]


@pytest.mark.parametrize(
    "text",
    [
        "See Dr. Smith, e.g. in the U.S. Senate, on p. 5 of No. 3.",
        "Version 3.5 of file.txt is at debian.org now.",
        "Wait... what is it",
        "J. R. Tolkien wrote it.",
        "5.2.2. Booting the installer",
        "**Table 11.4. List of tools** and more",
        "例 8.2. 静态配置",
    ],
)
def test_a_full_stop_that_ends_no_sentence(text: str) -> None:
    assert [part for _, part in spans(text)] == [text]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ('He said "go." Then he left.', ['He said "go."', "Then he left."]),
        ("你好。“他说！”再见；好的……然后", ["你好。", "“他说！”", "再见；", "好的……", "然后"]),
        ("你好!我是谁?", ["你好!", "我是谁?"]),
        ("看这里。**注意**别忘了。`apt` 是命令。", ["看这里。", "**注意**别忘了。", "`apt` 是命令。"]),
        ("**粗体。**然后", ["**粗体。**", "然后"]),
        ("Run `apt.` Then wait.", ["Run `apt.`", "Then wait."]),
        ("Use version 3. Then wait.", ["Use version 3.", "Then wait."]),
        ("Debian 12. 它很好。", ["Debian 12.", "它很好。"]),
        ("It is in the U.S. The law holds.", ["It is in the U.S.", "The law holds."]),
    ],
)
def test_sentences_end_with_their_closing_quotes(text: str, parts: list[str]) -> None:
    assert [part for _, part in spans(text)] == parts


def test_a_line_end_ends_no_sentence_but_a_blank_line_does() -> None:
    assert spans("One line\nand its rest.\n\nNo stop\n\nNext") == [
        ("sentence", "One line\nand its rest."),
        ("sentence", "No stop"),
        ("sentence", "Next"),
    ]


def test_a_paragraph_of_bold_lines_is_headings() -> None:
    assert spans("**Note**\n\n**1. One**\n**1.1. Two**\n\n**term**\nIts meaning.") == [
        ("heading", "Note"),
        ("heading", "1. One"),
        ("heading", "1.1. Two"),
        ("sentence", "**term**\nIts meaning."),
    ]


def test_the_blocks_of_markdown_are_spans_of_their_own() -> None:
    text = (
        "# Title #\nText. More.\n- item one. With two.\n- item\n  goes on\n1. numbered\n2、二\n"
        "| a | b |\n|---|---|\n| c | d |\n```sh\napt update.\n\napt upgrade\n```\n"
        "Setext\n======\n\n    indented. code\n"
    )
    assert spans(text) == [
        ("heading", "Title"),
        ("sentence", "Text."),
        ("sentence", "More."),
        ("item", "item one."),
        ("item", "With two."),
        ("item", "item\n  goes on"),
        ("item", "numbered"),
        ("item", "二"),
        ("row", "| a | b |"),
        ("row", "| c | d |"),
        ("code", "apt update.\n\napt upgrade"),
        ("heading", "Setext"),
        ("code", "    indented. code"),
    ]


@pytest.mark.parametrize("text", ["", "\n \n", "```\nopen", "|", "- ", "#", "。。。", "...", "\r\n\r\n", "1.", "===\n"])
def test_odd_text_gives_spans_inside_it(text: str) -> None:
    for span in sentences(text):
        assert 0 <= span.start < span.end <= len(text)


@pytest.mark.parametrize(
    "unit", ["a. ", "。", "#", "| a ", "- x\n", "a", " ", "```\n", "字", "\n", "a-", ".", "“", "a.` ", "**a**\n", "。`"]
)
def test_time_grows_with_the_text_and_no_faster(unit: str) -> None:
    text = (unit * 200_000)[:200_000]
    start = time.perf_counter()
    sentences(text), words(text), fold_each(text), script_of(text)
    assert time.perf_counter() - start < 10, "a quadratic pattern takes minutes here"


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("How do I add a user in Debian?", ["addus", "userdebian"]),
        ("What is a back port?", ["backport"]),
        ("如何添加用户", []),
        ("user", []),
    ],
)
def test_neighbouring_words_are_joined_over_function_words(question: str, terms: list[str]) -> None:
    assert joined_words(question) == terms
    assert words("adduser") == ["addus"]
