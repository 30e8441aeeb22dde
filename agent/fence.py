"""Makes untrusted text harmless before R1 reads it: page, title, address, date, file name, file, history, question.

What it guards against: our block markers, citation marks and section headers, and the control tokens of every model
family, forged by a page; invisible and bidirectional characters that hide them. Neutralising is visible (decision 4):
`<` becomes `‹`, brackets become parentheses; legitimate text is byte-identical after NFC. It runs to a fixed point, so
that fencing twice equals fencing once. It must run after extraction and truncation: both can re-assemble a marker.
"""

import re

from agent.invisible import visible
from agent.lookalikes import folded

_GAP = r"[\s_*`~\\.·|/-]{0,8}"  # what may stand between two words; bounded: patterns stay linear on hostile text
_BETWEEN = r"[\s_*`~\\-]{0,3}"  # between two letters
_POINTS = r"(?:[\s_*`~\\.·|/,;:=#^%()\[–—、-]|and){0,8}"  # between a mark's word and its number


def _spread(*words: str) -> str:
    """The words, with a gap after each, however their letters are drawn apart."""
    return "".join(_BETWEEN.join(re.escape(letter) for letter in word) + _GAP for word in words)


_MARK_WORD = rf"(?:(?:{_spread('citation')}|{_spread('webpage')})s?)"
_INSIDE = r"(?:[^\[\]]|\[[^\[\]]{0,60}\]|\[){0,200}"  # of a bracket, which may hold others
_BLOCK_END = r"(?:b\s?e\s?g\s?i\s?n|e\s?n\s?d|s\s?t\s?a\s?r\s?t)"
_TAGS = (
    r"think|thinking|thought|tool[_▁ ]?(?:call|response|result|output|sep)s?|tools|function[_▁]calls?"
    r"|(?:start|end|begin)[_▁]of[_▁](?:turn|image|audio|text|sentence)|end[_▁]?of[_▁]?text|im[_▁](?:start|end|sep)"
    r"|fim[_▁](?:prefix|middle|suffix|pad|begin|hole|end)|(?:seed|minimax):\w{1,32}|unused\d{1,6}|extra[_▁]id[_▁]\d{1,6}"
    r"|reserved[_▁](?:special[_▁]token[_▁])?\d{1,6}|arg[_▁](?:key|value)|eo[ha]|eosys|TOKENS[_▁]UNUSED[_▁]\d{1,6}"
)
_BRACKETED = (
    r"INST|SYS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|AVAILABLE_TOOLS|SYSTEM_PROMPT|THINK|gMASK|sMASK|BOS|EOS"
    r"|BEGIN_OF_TEXT|END_OF_TEXT|CALL_ID|IMG_BREAK|IMG_END|BEGIN_AUDIO|MODEL_SETTINGS"
)
_SPACED_NAMES = (
    r"\w{1,32}[_▁][\w▁]{1,48}|system|user|assistant|human|start|end|channel|message|call|return|constrain|endoftext|eot"
    r"|developer|tool"
)
_HALF_BARRED = r"turn|channel|think|tool|tool_call|tool_response|image|audio|video|system|user|model"
# Patterns over the folded text. The character of group `a` is replaced by its visible stand-in.
_TOKENS = tuple(
    re.compile(pattern)
    for pattern in (
        # DeepSeek's own bar stands beside no angle bracket in prose
        r"(?P<a><)(?=\s{0,4}｜)",
        r"｜\s{0,4}(?P<a>>)",
        r"(?P<a><)(?=\|/?[\w▁](?:[\w▁.:/+@ -]{0,62}[\w▁])\|>)",
        rf"(?P<a><)(?i:(?={_GAP}\|{_GAP}(?:{_SPACED_NAMES}){_GAP}\|{_GAP}>))",
        rf"(?P<a><)(?i:(?={_GAP}(?:{_TAGS}){_GAP}>))",
        r"(?P<a><)(?=\s?/?\s?(?:s|bos|eos|pad|unk|sop|eop|(?:BOS|EOS|PAD|UNK|CLS|SEP|MASK)_TOKEN|BOS|EOS|PAD|UNK)\s?/?>)",
        r"(?P<a><)(?i:(?=<?/?SYS>>))",
        r"(?P<a><)(?=\[[\w▁ ]{0,32}▁[\w▁ ]{0,32}\]>)",
        rf"(?P<a>\[)(?=/?(?:{_BRACKETED})\])",
        rf"(?P<a>\[)(?<![\w\])]\[)(?i:(?={_GAP}(?:{_BRACKETED}){_GAP}\]))",
        r"(?P<a>\])(?=~!?b[\[\]])|(?P<b>\[)(?=e~\[)",
        # Gemma's later form, Mistral's arguments, calls as Qwen's coder and others write them
        rf"(?P<a><)(?=/?\|(?:{_HALF_BARRED})>)|(?P<b><)(?=(?:{_HALF_BARRED})\|>)",
        r"(?<=[\w\]])(?P<a>\[)(?=ARGS\])|(?P<b>\[)(?=ARGS\]\s?\{)",
        r"(?P<a><)(?i:(?=\s{0,4}(?:function|parameter)\s{0,4}=|\s{0,4}/?\s{0,4}invoke\b))",
    )
)
_STRUCTURE = tuple(
    re.compile(pattern)
    for pattern in (
        # [webpage 1 end], [citation:3], [webpages 2, 3]: what the template or the citation reader takes for a mark
        rf"(?P<a>\[)(?i:(?={_GAP}\^?{_GAP}{_MARK_WORD}{_POINTS}(?:{_MARK_WORD}{_POINTS})?(?:[0-9一二三四五六七八九十]|x\b)))",
        rf"(?P<a>\[)(?i:(?={_GAP}{_spread('webpage')}s?{_INSIDE}{_BLOCK_END}\b))",
        rf"(?P<a>\[)(?i:(?={_GAP}\^?{_GAP}{_spread('citation')}s?\s{{0,4}}[:=#^]))",
        # [file name]: and [file content begin]; code like paths[file_name] stays
        rf"(?P<a>\[)(?i:(?={_GAP}file\s{{1,8}}{_BETWEEN}(?:{_spread('name')}|{_spread('content')})))",
        rf"(?P<a>\[)(?i:(?={_GAP}{_spread('file', 'content')}s?{_GAP}{_BLOCK_END}\b))",
        rf"(?P<a>\[)(?m:(?<=^\[))(?i:(?={_GAP}{_spread('file', 'name')}\]{_GAP}:))",
        # the template's section headers, in both languages and both Chinese scripts
        rf"(?P<a>#)(?=[\s*_`]{{0,8}}(?:{_spread('以下内容是基于用户发送的消息')}|{_spread('用户消息为')}))",
        rf"(?P<a>#)(?i:(?=[\s*_`]{{0,8}}{_spread('the', 'following', 'contents', 'are', 'the', 'search')}))",
        rf"(?P<a>#)(?i:(?=[\s*_`]{{0,8}}{_spread('the', 'user')}'?{_GAP}{_spread('s', 'message', 'is')}))",
    )
)
_STAND_IN = {"<": "‹", ">": "›", "#": "♯", "[": "(", "]": ")"}
_CLOSER = {"(": "]", "‹": ">"}
_REACH = 96  # characters in which the bracket that closes a neutralised one is looked for
_LINE_CHARACTERS = 300


