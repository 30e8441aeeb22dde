"""What no reader sees does not reach the model; what scripts and emoji need stays."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.invisible import visible

KEPT = {
    "Persian, a non-joiner between letters": "می‌خواهم",
    "Hindi, a joiner inside a conjunct": "क्‍ष",
    "Hindi, a half form at the end of a word": "क्‍ ",
    "Sinhala": "ශ්‍රී",
    "a family of emoji": "👨‍👩‍👧",
    "a heart drawn as emoji, a keycap, a flag": "❤️ 1️⃣ 🏳️‍🌈",
    "a skin tone": "👩🏽‍💻",
    "Mongolian with its selector": "\u182d\u180b",
    "Braille with its blank": "\u2801\u2800\u2803",
    "Vietnamese": unicodedata.normalize("NFC", "Tiếng Việt"),
    "Thai and Tibetan": "ภาษาไทย བོད་སྐད",
    "no-break and ideographic spaces": "a\u00a0b\u3000c",
    "six marks on one letter": "q" + "\u0323" * 3 + "\u0301" * 3,
    "a tab and a newline": "a\tb\nc",
}
GONE = {
    "\u202etxt\u202c": "txt",
    "\u2066a\u2069": "a",
    "a\u200bb\u2060c\ufeffd": "abcd",
    "a\u2062\u2063b": "ab",
    "a\u3164\uffa0\u115f\u1160b\u00adc": "abc",
    "\ue200cite\ue201 \U000f0000\U0010fffd": "cite ",
    "a\ufffe\uffff\U0001ffff\ufdd0b": "ab",
    "a\U000e0041\U000e007fb": "ab",
    "a\x00b\x08c\x1b[31md\x7f\x9b": "abc[31md",
    "a\u034fb\u061cc\u180ed": "abcd",
    "葛\U000e0100": "葛",
    "a\ufe0fb\ufe0e": "ab",
    "❤\ufe0f\ufe0e\ufe0f": "❤\ufe0f",
    "a\u2800b": "ab",
    "a\u200db\u200c": "ab",
    "می\u200c\u200c\u200dخ": "میخ",
    "👨\u200c👩": "👨👩",
    "\u200dकष\u200d": "कष\u200d",
    "a\u200d👩": "a👩",
    "👩\u200d": "👩",
    "𝄞\U0001d173x": "𝄞x",
    "1\u20282\u20293\u00854\x0b5\x0c6\r7\r\n8": "1\n2\n3\n4\n5\n6\n7\n8",
    "e\u0301": "é",
    "a\ud800b\udfff": "a\ufffdb\ufffd",
    "x" + "\u0323" * 7: "x" + "\u0323" * 6,
    "x" + "\u0323\u200d" * 9 + "y": "x" + "\u0323" * 6 + "y",
    "q" + "\u0344" * 6: "q" + "\u0308\u0301" * 3,
    "x" + "\u20dd" * 9: "x" + "\u20dd" * 6,
}


@pytest.mark.parametrize("why", KEPT)
def test_what_a_script_needs_stays(why: str) -> None:
    assert visible(KEPT[why]) == KEPT[why]


@pytest.mark.parametrize("text", GONE, ids=ascii)
def test_what_no_reader_sees_is_gone(text: str) -> None:
    assert ascii(visible(text)) == ascii(GONE[text])


ODD = (
    *"aé<= 1क्षयمیخ👩👨❤🏽🏳\u182d\u2801\u2adc\u2260",
    *("\u0301", "\u0338", "\u0344", "\u094d", "\u20e3", "\u18a9", "\u200c", "\u200d", "\ufe0e", "\ufe0f", "\u180b"),
    *("\u180e", "\u2800", "\u200b", "\u00ad", "\ud800", "\udc00", "\r", "\n", "\u2028", "\u1160", "\u1100", "\u1161"),
)


@given(st.lists(st.sampled_from(ODD) | st.sampled_from(ODD).map(lambda odd: odd * 8), max_size=12).map("".join))
@settings(max_examples=600, deadline=None)
def test_twice_is_once_and_the_result_is_in_nfc(text: str) -> None:
    once = visible(text)

    assert visible(once) == once
    assert unicodedata.is_normalized("NFC", once)
    once.encode("utf-8")


@pytest.mark.parametrize("probe", ["\u0301\u0323", "\u0344", "\u200d", "e\u200d", "\u0301\u200d", "क\u200d", "\u2800"])
def test_time_grows_with_length_and_no_faster(probe: str) -> None:
    """Ten times the text may take at most thirty times as long on a loaded machine; quadratic would be a hundred."""
    times = []
    for length in (20_000, 200_000):
        text = probe * (length // len(probe))
        rounds = []
        for _ in range(2):
            start = time.process_time()
            visible(text)
            rounds.append(time.process_time() - start)
        times.append(min(rounds))
    assert times[1] < 30 * max(times[0], 0.002)
