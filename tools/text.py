"""Words, sentences and scripts of Chinese and English text. No I/O, no model, time linear in the text.

Offsets are always into the text that was given, so that a quote can be found again.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import Literal

from tools.sentences import Span, SpanKind, sentences
from tools.stemming import stem
from tools.stop_words import (
    ASKING_EN,
    ELSEWHERE,
    FUNCTION_PHRASES,
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
    "joined_words",
    "script_of",
    "sentences",
    "words",
]

Script = Literal["zh-Hans", "zh-Hant", "en", "other"]

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
    """The terms of `words` that carry a subject; all of them when there is no such term.

    Function words are taken out of Chinese runs before these are cut, so that 怎样命名 gives 命名, not 样命.
    """
    kept = FUNCTION_PHRASES.sub(lambda found: found["word"] or " ", fold(text))
    return [term for term in words(kept) if term not in STOP_WORDS] or words(text)


def joined_words(text: str) -> list[str]:
    """Neighbouring Latin words of a subject written as one: "add a user" may stand on a page as `adduser`.

    Function words between them are passed over. Index terms, as `words` gives them.
    """
    latin = [word for word in re.findall(r"[a-z]{2,}", fold(text)) if word not in STOP_WORDS]
    return [term for first, second in pairwise(latin) for term in words(first + second)]


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