def fence(text: str) -> str:
    """`text` with all neutralised that could be taken for the template's own structure or for a control token."""
    return _fenced(text, _STRUCTURE + _TOKENS)


def fence_tokens(text: str) -> str:
    """For what the model itself wrote and is shown again: its citations stay, a control token in them does not."""
    return _fenced(text, _TOKENS)


def _fenced(text: str, patterns: tuple[re.Pattern[str], ...]) -> str:
    text = visible(text)
    while True:  # each pass takes openers away and makes none; three are the most that any text has needed
        plain, origin = folded(text)
        places = {origin[place]: _STAND_IN[plain[place]] for place in _openers(plain, patterns)}
        if not places:
            return text
        text = visible(_replaced(text, places | _closers(plain, origin, places)))


def fence_line(text: str, longest: int = _LINE_CHARACTERS) -> str:
    """The same for what stands on one line (title, site, date, url, file name): no newline survives."""
    line = " ".join(visible(text).split())
    return fence(line if len(line) <= longest else line[: longest - 1] + "…")


def _openers(plain: str, patterns: tuple[re.Pattern[str], ...]) -> set[int]:
    """Places in folded text of the characters that make structure out of what follows them."""
    matches = (match for pattern in patterns for match in pattern.finditer(plain))
    return {match.start(match.lastindex or 0) for match in matches}


def _closers(plain: str, origin: list[int] | range, places: dict[int, str]) -> dict[int, str]:
    """The brackets that close the neutralised ones, where they stand within reach."""
    found: dict[int, str] = {}
    for start, place in enumerate(origin):
        if wanted := _CLOSER.get(places.get(place, "")):
            end = plain.find(wanted, start, start + _REACH)
            if end >= 0:
                found[origin[end]] = _STAND_IN[wanted]
    return found


def _replaced(text: str, places: dict[int, str]) -> str:
    return "".join(places.get(place, character) for place, character in enumerate(text))
