"""A claim as the judge looks for it: its words by rarity, names, numbers, and the short answer behind a question."""

import re
from dataclasses import dataclass
from functools import lru_cache

from agent.numbers import Quantity, quantities
from agent.support_page import squeezed
from agent.support_words import is_common, is_han, rarity
from tools.text import content_words, words

_LONGEST_QUESTION = 400  # characters of a question and its answer
_LONGEST_UNMARKED = 80
_LEAD = re.compile(r"^\s*(?:[-*+•·‣>#]+\s*|\(?\d{1,3}[.)、]\s*(?!\d)|（\d{1,3}）|步骤\s*\d+[:：]?)+")
OPENING = re.compile(  # words that tie a sentence to the one before; no page need hold them
    r"^\W*(?:(?:首先|其次|再次|此外|另外|同时|最后|因此|所以|例如|比如|总之|然而|但是?|而且|不过|其中|因为|具体来说|总的来说|综上所述"
    r"|需要注意的是|值得注意的是|除此之外|与此同时|另一方面|一方面|总体来看|总体而言|简而言之|然后|接着|接下来|实际上|事实上|据\S{2,4}[,，]"
    r"|(?:however|moreover|also|in addition|therefore|thus|additionally|furthermore|for example|for instance|finally"
    r"|firstly|first|secondly|second|thirdly|overall|similarly|in fact|meanwhile|as a result|consequently|in summary"
    r"|in conclusion|on the other hand|in general|generally|specifically|lastly|hence|as such|ultimately"
    r"|it is important to note that|it is worth noting that|note that)\b,?)\W*)+",
    re.IGNORECASE,
)
_POINTING = re.compile(r"^(?:这[些种个一]?|该|它们?|他们?|她们?|此|其)(?=[\u3400-\u9fff])")
_PRONOUN = re.compile(
    r"(?:this|that|these|those|its?|they|their|he|she|his|her|such)\b|这|此|该|其|它|他|她", re.IGNORECASE
)
_ENDING = 3  # terms
_CLAUSES = re.compile(r"[，；。;]|,(?!\d)|\.(?=\s)|\b(?:and|while|but|whereas)\b")
NUMERAL = re.compile(r"\d.*|[零〇一二两三四五六七八九十百千万亿年月日号点]+")
_LABEL = re.compile(r"^[^:：。.!?]{1,40}[:：]\s?(?=.{10})")
_OF_LABEL = 0.5  # weight of the words before a colon: a list's own heading
_REFERENCE = re.compile(r"\[\d{1,3}\]")
_LINK = re.compile(r"!?\[([^\]\n]{0,500})\]\([^)\s]{0,2000}\)")  # bounded: linear on "[[[["
_TAIL = re.compile(r"[?？]\s*(?P<tail>[^?？]{1,200})$")
_TAIL_ZH = re.compile(  # a question without its mark, or a noun that asks for a value; nothing else in the claim
    r"^(?=[^。，,；;：:!！]*$)(?=\S{4})\S*?[\u3400-\u9fff]*?(?:(?:谁|什么|哪|多少|几|何|吗|怎)\S*|的[\u3400-\u9fff]{1,8}"
    r"|冠军|时间|日期|国家?|率|地点|名字|人数|首都|长官)\s(?P<tail>\S.{0,40})$"
)
_CAPITAL = re.compile(r"(?<![\w])[A-ZÀ-Þ][\w'’.&-]*\w")
_QUOTED = re.compile(r"《([^》]{1,40})》|“([^”]{1,24})”|「([^」]{1,24})」")
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9.+-]+")


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a claim that holds a number: its terms without numerals."""

    terms: frozenset[str]
    numbers: tuple[Quantity, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A claim as it is looked for. weights: by term, sum 1.0; names: terms that name something; tail: terms of a short
    answer behind its question; numbers: what must stand on the page by value; ending: its last terms, where a sentence
    says what is new; pointing: it begins with "this" or "they", so that its subject stands elsewhere; clauses: of its
    parts between commas those with a number, when there are several parts."""

    text: str
    letters: str
    order: tuple[str, ...]
    weights: dict[str, float]
    names: frozenset[str]
    tail: frozenset[str]
    numbers: tuple[Quantity, ...]
    tail_numbers: tuple[Quantity, ...]
    chinese: bool
    ending: tuple[str, ...] = ()
    pointing: bool = False
    clauses: tuple[Clause, ...] = ()


@lru_cache(maxsize=1_024)
def wanted(claim: str) -> Wanted | None:
    """None when the claim has no word to look for."""
    text = _LINK.sub(r"\1", _REFERENCE.sub(" ", _LEAD.sub("", claim)))
    bare = OPENING.sub("", text) or text
    text = _POINTING.sub("", bare) or bare
    order = tuple(content_words(text))
    if not any(term[:1].isalnum() for term in order):
        return None
    chinese = sum(map(is_han, order)) * 4 > len(order)  # a Chinese sentence may be full of Latin names
    tail_text = _tail_of(text)
    tail = frozenset(content_words(tail_text)) if tail_text else frozenset()
    names = _names(text, chinese)
    label = _label_of(text)
    raw = {
        term: rarity(term) ** 2 * (1.3 if term in names else 1.0) * (_OF_LABEL if term in label else 1.0)
        for term in dict.fromkeys(order)
    }
    whole = sum(raw.values())
    weights = {term: weight / whole for term, weight in raw.items()}
    return Wanted(
        bare,
        squeezed(text),
        order,
        weights,
        names,
        tail,
        quantities(text),
        quantities(tail_text) if tail_text else (),
        chinese,
        tuple(dict.fromkeys(reversed(order)))[:_ENDING],
        _PRONOUN.match(bare) is not None,
        _clauses_of(text),
    )


def _clauses_of(text: str) -> tuple[Clause, ...]:
    parts = [part for part in _CLAUSES.split(text) if part.strip()]
    if len(parts) < 2:
        return ()
    return tuple(
        Clause(frozenset(term for term in content_words(part) if not NUMERAL.fullmatch(term)), numbers)
        for part in parts
        if (numbers := quantities(part))
    )


def _label_of(text: str) -> frozenset[str]:
    found = _LABEL.match(text)
    return frozenset(content_words(found[0])) - frozenset(content_words(text[found.end() :])) if found else frozenset()


def _tail_of(text: str) -> str:
    if len(text) > _LONGEST_QUESTION:
        return ""
    found = _TAIL.search(text) or (_TAIL_ZH.search(text) if len(text) <= _LONGEST_UNMARKED else None)
    return found["tail"] if found else ""


def _names(text: str, chinese: bool) -> frozenset[str]:
    found: list[str] = []
    pattern = _LATIN if chinese else _CAPITAL
    for match in pattern.finditer(text):
        starts = not chinese and not re.search(
            r"[^\s\"'“(]", re.split(r"[.!?:]\s", text[max(match.start() - 80, 0) : match.start()])[-1]
        )
        terms = words(match[0])
        if terms and not (starts and is_common(terms[-1])):
            found += terms
    for match in _QUOTED.finditer(text):
        found += content_words(next(group for group in match.groups() if group))
    return frozenset(found)
