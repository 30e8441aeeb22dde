"""What happens while an answer is made, as Slack's task cards: one for each query, with the pages that were read."""

from dataclasses import dataclass, field
from typing import Any

from agent.events import Event, PageRead, Planned, Searched, SearchFailed
from workers.slack.markup import line_of, link_address
from workers.slack.words import Language, words

Chunk = dict[str, Any]
MOST_CARDS = 24
MOST_SOURCES = 10
_TITLE_CHARACTERS = 150


@dataclass(slots=True)
class _Card:
    number: int
    title: str
    status: str = "in_progress"
    output: str = ""
    urls: tuple[str, ...] = ()
    sources: list[tuple[str, str]] = field(default_factory=list)


class Cards:
    """Turns events into chunks for a stream. A card's sources are sent whole each time: Slack replaces them."""

    def __init__(self, language: Language) -> None:
        self._language: Language = language
        self._cards: dict[str, _Card] = {}
        self._planned = False

    def of(self, event: Event) -> list[Chunk]:
        """What the event changes; nothing for most events."""
        if isinstance(event, Planned):
            return self._begun(event)
        if isinstance(event, Searched | SearchFailed):
            return self._searched(event)
        if isinstance(event, PageRead):
            return self._read(event)
        return []

    def finished(self, failed: bool = False) -> list[Chunk]:
        """Every card that is still going on comes to its end."""
        open_ = [card for card in self._cards.values() if card.status == "in_progress"]
        for card in open_:
            card.status = "error" if failed else "complete"
        return [self._chunk(card) for card in open_]

    def _begun(self, event: Planned) -> list[Chunk]:
        chunks: list[Chunk] = []
        if not self._planned:
            chunks.append({"type": "plan_update", "title": words("plan", self._language)})
            self._planned = True
        for query in (*event.queries, *event.urls):
            if query not in self._cards and len(self._cards) < MOST_CARDS:
                urls = (query,) if query in event.urls else ()
                self._cards[query] = _Card(len(self._cards) + 1, line_of(query, _TITLE_CHARACTERS) or "…", urls=urls)
                chunks.append(self._chunk(self._cards[query]))
        return chunks

    def _searched(self, event: Searched | SearchFailed) -> list[Chunk]:
        card = self._cards.get(event.query)
        if card is None:
            return []
        if isinstance(event, SearchFailed):
            card.status, card.output = "error", words("search_failed", self._language)
        else:
            card.status, card.urls = "complete", event.urls
            card.output = words("found", self._language, n=event.results)
        return [self._chunk(card)]

    def _read(self, event: PageRead) -> list[Chunk]:
        card = next((card for card in self._cards.values() if event.url in card.urls), None)
        address = link_address(event.url).replace("&amp;", "&")
        if card is None:
            return []
        if card.status == "in_progress":
            card.status = "complete"
        if address and len(card.sources) < MOST_SOURCES:
            card.sources.append((address, line_of(event.title, 80) or address[:80]))
        return [self._chunk(card)]

    def _chunk(self, card: _Card) -> Chunk:
        chunk: Chunk = {"type": "task_update", "id": str(card.number), "title": card.title, "status": card.status}
        if card.output:
            chunk["output"] = card.output
        if card.sources:
            chunk["sources"] = [{"type": "url", "url": url, "text": text} for url, text in card.sources]
        return chunk
