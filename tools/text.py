"""Words, sentences and scripts of Chinese and English text. No I/O, no model, time linear in the text.

Offsets are always into the text that was given, so that a quote can be found again.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from tools.stemming import stem
from tools.stop_words import (
    ABBREVIATIONS_EN,
    ASKING_EN,
    ELSEWHERE,
    FUNCTION_CHARACTERS,
    JAPANESE,
    STOP_WORDS,
    STOP_WORDS_EN,
)

__all__ = [
    "MAX_TERM_CHARACTERS",
    "STOP_WORDS",
    "Script",
    "Span",
    "SpanKind",
    "bm25",
    "content_words",
    "fold",
    "fold_each",
    "script_of",
    "sentences",
    "words",
]

Script = Literal["zh-Hans", "zh-Hant", "en", "other"]
SpanKind = Literal["sentence", "heading", "item", "code", "row"]

MAX_TERM_CHARACTERS = 64
_EXAMINED_CHARACTERS = 2_000  # the script of a text shows in its beginning

_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_KANA = "\u3041-\u3096\u30a1-\u30fa\u30fc\u31f0-\u31ff"
_HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
_UNSPACED = f"{_HAN}{_KANA}{_HANGUL}\u0e01-\u0e4e"  # scripts without spaces between words (Thai among them)

_GRAMMAR_ZH = re.compile("的|了|吗|呢|是|在|和|与|有|如何|怎么|怎样|什么|为何|哪|多少|几|谁|请|能否|是否")
_QUOTED = re.compile(r"“[^”]*”|「[^」]*」|『[^』]*』|《[^》]*》|\"[^\"]*\"|‘[^’]*’|`[^`]*`")


def script_of(text: str) -> Script:
    """Which template family a question belongs to.

    A mixed question belongs to the language of its grammar: "Debian 如何设置 static IP" is Chinese,
    "What does 缘分 mean?" is English. Quoted words do not count beside unquoted ones.
    """
    text = unicodedata.normalize("NFKC", text[:_EXAMINED_CHARACTERS])
    text = next((part for part in (_QUOTED.sub(" ", text), text) if re.search(r"[^\W\d_]", part)), text)
    han = re.findall(f"[{_HAN}]", text)
    latin = re.findall(r"[a-z\u00c0-\u024f]+", text.lower())
    if _is_elsewhere(text, han, latin):
        return "other"
    if not han or (latin and _english_weight(latin) > _chinese_weight(text, len(han))):
        return "en"
    return _han_form("".join(han))


def _is_elsewhere(text: str, han: list[str], latin: list[str]) -> bool:
    """Neither Chinese nor English: kana, hangul, Japanese forms, other alphabets, foreign function words."""
    others = len(re.findall(f"[{_KANA}{_HANGUL}]", text)) + 2 * sum(character in JAPANESE for character in han)
    if others > 0.15 * (len(han) + others) and others >= 0.3 * len(latin):
        return True
    letters = re.findall(r"[^\W\d_]", text)
    if sum(map(len, latin)) + len(han) < len(letters) / 2:
        return True
    foreign = sum(word in ELSEWHERE for word in latin)
    return not han and foreign > sum(word in STOP_WORDS_EN for word in latin)


def _english_weight(latin: list[str]) -> float:
    """Technical terms are Latin in Chinese questions too, so it is the function words that count."""
    grammar = [word in STOP_WORDS_EN or word in ASKING_EN for word in latin]
    return 2 * sum(grammar) + 0.25 * (len(latin) - sum(grammar)) + (2 if grammar[0] else 0)


def _chinese_weight(text: str, han: int) -> float:
    return han / 1.6 + 2 * len(_GRAMMAR_ZH.findall(text))


def _han_form(han: str) -> Script:
    """Traditional when to-simplified changes characters, and to-traditional does not change more."""
    simplified, traditional = (_converter(way).convert(han) for way in ("t2s", "s2t"))
    of_hant = sum(a != b for a, b in zip(han, simplified, strict=False))
    of_hans = sum(a != b for a, b in zip(han, traditional, strict=False))
    return "zh-Hant" if of_hant and of_hant >= of_hans else "zh-Hans"


class _Converter:
    """What we use of opencc, which has no types."""

    def __init__(self, way: str) -> None:
        import opencc  # 25 ms, and 50 for a dictionary: only when Chinese text comes

        self._opencc = opencc.OpenCC(way)

    def convert(self, text: str) -> str:
        return str(self._opencc.convert(text))


@cache
def _converter(way: str) -> _Converter:
    return _Converter(way)


@cache
def _hant_to_hans() -> dict[int, str]:
    """Every Traditional character that has one Simplified form, so that folding keeps the length."""
    characters = [chr(point) for point in range(0x3400, 0xA000)]
    simplified = _converter("t2s").convert("\n".join(characters)).split("\n")
    return {ord(a): b for a, b in zip(characters, simplified, strict=True) if a != b and len(b) == 1}


def fold(text: str) -> str:
    """The text as compared and indexed: NFKC, casefold, Traditional as Simplified. Length may change."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold().translate(_hant_to_hans())


