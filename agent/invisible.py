"""Takes out of text what a reader cannot see and a model can: controls, bidi overrides, tags, fillers, private use.

Legitimate text stays byte-identical after NFC: joiners survive where scripts and emoji need them.
"""

import re
import unicodedata

_NEWLINES = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Cc except tab and newline; Cs; Co; noncharacters; bidi controls; invisible operators; fillers; variation selectors
# beyond the two that emoji use; tag characters; soft hyphen; zero-width space and no-break space; interlinear marks.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
    "|[" + "".join(chr(plane * 0x10000 + low) for plane in range(1, 15) for low in (0xFFFE, 0xFFFF)) + "]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_JOINER = re.compile("[\u200c\u200d]")
_LONGEST_RUN_OF_MARKS = 6  # combining marks on one letter; Tibetan and Vietnamese need 3, "Zalgo" has dozens
_JOINING_SCRIPTS = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0e00-\u109f\u1780-\u17ff\u1800-\u18af\ua840-\ua87f\ufb50-\ufdff\ufe70-\ufefc"
    "\u2600-\u27bf\u2b00-\u2bff\ufe0e\ufe0f\U0001f000-\U0001faff\U0001f3fb-\U0001f3ff♀♂⚕⚖✈❤]"
)


def visible(text: str) -> str:
    """`text` in NFC, with plain newlines, without anything invisible; lone surrogates become U+FFFD."""
    text = _SURROGATE.sub("\ufffd", text)
    text = _NEWLINES.sub("\n", text)
    text = _INVISIBLE.sub("", text)
    text = _without_stray_joiners(text)
    return unicodedata.normalize("NFC", _without_towers(text))


def _without_stray_joiners(text: str) -> str:
    """ZWJ and ZWNJ stay only between two characters of scripts (or emoji) that use them."""

    def keep(match: re.Match[str]) -> str:
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        wanted = _JOINING_SCRIPTS.match(before) and (_JOINING_SCRIPTS.match(after) or not after.strip())
        return match.group() if wanted else ""

    return _JOINER.sub(keep, text)


def _without_towers(text: str) -> str:
    """At most six combining marks on one letter. Fast path: text without a mark is returned as it is."""
    if not any(unicodedata.combining(character) for character in text):
        return text
    kept: list[str] = []
    run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run <= _LONGEST_RUN_OF_MARKS:
            kept.append(character)
    return "".join(kept)
