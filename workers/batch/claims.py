"""What an answer claims, sentence by sentence, with the words of its pages; and what differs between two answers."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import from_json

from workers.batch.answer_rows import MARKER, answer_rows

Kind = Literal["new", "changed", "vanished"]
LIKE = 0.5
"""Share of their pairs of characters that two sentences must have in common to be one claim that has changed."""
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*(?:\s*\[[^\]\n]{1,20}\])*")
_SAME = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Claim:
    """text: without markers; quotes: the pages' words, each with its address."""

    text: str
    quotes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """old: None for a new claim; new: None for one that has vanished."""

    kind: Kind
    old: Claim | None = None
    new: Claim | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A question and what its answer claims. failed: why there is no answer, "" where there is one."""

    question: str
    claims: tuple[Claim, ...] = ()
    failed: str = ""


def told_by(lines: Iterable[bytes], questions: Mapping[int, str]) -> dict[str, Told]:
    """By custom_id."""
    found: dict[str, Told] = {}
    for line in lines:
        fields = from_json(line)
        (row,) = answer_rows((line,), questions)
        claims = () if row.error else tuple(_claims(fields["response"]["body"]))
        found[row.custom_id] = Told(row.question, claims, row.error)
    return found


def _claims(body: Mapping[str, Any]) -> Iterator[Claim]:
    if "choices" in body:
        yield from _chat_claims(body)
        return
    urls = {source["number"]: source["url"] for source in body["sources"]}
    by_place: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for support in body["supports"]:
        quotes = by_place.setdefault((support["claim_start"], support["claim_end"]), [])
        if support["quote"]:
            quotes.append((support["quote"], urls.get(support["number"], "")))
    for (start, end), quotes in sorted(by_place.items()):
        yield Claim(_plain(body["text"][start:end]), tuple(quotes))


def _chat_claims(body: Mapping[str, Any]) -> Iterator[Claim]:
    """Sentences with a marker; the words of a page are those that the answer shows of it."""
    found = body.get("search_results") or []
    pages = {place: (each.get("snippet") or "", each.get("url") or "") for place, each in enumerate(found, 1)}
    for sentence in _SENTENCE.findall(body["choices"][0]["message"]["content"]):
        numbers = [int(one or other) for one, other in MARKER.findall(sentence)]
        if numbers:
            yield Claim(_plain(sentence), tuple(pages[number] for number in numbers if pages.get(number, ("",))[0]))


def _plain(text: str) -> str:
    return " ".join(MARKER.sub("", text).split()).strip("-*# ")


def changes(old: Sequence[Claim], new: Sequence[Claim]) -> list[Change]:
    """Changed ones in the order of the new answer, then new ones, then those that have vanished. A claim that stands in
    both answers on the same words of a page has not changed."""
    olds, news = list(old), list(new)
    changed: list[Change] = []
    for claim in tuple(news):
        same = next((each for each in olds if _key(each.text) == _key(claim.text)), None)
        if same is not None:
            olds.remove(same)
            news.remove(claim)
            if not _shares_a_quote(same, claim):
                changed.append(Change("changed", same, claim))
    for likeness, before, after in _pairs(olds, news):
        if likeness >= LIKE and before in olds and after in news:
            olds.remove(before)
            news.remove(after)
            changed.append(Change("changed", before, after))
    appeared = [Change("new", None, claim) for claim in news]
    return [*changed, *appeared, *(Change("vanished", claim, None) for claim in olds)]


def _shares_a_quote(one: Claim, other: Claim) -> bool:
    """True as well where neither has any."""
    first, second = ({_key(quote) for quote, _ in claim.quotes} for claim in (one, other))
    return bool(first & second) or first == second


def _key(text: str) -> str:
    return _SAME.sub("", text).casefold()


def _pairs(olds: Sequence[Claim], news: Sequence[Claim]) -> list[tuple[float, Claim, Claim]]:
    """The most alike first."""
    pairs = [(alike(before.text, after.text), before, after) for before in olds for after in news]
    return sorted(pairs, key=lambda pair: -pair[0])


def alike(one: str, other: str) -> float:
    """0.0 to 1.0: Dice's coefficient of the pairs of neighbouring letters, which serves Chinese and English alike."""
    first, second = _bigrams(one), _bigrams(other)
    return 2 * len(first & second) / (len(first) + len(second)) if first and second else 0.0


def _bigrams(text: str) -> set[str]:
    key = _key(text)
    return {key[at : at + 2] for at in range(len(key) - 1)}
