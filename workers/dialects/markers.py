"""[citation:7] as other dialects write it: [1], numbered by first appearance, so that marker n is citations[n-1]."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agent.answer import Source


@dataclass(frozen=True, slots=True)
class Marked:
    """A marker as it is written. start and end: code points into the text; number: from 1."""

    number: int
    start: int
    end: int
    source: Source


class Renumbered:
    """Text with renumbered markers, piece by piece. sources[n-1] is what [n] means; offsets are code points."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self._characters = 0

    def text(self, piece: str) -> str:
        self._characters += len(piece)
        return piece

    def cite(self, source: Source) -> tuple[str, Marked]:
        """The marker's text and where it stands."""
        known = [each.number for each in self.sources]
        if source.number not in known:
            self.sources.append(source)
            known.append(source.number)
        number = known.index(source.number) + 1
        marker = f"[{number}]"
        start = self._characters
        return self.text(marker), Marked(number, start, start + len(marker), source)


def annotations(marked: Iterable[Marked]) -> list[dict[str, Any]]:
    """OpenAI's url_citation for each marker."""
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": place.start,
                "end_index": place.end,
                "title": place.source.title,
                "url": place.source.url,
            },
        }
        for place in marked
    ]


def sonar_fields(sources: Iterable[Source]) -> dict[str, Any]:
    """Perplexity's two lists; item n-1 is what [n] means."""
    cited = list(sources)
    return {
        "citations": [source.url for source in cited],
        "search_results": [
            {"title": source.title, "url": source.url, "date": source.date or None, "source": "web"} for source in cited
        ],
    }
