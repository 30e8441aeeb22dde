"""What the wording of a sentence adds to its score: the marks of the kind of answer that is asked for."""

import re
from collections.abc import Collection

from agent.quoting_terms import Kind, Sought
from tools.text import STOP_WORDS, SpanKind, words

_CUES: dict[Kind, re.Pattern[str]] = {
    "when": re.compile(
        r"\b(?:1[0-9]|20)\d\d\b|\d年|\d月|世纪|century"
        r"|\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b"
    ),
    "why": re.compile(r"\bbecause\b|\bsince\b|\bdue to\b|\breason|\bso that\b|因为|由于|原因|因此|所以"),
    "how_long": re.compile(
        r"\b(?:\d+|one|two|three|four|five|six|several|every|each|per)"
        r" ?(?:second|minute|hour|day|week|month|year|decade)s?\b"
        r"|(?:[\d一二两三四五六七八九十几每] ?个?(?:秒|分钟|小时|天|日|周|星期|月|年))"
    ),
    "how_to": re.compile(
        r"^(?:To(?! do (?:this|so))|First|Then|Next|Once|Use|Run|Type|Add|Edit|Install|Execute|Select|Choose"
        r"|Click|Enter|Open|Set|Start|Make)\b"
        r"|\byou (?:can|need to|must|have to|should)\b|^[#$] \w"
        "|命令|运行|执行|编辑|添加|选择|点击|单击|输入|打开|^(?:要(?!做到)|首先|然后|接着|随后|最后|使用|用)"
    ),
}
_CUE_WORTH: dict[Kind, float] = {"how_to": 1.35, "how_long": 2.5, "when": 2.2, "why": 1.2}
_COMMANDS = re.compile(r"`[a-z][\w.+-]*(?: [^`]*)?`|`(?:~|\$\w+)?/[\w./-]+`")
_LITERAL = 1.3

_UNIT = (
    r"\s?(?:[KMGT]i?B|[kMG]Hz|%|percent|(?:mega|giga|kilo|tera)?bytes?|[兆千吉]?字节|美元|元|公里|[米吨岁人个种台次倍])"
)
_NUMBER = re.compile(
    r"(?<![\w.\-])(?<!第 )(?<!第)(?<!Section )(?<!Chapter )(?<!Figure )(?<!Table )(?<!版本 )(?<!version )"
    r"\d+(?:[,.]\d+)?(?![\w.\-]*[.\-]\d)(?P<unit>" + _UNIT + ")?"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|one|dozens?|hundreds?|thousands?|millions?)\b"
    r"|[二两三四五六七八九十百千万]+"
)
_NEAR_LATIN, _NEAR_HAN = 40, 14  # characters between a number and what it counts
_NUMBER_HERE, _NUMBER_NEAR, _QUANTITY_NEAR = 1.25, 1.6, 2.2

_PERSON = re.compile(r"\b[A-Z][a-z]+ (?:[A-Z]\.? ?)?[A-Z][a-z]+|[\u4e00-\u9fff]·[\u4e00-\u9fff]")
_MAKER = re.compile(
    r"\b(?:founder|creator|inventor|author|(?:founded|created|started|invented|written|developed|led) by)\b"
    r"|由.{1,20}?(?:创[建立办始]|发起|建立|发明|编写|开发)|(?:创[立建始办]|发[起明])[者人]"
)
_NAMED, _MAKER_NAMED = 1.6, 2.4

_DEFINING = re.compile(r"\b(?:is|are|was|means|refers to|stands for|allows)\b|是|指|——| [—–-] ")
_COPULA = re.compile(
    r"^(?P<subject>.{1,60}?)(?:\b(?:is|are|was|were|means?|refers? to|stands? for|hosts?)\b|是|指|即)"
    r"(?P<rest>.?)",
    re.DOTALL,
)
_CALLED = re.compile(r"\b(?:called|known as)\b|称[为作之]|叫[做作]")
_DEFINES, _MAY_DEFINE = 2.2, 1.4


