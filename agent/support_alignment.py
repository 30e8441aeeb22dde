"""Where a claim repeats the page almost word by word, and what stands in the place of what.

A sentence that is copied but for one word ("increase" for "decrease", another name, a "not" too many) holds nearly
all of the page's words; only their places tell that it says something else.
"""

import re
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import pairwise

from agent.numbers import without_measures
from agent.support_names import SURNAMES, places_in
from agent.support_page import squeezed
from agent.support_wanted import OPENING
from agent.support_words import NEGATION, alike, is_han, opposites, rarity, without_double_denials
from tools.text import STOP_WORDS, content_words, fold, words

_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+(?:['’.,-][^\W_\u3400-\u9fff]+)*|[%‰$€£¥]")
_COPIED = 0.6  # share of the claim's tokens that must stand in the window in their order
_SAME_SENTENCE = 0.7  # the same for a denial or an opposite
_NEAR_COPY = 0.78  # the same for one rare word in the place of another
_NEAR_COPY_HAN = 0.86
_COPY = 0.9  # the same for any English word of meaning; Chinese rewords single words too often
_TELLING, _TELLING_HAN, _TELLING_HAN_IN_COPY = 0.75, 0.85, 0.7  # rarity
_HAN = re.compile("[\u3400-\u9fff]")
_POINTING = re.compile(r"^\s*(?:[这该其它他她您你我那]|this|that|these|it|he|she|they|who|what|which)")
_FUNCTION = re.compile("[的了它也是都就和与]")  # no Chinese name holds them; a rewording does
_NUMERAL = re.compile(r"\d|[零〇一二两三四五六七八九十百千万亿]")
_LISTED = re.compile(r"[,，、;；]|\b(?:and|or|with|between|same|like|as|than)\b|[和与及或跟同]|之间|比")
_FIRST_CLAUSE = re.compile(r"[,，:：;；]")
_SENTENCE = re.compile(r"[。！？!?\n]|\.(?=\s|$)")
_PERSON = re.compile(f"[{SURNAMES}][\u3400-\u9fff]{{1,2}}")
_LONGEST_DENIAL = 3  # tokens
_LONGEST_CHANGE = 8  # tokens
_LONGEST_WORD = 6  # tokens of a word or name in the place of another
_MOST_TOKENS = 400
_MOST_LETTERS = 300


@dataclass(frozen=True, slots=True)
class Change:
    """before: the page's words; after: what the claim has in their place; either may be empty.

    whole_before and whole_after: with the token on each side, since a Chinese word may change in one character.
    """

    before: str
    after: str
    whole_before: str = ""
    whole_after: str = ""

    @property
    def denies(self) -> bool:
        """Only a short change: where much differs, a "not" belongs to something else."""
        if max(len(_TOKEN.findall(side)) for side in (self.before, self.after)) > _LONGEST_DENIAL:
            return False
        return bool(NEGATION.search(self.before)) != bool(NEGATION.search(self.after))

    @property
    def opposes(self) -> bool:
        """Also of function words (before, after) and of a lone character (大, 小)."""
        held = {*words(self.before), *words(self.whole_before)}
        claimed = {*words(self.after), *words(self.whole_after)}
        return any(opposites(term) & (held - claimed) for term in claimed - held)


@dataclass(frozen=True, slots=True)
class Alignment:
    """copied: share of the claim's tokens that stand in the window in their order; changes: the small ones between;
    reordered: a sentence of the window has exactly the claim's tokens, in another order ("A beat B" for "B beat A")."""

    copied: float = 0.0
    changes: tuple[Change, ...] = ()
    reordered: bool = False

    @property
    def denies(self) -> bool:
        return self.copied >= _SAME_SENTENCE and any(change.denies or change.opposes for change in self.changes)

    def substitutes(self, window_terms: frozenset[str]) -> bool:
        """Whether one word of meaning, and one only, stands in the place of another in what is else a copy.

        Numbers are left to their values; a person for a person or a place for a place needs less of a copy.
        """
        if self.reordered:
            return True
        told = [change for change in self.changes if _meaning(change.before) or _meaning(change.after)]
        told = [change for change in told if not (_NUMERAL.search(change.before) and _NUMERAL.search(change.after))]
        if any(_of_a_kind(change) for change in told):
            return True
        if len(told) != 1 or self.copied < (_NEAR_COPY_HAN if _HAN.search(told[0].after) else _NEAR_COPY):
            return False
        strict = self.copied < _COPY or bool(_HAN.search(told[0].after))
        return _substitutes(told[0], window_terms, strict, copy=self.copied >= _COPY)


def in_order(claim: str, window: str) -> float:
    """Share of the claim's letters that stand in the window in the claim's order, in runs of two and more; numbers
    apart, which are compared by value."""
    letters, window = _lettered(OPENING.sub("", claim))[:_MOST_LETTERS], _lettered(window)[: 2 * _MOST_LETTERS]
    blocks = SequenceMatcher(None, window, letters, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size > 1) / len(letters) if letters else 1.0


def _lettered(text: str) -> str:
    return squeezed(without_double_denials(without_measures(text)))


def aligned(claim: str, window: str) -> Alignment:
    """Of the claim without its opening words (首先, moreover) and the page's words."""
    claim, window = without_double_denials(fold(claim)), without_double_denials(fold(window))
    ours = _TOKEN.findall(OPENING.sub("", claim))[:_MOST_TOKENS]
    theirs = _TOKEN.findall(window)[:_MOST_TOKENS]
    matcher = SequenceMatcher(None, theirs, ours, autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size]
    copied = sum(block.size for block in blocks) / len(ours) if ours else 0.0
    if copied < _COPIED:
        return Alignment(copied)
    found: list[Change] = []
    for left, right in pairwise(blocks):
        before = theirs[left.a + left.size : right.a]
        after = ours[left.b + left.size : right.b]
        beside = 1 if copied >= _NEAR_COPY else 2
        if max(len(before), len(after)) <= _LONGEST_CHANGE and min(left.size, right.size) >= beside:
            whole = theirs[left.a + left.size - 1 : right.a + 1], ours[left.b + left.size - 1 : right.b + 1]
            found.append(Change(_joined(before), _joined(after), _joined(whole[0]), _joined(whole[1])))
    return Alignment(
        copied, (*found, *_at_the_ends(ours, theirs, blocks, _clause_ends(claim))), _is_reordered(claim, ours, window)
    )


def _is_reordered(claim: str, ours: list[str], window: str) -> bool:
    """Lists apart, whose order tells nothing."""
    if _LISTED.search(claim.rstrip(" .。")):
        return False
    sentences = (_TOKEN.findall(part)[: _MOST_TOKENS + 1] for part in _SENTENCE.split(window))
    return any(one != ours and sorted(one) == sorted(ours) for one in sentences)


def _of_a_kind(change: Change) -> bool:
    """A Chinese person's name or a place in the place of another one."""
    before, after = change.before.strip(), change.after.strip()
    if _PERSON.fullmatch(before) and _PERSON.fullmatch(after):
        return True
    held, claimed = (places_in(side) for side in (change.whole_before or before, change.whole_after or after))
    return bool(held and claimed) and not held & claimed


def _clause_ends(claim: str) -> int:
    """How many tokens stand before the claim's first comma or colon."""
    return len(_TOKEN.findall(_FIRST_CLAUSE.split(OPENING.sub("", claim), maxsplit=1)[0]))


def _at_the_ends(ours: list[str], theirs: list[str], blocks: list[Match], first_clause: int) -> tuple[Change, ...]:
    """What the claim begins or ends with, against as much of the page; a whole clause before is no change of words."""
    first, last = blocks[0], blocks[-1]
    head, tail = first.b, len(ours) - last.b - last.size
    found: list[Change] = []
    if 0 < head <= _LONGEST_CHANGE and first.size >= 3 and head != first_clause:
        found.append(Change(_joined(theirs[max(first.a - head, 0) : first.a]), _joined(ours[:head])))
    if 0 < tail <= _LONGEST_CHANGE and last.size >= 3:
        end = last.a + last.size
        found.append(Change(_joined(theirs[end : end + tail]), _joined(ours[-tail:])))
    return tuple(found)


def _joined(tokens: list[str]) -> str:
    return "".join(token if "\u3400" <= token[0] <= "\u9fff" else f" {token} " for token in tokens)


def _substitutes(change: Change, window_terms: frozenset[str], strict: bool, copy: bool) -> bool:
    """Whether neither word means nearly the same as the other, nor the claim's stands nearby.

    strict: the claim's word must be rare, and stand where the page has a word of meaning too. copy: all else is the
    same, so that the two may differ in length, and the claim's need not be as rare.
    """
    lengths = [len(_TOKEN.findall(side)) for side in (change.before, change.after)]
    if (
        _POINTING.match(change.after)
        or _FUNCTION.search(change.after)
        or min(lengths) == 0
        or max(lengths) > _LONGEST_WORD
        or abs(lengths[0] - lengths[1]) > (_LONGEST_CHANGE if copy else _LONGEST_WORD // 2)
    ):
        return False
    held, claimed = _meaning(change.before), _meaning(change.after)
    foreign = [term for term in claimed if term not in window_terms]
    return (
        bool(held or not strict)
        and (_telling(frozenset(foreign), copy) if strict else bool(foreign))
        and not any(_close(term, other) for term in claimed for other in held)
    )


def _meaning(text: str) -> frozenset[str]:
    return frozenset(term for term in content_words(text) if len(term) > 1 and term not in STOP_WORDS)


def _telling(terms: frozenset[str], copy: bool) -> bool:
    """Whether one of the terms is rare enough to name something; everyday words are often rewordings."""
    least_han = _TELLING_HAN_IN_COPY if copy else _TELLING_HAN
    return any(rarity(term) >= (least_han if is_han(term) else _TELLING) for term in terms)


def _close(one: str, other: str) -> bool:
    return one == other or other in alike(one) or (len(one) >= 5 and one[:5] == other[:5])