def fold_each(text: str) -> str:
    """Like `fold`, but code point by code point: result[i] belongs to text[i], the length is the same."""
    return text.lower() if text.isascii() else "".join(map(_folded_character, text))


@lru_cache(maxsize=65_536)
def _folded_character(character: str) -> str:
    folded = fold(character)
    return folded if len(folded) == 1 else character


_TERM = re.compile(
    rf"(?P<run>[{_UNSPACED}]+)"
    rf"|(?P<word>(?:(?![{_UNSPACED}])[^\W_])+(?:[-._/@:'’+](?:(?![{_UNSPACED}])[^\W_])+)*(?:\+\+|\#)?)"
)
_POSSESSIVE = re.compile(r"['’](?:s|re|ve|ll|d|m|t)\b|['’]")
_JOINT = re.compile(r"[-._/@:+#]+")


def words(text: str) -> list[str]:
    """Index terms in the order of the text; a document and a question give the same terms for the same words.

    Latin words are folded, without accents, stemmed; `apt-get`, `3.5`, `etc/fstab`, `c++` stand whole and in
    parts; Chinese (Japanese, Korean, Thai) runs as bigrams, a lone character as itself.
    No term holds white space.
    """
    terms: list[str] = []
    for found in _TERM.finditer(fold(text)):
        run = found["run"]
        if run is None:
            terms += _word_terms(found["word"])
        elif len(run) == 1:
            terms.append(run)
        else:
            terms += [run[at : at + 2] for at in range(len(run) - 1)]
    return terms


@lru_cache(maxsize=65_536)
def _word_terms(word: str) -> tuple[str, ...]:
    if not word.isascii():
        parts = unicodedata.normalize("NFKD", word)
        word = "".join(character for character in parts if not unicodedata.combining(character))
    word = _POSSESSIVE.sub("", word)
    parts_of_word = [part for part in _JOINT.split(word) if part]
    if len(parts_of_word) == 1 and not word.endswith(("++", "#")):
        return (_stemmed(word)[:MAX_TERM_CHARACTERS],)
    whole = (word,) if len(word) <= MAX_TERM_CHARACTERS else ()
    if all(part.isdigit() for part in parts_of_word) and whole:
        return whole
    return whole + tuple(_stemmed(part)[:MAX_TERM_CHARACTERS] for part in parts_of_word)


def _stemmed(word: str) -> str:
    return stem(word) if word.isascii() and word.isalpha() else word


def content_words(text: str) -> list[str]:
    """The terms of `words` that carry a subject; all of them when there is no such term."""
    terms = words(text)
    return [term for term in terms if not _is_function_word(term)] or terms


def _is_function_word(term: str) -> bool:
    """A stop word, or a bigram across the end of a Chinese word, where 的, 了 or 怎 belongs to no word."""
    return term in STOP_WORDS or (len(term) == 2 and not FUNCTION_CHARACTERS.isdisjoint(term))


