"""Takes out of text what a reader cannot see and a model can: controls, bidi overrides, tags, fillers, private use.

Legitimate text stays byte-identical after NFC: joiners and variation selectors survive where scripts or emoji need
them. Towers of marks are cut before NFC, whose sorting of marks takes quadratic time on them.
"""

import re
import unicodedata

_NEWLINES = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Cc except tab and newline; Cs; Co; noncharacters; bidi controls; invisible operators; fillers; format controls of
# music, shorthand and hieroglyphs; the ideographic variation selectors (each can carry a byte); tag characters; soft
# hyphen; zero-width space and no-break space; interlinear marks.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff"
    + "".join(chr(plane * 0x10000 + low) for plane in range(1, 15) for low in (0xFFFE, 0xFFFF))
    + "]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKS_ALLOWED = 6  # combining marks on one letter; Tibetan and Vietnamese need 3, "Zalgo" has dozens
_MARK_BLOCKS = (range(0x1AB0, 0x1B00), range(0x1DC0, 0x1E00), range(0x20D0, 0x2100))  # newer Unicode fills their gaps
_MARKS = frozenset(
    chr(n)
    for n in range(0x300, 0x20000)
    if unicodedata.category(chr(n)) in ("Mn", "Me") or any(n in block for block in _MARK_BLOCKS)
)
_MARK = f"[{''.join(sorted(_MARKS))}]"
_TOWER = re.compile(rf"((?:{_MARK}[\u200c\u200d]*+){{{_MARKS_ALLOWED}}})(?:{_MARK}[\u200c\u200d]*+)+")
# Scripts whose letters join or form conjuncts: Arabic to Tibetan and Burmese, Khmer, Mongolian, those of South-East
# Asia and of old India, Adlam.
_JOINING_LETTERS = (
    "\u0600-\u08ff\u0900-\u109f\u1780-\u18af\u1900-\u1aaf\u1b00-\u1c4f\ua800-\uaaff\uabc0-\uabff\ufb50-\ufdcf"
    "\ufdf0-\ufdff\ufe70-\ufefc\U00010a00-\U00010fff\U00011000-\U00011fff\U0001e900-\U0001e95f"
)
_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u20e3\u2122\u2139\u2190-\u27ff\u2900-\u2bff\u3030\u303d\u3297\u3299\ufe0f"
    "\U0001f000-\U0001faff"
)
_JOINERS = re.compile("[\u200c\u200d]+")
_AROUND_JOINER = re.compile(f"[{_JOINING_LETTERS}].(?:[{_JOINING_LETTERS}\\s]|\\Z)")
_AROUND_EMOJI_JOINER = re.compile(f"[{_EMOJI}]\u200d[{_EMOJI}]")
# Selectors that say how the character before them is drawn: text or emoji, the form of a Mongolian letter. One is
# enough. The blank of Braille is a space, but only in Braille.
_STRAY_SELECTOR = re.compile(
    f"(?<![0-9#*{_EMOJI}])[\ufe0e\ufe0f]|(?<=[\ufe0e\ufe0f])[\ufe0e\ufe0f]"
    "|(?<![\u1820-\u18aa])[\u180b-\u180f]"
    "|(?<![\u2801-\u28ff])\u2800(?![\u2801-\u28ff])"
)


def visible(text: str) -> str:
    """`text` in NFC, with plain newlines, without anything invisible; lone surrogates become U+FFFD."""
    text = _SURROGATE.sub("\ufffd", text)
    text = _NEWLINES.sub("\n", text)
    text = _INVISIBLE.sub("", text)
    text = _low(text)
    text = unicodedata.normalize("NFC", text)
    text = _STRAY_SELECTOR.sub("", text)
    text = _low(text)  # NFC takes some marks apart into two
    text = _JOINERS.sub(_joiner, text)
    return unicodedata.normalize("NFC", text)


def _low(text: str) -> str:
    """At most six marks on one letter. The set is asked first: it is quicker than the pattern by far."""
    return text if _MARKS.isdisjoint(text) else _TOWER.sub(r"\1", text)


def _joiner(match: re.Match[str]) -> str:
    """A single ZWJ or ZWNJ stays between two characters of scripts that use it, a ZWJ between two emoji."""
    around = match.string[max(0, match.start() - 1) : match.end() + 1]
    wanted = _AROUND_JOINER.fullmatch(around) or _AROUND_EMOJI_JOINER.fullmatch(around)
    return match.group() if wanted else ""
