"""A word of the question that no page has, but for a slip of the finger: "coruption" where the pages say corruption."""

import re
from collections.abc import Iterator
from dataclasses import replace

from agent.quoting_ranking import Reading
from agent.quoting_terms import Sought, Term
from agent.support_words import rank_of
from tools.text import fold, words

_LEAST = 5  # letters; shorter words have too many neighbours
_WORD = re.compile(r"[a-z]{4,30}")
_ENDING = 4  # letters that a stem may have lost


def respelled(reading: Reading, asked: Sought) -> Sought | None:
    """The same question, each unknown word joined by those of the pages that are one slip away; None where none is.

    A word of the language counts as meant. Time is linear in the text.
    """
    present = {form for unit in reading.every() for form in unit.own} | {
        form for each in reading.titles for form in each
    }
    lost = [term for term in asked.terms if _may_be_a_slip(term) and present.isdisjoint((*term.forms, *term.joined))]
    if not lost:
        return None
    spoken = {word for page in reading.pages for word in _WORD.findall(fold(f"{page.title}\n{page.text}"))}
    meant = {term.forms[0]: found for term in lost if (found := tuple(_neighbours(term.forms[0], spoken)))}
    if not meant:
        return None
    terms = (replace(term, forms=(*term.forms, *meant.get(term.forms[0], ()))) for term in asked.terms)
    return replace(asked, terms=tuple(terms))


def _may_be_a_slip(term: Term) -> bool:
    form = term.forms[0]
    return len(form) >= _LEAST and form.isascii() and form.isalpha() and rank_of(form) is None


def _neighbours(form: str, spoken: set[str]) -> Iterator[str]:
    """Stems with the same first letter that one letter more, less or other makes of the form, or two changed round."""
    alike = {word for word in spoken if word[0] == form[0] and -1 <= len(word) - len(form) <= 1 + _ENDING}
    stems = {term for word in alike for term in words(word)}
    return (stem for stem in sorted(stems) if len(stem) >= _LEAST - 1 and _one_slip(form, stem))


def _one_slip(one: str, other: str) -> bool:
    """Whether one insertion, deletion, substitution or exchange of neighbours makes the other."""
    if len(one) > len(other):
        one, other = other, one
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return len(other) - len(one) == 1 and one[at:] == other[at + 1 :]
    exchanged = one[at + 1 : at + 2] + one[at : at + 1]
    return one[at + 1 :] == other[at + 1 :] or (exchanged == other[at : at + 2] and one[at + 2 :] == other[at + 2 :])
