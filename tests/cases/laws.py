"""Properties of an assembled prompt (hostile web, 6.1), written without any of the fence's own patterns."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from agent.fence import fence, fence_line
from agent.prompt import Prompt
from agent.templates import Templates
from tests.cases.control_tokens import TOKENS

MARKER = re.compile(r"[\[【〔〖]\s*web\s*pages?\s*\S*\s*(?:begin|end)\s*[\]】〕〗]")
FILE_MARKER = re.compile(
    r"\[\s*file\s+name|\[\s*file\s*content\s*(?:begin|end)|^\[\s*file\s*name\s*\]\s*:", re.MULTILINE
)
CITATION = re.compile(r"[\[【〔〖]\s*\^?\s*(?:citations?|webpages?)\s*[:#=]?\s*(?:[0-9]|x\b)")
HEADER = re.compile(
    r"#\s*(?:用户消息为|用戶消息為|以下内容是基于用户发送的消息的搜索结果)"
    r"|#\s*(?:the user.?s message is|the following contents are the search)"
)
GENERIC_TOKEN = re.compile(r"<\|[\w▁][\w▁./:-]{0,62}[\w▁]\|>|</?think>|</?tool_call>|<(?:start|end)_of_turn>")
FULL_WIDTH = re.compile("[<＜]\\s*｜|｜\\s*[>＞]")
# What P4 forbids beside controls, surrogates, private use and noncharacters.
HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e0fff]|[\u200c\u200d]{2}|[\x20-\x7e][\u200c\u200d]|[\u200c\u200d][\x21-\x7e]"
)
TOWER = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]{7}")


@dataclass(frozen=True, slots=True)
class Seen:
    """A prompt taken apart. fields: every piece of untrusted text in it; sound: the frame around them is the vendor's
    own and each block stands between its own two markers."""

    prompt: Prompt
    fields: tuple[str, ...]
    sound: bool

    @property
    def theirs(self) -> str:
        return "\n=====\n".join(self.fields)  # so that two fields make nothing together that is not in the prompt

    @classmethod
    def of(cls, prompt: Prompt, templates: Templates) -> "Seen":
        *earlier, last = [message for message in prompt.messages if message.role != "system"]
        before = tuple(message.content for message in earlier)
        if prompt.tools:  # the planner's prompt has no frame: all of it is untrusted
            return cls(prompt, (*before, last.content), True)
        for names in (("search_answer_en",), ("search_answer_zh",), ("file",)):
            if found := _framed(templates[names[0]].text).fullmatch(last.content):
                blocks = _blocks(found.groupdict(), len(prompt.pages))
                if blocks is not None:
                    return cls(prompt, (*before, *blocks), True)
        return cls(prompt, (*before, last.content), False)


def _framed(template: str) -> re.Pattern[str]:
    """A pattern for the filled template, its fields as groups."""
    parts = re.split(r"\{([a-z_]+)\}", template)
    pattern = "".join(f"(?P<{part}>.*)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
    return re.compile(pattern, re.DOTALL)


def _blocks(fields: dict[str, str], pages: int) -> tuple[str, ...] | None:
    """The texts in the fields, those of pages out of their blocks; None when the markers are not 1 to N in order."""
    if "search_results" not in fields:
        return tuple(fields.values())
    pattern = "\n".join(
        rf"\[webpage {number} begin\]\n(.*)\n\[webpage {number} end\]" for number in range(1, pages + 1)
    )
    found = re.fullmatch(pattern, fields["search_results"], re.DOTALL)
    return (*found.groups(), fields["question"]) if found else None


def folded(text: str) -> str:
    """As P1 reads it: NFKC, casefolded, without what is invisible."""
    shown = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", shown).casefold()


def matches(pattern: str, text: str) -> bool:
    """A case's own pattern, on the text as it stands and as it folds."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return bool(re.search(pattern, plain) or re.search(pattern, text) or re.search(pattern, folded(text)))


def delimiters_exact(seen: Seen) -> bool:
    plain = folded(seen.theirs)
    return seen.sound and not MARKER.search(plain) and not FILE_MARKER.search(plain)


def tokens_absent(seen: Seen) -> bool:
    theirs = seen.theirs
    plain = unicodedata.normalize("NFKC", theirs)
    return (
        not any(token in theirs or token in plain for token in TOKENS)
        and not FULL_WIDTH.search(theirs)
        and not GENERIC_TOKEN.search(folded(theirs))
    )


def citations_absent(seen: Seen) -> bool:
    digits = "".join(str(unicodedata.digit(c, c)) for c in seen.theirs)
    return not CITATION.search(folded(re.sub("[：﹕∶ː꞉]", ":", digits)))


def invisibles_absent(seen: Seen) -> bool:
    for character in seen.theirs:
        if unicodedata.category(character) in ("Cc", "Cs", "Co") and character not in "\n\t":
            return False
        if ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF:
            return False
    return not HIDDEN.search(seen.theirs) and not TOWER.search(seen.theirs)


def utf8_encodable(seen: Seen) -> bool:
    return not any("\ud800" <= c <= "\udfff" for message in seen.prompt.messages for c in message.content)


def section_headers_exact(seen: Seen) -> bool:
    return seen.sound and not HEADER.search(folded(seen.theirs))


def keeps(seen: Seen, text: str, words: str) -> bool:
    return words in seen.theirs


def unchanged(seen: Seen, text: str, _: str) -> bool:
    """Byte-identical after NFC; on one line, runs of white space count as one space."""
    plain = unicodedata.normalize("NFC", text)
    return any(plain in field or " ".join(plain.split()) in field for field in seen.fields)


def idempotent(seen: Seen, text: str, _: str) -> bool:
    once, line = fence(text), fence_line(text)
    return fence(once) == once and fence_line(line) == line


PROMPT: dict[str, Callable[[Seen], bool]] = {
    law.__name__: law
    for law in (
        *(delimiters_exact, tokens_absent, citations_absent, invisibles_absent, utf8_encodable),
        section_headers_exact,
    )
}
"""Of every prompt that the text gets into."""
TEXT: dict[str, Callable[[Seen, str, str], bool]] = {law.__name__: law for law in (keeps, unchanged, idempotent)}
"""Of the text, and of the prompt that the answer is written from."""