def bm25(question: Iterable[str], documents: Sequence[Sequence[str]], k1: float = 1.2, b: float = 0.75) -> list[float]:
    """One score per document, 0.0 and more, for the terms of a question (Lucene's form of Okapi BM25)."""
    asked = set(question)
    counts = [Counter(term for term in document if term in asked) for document in documents]
    frequency = Counter(term for count in counts for term in count)
    idf = {term: math.log(1 + (len(documents) - n + 0.5) / (n + 0.5)) for term, n in frequency.items()}
    mean = sum(map(len, documents)) / len(documents) if documents else 0.0
    lengths = [1 - b + b * len(document) / mean if mean else 1.0 for document in documents]
    return [
        sum(idf[term] * n * (k1 + 1) / (n + k1 * length) for term, n in count.items())
        for count, length in zip(counts, lengths, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Span:
    """Code points [start, end) of a text. An item may hold several sentences and is then several spans."""

    start: int
    end: int
    kind: SpanKind = "sentence"


_FENCE = re.compile(r"[ \t]*(```+|~~~+)")
_HEADING = re.compile(r"[ ]{0,3}#{1,6}[ \t]+(?P<text>\S.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r"[ ]{0,3}(=+|-{3,})[ \t]*$")
_RULE = re.compile(r"[ \t]*([-*_=])([ \t]*\1){2,}[ \t]*$")
_ITEM = re.compile(r"[ \t]*(?:[-*+•·‣]|\(?\d{1,3}[.)]|\d{1,3}、|（\d{1,3}）)[ \t]*(?<=[ \t、）])(?P<text>\S)")
_ROW = re.compile(r"[ \t]*\|.*\|[ \t]*$")
_ROW_RULE = re.compile(r"[ \t|:-]+$")
_INDENTED = re.compile(r"(?: {4}|\t)[ \t]*\S")


def sentences(text: str) -> list[Span]:
    """The sentences, headings, list items, table rows and code blocks of plain or Markdown text, in order.

    Markers (`#`, `-`, fences) lie outside the spans. A line end inside a paragraph ends no sentence, a blank
    line does.
    """
    return list(_Blocks(text).spans())


class _Blocks:
    """Walks the lines of a text once; `_open` is the paragraph or list item that is still growing."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._open: tuple[int, int, SpanKind] | None = None
        self._code: tuple[int, int] | None = None
        self._after_blank, self._in_list = True, False

    def spans(self) -> Iterator[Span]:
        fence, start = "", 0
        for line in self._text.splitlines(keepends=True):
            end, bare = start + len(line), line.rstrip("\r\n")
            mark = _FENCE.match(bare)
            if fence:
                if mark and mark[1].startswith(fence) and not bare[mark.end() :].strip():
                    fence = ""
                    yield from self._close()
                else:
                    self._grow_code(start, start + len(bare))
            elif mark:
                yield from self._close()
                fence = mark[1]
            else:
                yield from self._line(start, bare)
            start = end
        yield from self._close()

    def _line(self, start: int, line: str) -> Iterator[Span]:
        blank = not line.strip()
        if blank:
            if not self._code:
                yield from self._close()
        elif self._code_line(line):
            self._grow_code(start, start + len(line))
        else:
            if self._code:
                yield from self._close()
            yield from self._structure(start, line)
            self._in_list = bool(_ITEM.match(line)) or (self._in_list and line[0] in " \t")
        self._after_blank = blank

    def _code_line(self, line: str) -> bool:
        """Indented by four after a blank line, outside a list: code, as CommonMark has it."""
        opened = self._code is not None or (self._after_blank and not self._in_list)
        return opened and bool(_INDENTED.match(line)) and self._open is None

    def _structure(self, start: int, line: str) -> Iterator[Span]:
        end = start + len(line.rstrip())
        if heading := _HEADING.match(line):
            yield from self._close()
            yield Span(start + heading.start("text"), start + heading.end("text"), "heading")
        elif _UNDERLINE.match(line) and self._open and self._is_one_line():
            yield Span(self._open[0], self._open[1], "heading")
            self._open = None
        elif _ROW.match(line):
            yield from self._close()
            if not _ROW_RULE.match(line):
                yield Span(start + len(line) - len(line.lstrip()), end, "row")
        elif _RULE.match(line):
            yield from self._close()
        elif item := _ITEM.match(line):
            yield from self._close()
            self._open = (start + item.start("text"), end, "item")
        elif self._open:
            self._open = (self._open[0], end, self._open[2])
        else:
            self._open = (start + len(line) - len(line.lstrip(" \t>")), end, "sentence")

    def _is_one_line(self) -> bool:
        return self._open is not None and self._open[2] == "sentence" and "\n" not in self._text[slice(*self._open[:2])]

    def _grow_code(self, start: int, end: int) -> None:
        if end > start:
            self._code = (self._code[0] if self._code else start, end)

    def _close(self) -> Iterator[Span]:
        if self._code:
            yield Span(*self._code, "code")
        if self._open and self._open[0] < self._open[1]:
            start, end, kind = self._open
            for first, last in _split(self._text, start, end):
                yield Span(first, last, kind)
        self._open = self._code = None


_CLOSERS = "\"'”’」』）)】》〉\\]*_`"
_END = re.compile(
    rf"(?:[。！？；｡]+|…+)[{_CLOSERS}。！？；…]*"
    rf"|[!?]+[{_CLOSERS}]*(?=\s|$|[{_HAN}])"
    rf"|[.]+[{_CLOSERS}]*(?=\s|$)"
)
_LAST_WORD = re.compile(r"[^\s(（\[\"“]*$")
_NEXT_WORD = re.compile(r"\s*(\S[\w'’]*)")


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    first = start
    for found in _END.finditer(text, start, end):
        if found.end() < end and _ends_here(text, found, first, end):
            yield first, found.end()
            first = found.end()
            while first < end and text[first].isspace():
                first += 1
    if first < end:
        yield first, end


def _ends_here(text: str, found: re.Match[str], first: int, end: int) -> bool:
    mark = text[found.start()]
    if mark in "。！？；｡" or (mark == "…" and found.end() - found.start() > 1):
        return True
    following = _NEXT_WORD.match(text, found.end(), min(end, found.end() + 40))
    word = following[1] if following else ""
    if word[:1].islower():
        return False
    if mark != ".":
        return True
    before = _LAST_WORD.search(text, max(first, found.start() - 24), found.start())
    last = before[0] if before else ""
    if last.lower() in ABBREVIATIONS_EN or (last.lower() in ("no", "nr") and word[:1].isdigit()):
        return False
    initials = re.fullmatch(r"(?:[A-Za-z]\.)*[A-Za-z]", last) is not None
    return not initials or word.lower() in STOP_WORDS_EN
