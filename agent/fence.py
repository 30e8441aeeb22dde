"""Makes untrusted text harmless before R1 reads it: page, title, address, date, file name, file, history, question.

What it guards against: our block markers, citation marks and section headers, and the control tokens of every model
family, forged by a page; invisible and bidirectional characters that hide them. Neutralising is visible (decision 4):
`<` becomes `‹`, brackets become parentheses; legitimate text is byte-identical after NFC. It runs to a fixed point, so
that fencing twice equals fencing once. It must run after extraction and truncation: both can re-assemble a marker.
"""

import re
import unicodedata

from agent.invisible import visible

_OPEN = r"[\[\u3010\u3014\u27e6\u3016\u2045]"
_GAP = r"[\s_*`-]{0,8}"  # bounded: a pattern must stay linear on hostile text
# Patterns over the folded text (NFKC, casefolded). Every character of group `a` is replaced by its visible stand-in.
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<a>{_OPEN}){_GAP}web{_GAP}pages?",
        rf"(?P<a>{_OPEN}){_GAP}/?{_GAP}citations?{_GAP}(?::|=|#|\^|-|[0-9x])",
        rf"(?P<a>{_OPEN}){_GAP}file{_GAP}(?:name|content)",
        rf"(?P<a>\[){_GAP}/?{_GAP}(?:inst|tool_calls|available_tools|tool_results|system_prompt)\]",
        r"(?P<a><)\|(?=[^|<>\n]{1,64}\|>)",
        rf"(?P<a><){_GAP}/?{_GAP}(?:think|thinking|tool_call|tool_response|tools|start_of_turn|end_of_turn|bos|eos|s|pad|unk)"
        rf"{_GAP}>",
        r"(?P<a><)(?=</?sys>>)|(?P<b><)(?=/?sys>>)",
        r"(?P<a>#)\s{0,8}(?:以下内容是基于用户发送的消息的搜索结果|用户消息为)",
        r"(?P<a>#)\s{0,8}the\s{1,8}(?:following\s{1,8}contents\s{1,8}are\s{1,8}the\s{1,8}search|user['’`´]?s\s{1,8}message\s{1,8}is)",
    )
)
# The vendor's tokens use the full-width bar, which no prose puts beside an angle bracket.
_FULL_WIDTH_TOKEN = re.compile(r"[<＜](?=\s{0,4}[｜│ǀ∣])|(?<=[｜│ǀ∣])(\s{0,4})[>＞]")
_STAND_IN = {"<": "‹", "＜": "‹", ">": "›", "＞": "›", "#": "♯", "＃": "♯"}
_MOST_PASSES = 64  # each pass that changes anything removes an opener; nesting deeper than this is cut open below
_LINE_CHARACTERS = 300


def fence(text: str) -> str:
    """`text` with all neutralised that could be taken for the template's own structure or for a control token."""
    text = visible(text)
    for _ in range(_MOST_PASSES):
        fenced = visible(_once(text))
        if fenced == text:
            return text
        text = fenced
    return text.translate({ord(character): stand_in for character, stand_in in _STAND_IN.items()})


def fence_line(text: str, longest: int = _LINE_CHARACTERS) -> str:
    """The same for what stands on one line (title, site, date, url, file name): no newline survives."""
    line = " ".join(visible(text).split())
    return fence(line if len(line) <= longest else line[: longest - 1] + "…")


def _once(text: str) -> str:
    text = _FULL_WIDTH_TOKEN.sub(lambda match: (match.group(1) or "") + _STAND_IN[match.group()[-1]], text)
    folded, origin = _folded(text)
    replaced: dict[int, str] = {}
    for pattern in _PATTERNS:
        for match in pattern.finditer(folded):
            for name in match.re.groupindex:
                if match.start(name) >= 0:
                    position = origin[match.start(name)]
                    replaced[position] = _STAND_IN.get(text[position], "(")
    if not replaced:
        return text
    _close(text, replaced)
    return "".join(replaced.get(position, character) for position, character in enumerate(text))


def _close(text: str, replaced: dict[int, str]) -> None:
    """The bracket that closes a neutralised one is neutralised too, where it stands within a line's reach."""
    for position, stand_in in list(replaced.items()):
        reach = text[position + 1 : position + 96]
        closing = re.search(r"[\]］】〕⟧〗}]" if stand_in == "(" else r"[>＞]" if stand_in == "‹" else r"(?!)", reach)
        if closing:
            replaced[position + 1 + closing.start()] = ")" if stand_in == "(" else "›"


def _folded(text: str) -> tuple[str, list[int] | range]:
    """NFKC and casefolded, with the place in `text` that each character comes from."""
    if text.isascii():
        return text.lower(), range(len(text))
    folded: list[str] = []
    origin: list[int] = []
    for position, character in enumerate(text):
        plain = character if character < "\x80" else unicodedata.normalize("NFKC", character)
        for piece in plain.casefold():
            folded.append(piece)
            origin.append(position)
    return "".join(folded), origin
