"""The stretch of a page that a model sees beside a claim: the best quote with what stands around it."""

import re
from dataclasses import dataclass

from agent.answer import Support
from agent.fence import fence
from agent.support_page import PageIndex, verbatim_span
from tools.page import Webpage

_AROUND = 400  # characters before and behind the quote
_CUT = re.compile(r"[。！？!?\n]|[.](?=\s)")


@dataclass(frozen=True, slots=True)
class Passage:
    """page[start:end], and the same as it is shown: fenced."""

    page: Webpage
    start: int
    end: int
    shown: str

    @property
    def text(self) -> str:
        return self.page.text[self.start : self.end]

    def find(self, quote: str) -> tuple[int, int] | None:
        """Where the words stand in the page's text, white space and punctuation apart; None when they do not."""
        part = PageIndex(Webpage(self.page.url, "", self.text))
        span = verbatim_span(quote, part)
        return (span[0] + self.start, span[1] + self.start) if span else None


def passage_of(page: Webpage, support: Support) -> Passage:
    """Whole sentences where they fit."""
    before = page.text[max(support.quote_start - _AROUND, 0) : support.quote_start]
    behind = page.text[support.quote_end : support.quote_end + _AROUND]
    first, cuts = next(_CUT.finditer(before), None), list(_CUT.finditer(behind))
    start = support.quote_start - len(before) + (first.end() if first and len(before) == _AROUND else 0)
    end = support.quote_end + (cuts[-1].end() if cuts else len(behind))
    return Passage(page, start, end, fence(page.text[start:end]))