def cue(text: str, own: Collection[str], asked: Sought) -> float:
    """A factor: what the kind of question and its literal strings (`--purge`, `/etc/fstab`) add.

    own: the asked forms that stand in the text.
    """
    literal = _LITERAL if any(string in text for string in asked.literals) else 1.0
    return literal * _kind_cue(text, own, asked)


def _kind_cue(text: str, own: Collection[str], asked: Sought) -> float:
    if asked.kind == "definition":
        return _definition(text, own)
    if asked.kind == "how_many":
        return _quantity(text, asked)
    if asked.kind == "who":
        return _person(text, own)
    pattern = _CUES.get(asked.kind)
    fits = pattern is not None and pattern.search(text) is not None
    commands = asked.kind == "how_to" and _COMMANDS.search(text) is not None
    return (_CUE_WORTH[asked.kind] if fits else 1.0) * (_CUE_WORTH["how_to"] if commands else 1.0)


def _definition(text: str, own: Collection[str]) -> float:
    """A sentence whose subject is what is asked about, and no more than that, says what it is."""
    found = _COPULA.match(text)
    if found is not None:
        subject = [term for term in words(re.split(r"[,，(（]", found["subject"])[0]) if term not in STOP_WORDS]
        if subject and all(term in own for term in subject):
            return _DEFINES
    opening = text[:80]
    opens = _DEFINING.search(opening) is not None and any(term in own for term in words(opening)[:3])
    return _MAY_DEFINE if own and (opens or _CALLED.search(text)) else 1.0


def _quantity(text: str, asked: Sought) -> float:
    """A number close to what is counted; most when a unit stands behind it."""
    worth = 1.0
    counted = asked.counted or asked.forms
    for number in _NUMBER.finditer(text[:1_000]):
        reach = _NEAR_HAN if any("\u4e00" <= c <= "\u9fff" for c in text) else _NEAR_LATIN
        around = text[max(0, number.start() - reach) : number.end() + reach]
        if not counted.isdisjoint(words(around)):
            worth = max(worth, _QUANTITY_NEAR if number["unit"] else _NUMBER_NEAR)
        worth = max(worth, _NUMBER_HERE)
    return worth


def _person(text: str, own: Collection[str]) -> float:
    """A pair of capitalised words that the question does not hold, more when it is said what the person made."""
    named = any(_is_new(found.group(), own) for found in _PERSON.finditer(text[:1_000]))
    if not named:
        return 1.0
    return _MAKER_NAMED if own and _MAKER.search(text) else _NAMED


def _is_new(text: str, own: Collection[str]) -> bool:
    return all(term not in own for term in words(text))


_WHOLE = re.compile(r"[。！？；.!?:：;)）”\"'`]\s*$|^\*\*.*\*\*\s*$")
_POINTS_ELSEWHERE = re.compile(
    r"^\W*(?:(?:please|also|and|then|for (?:more|further|additional|detail|example)[^.]{0,60}?,?"
    r"|you (?:may|can|should))\s+)*"
    r"(?:see|refer to|consult|cf\.)\s"
    r"|^.{0,40}?(?:参[见阅考照]|详见|请看|请见).{0,60}$",
    re.IGNORECASE,
)
_ELSEWHERE = 0.25


def wholeness(text: str, kind: SpanKind, chinese: bool) -> float:
    """A factor: captions, half sentences, shell output and pointers to other sections are worth less than sentences."""
    if kind == "code":
        return 1.0
    worth = 1.0
    if kind == "sentence" and (not _WHOLE.search(text) or text.startswith(("`#`", "`$`", "\\#"))):
        worth *= 0.5
    if len(text) < (10 if chinese else 28):
        worth *= 0.6
    if text.rstrip().endswith(("?", "？")):
        worth *= 0.7
    if text.count("`") % 2:
        worth *= 0.9
    if _POINTS_ELSEWHERE.search(text):
        worth *= _ELSEWHERE
    return worth
