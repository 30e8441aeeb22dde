"""Answers that a test writes itself, with the evidence that the real service would keep with them."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from agent.answer import Answer, Citation, Correction, Report, Skipped, Source, Support, Verdict
from agent.events import (
    Answered,
    Cited,
    Event,
    Packed,
    PageRead,
    PageSkipped,
    Planned,
    Searched,
    SearchFailed,
    Text,
    Thinking,
    Verified,
)
from agent.links import text_link
from agent.question import Question
from tools.page import Webpage

TAI = Webpage(
    "https://tai.example/height",
    "Mount Tai",
    "A page about mountains. Mount Tai is 1,545 m high. It stands in Shandong, and people climb it by night.",
    "tai.example",
    "2024-05-01",
)
HUA = Webpage(
    "https://hua.example/华山", "华山", "华山位于陕西省华阴市。华山主峰海拔2154.9米。", "hua.example", "2023-11-20"
)
PAGES = (TAI, HUA)
MARKER = re.compile(r"\[citation:(\d+)\]")
SENTENCE = re.compile(r"[^.。\n]+(?:\[citation:\d+\])+[.。]?")
Judge = dict[int, tuple[Verdict, str]]
"""By page: the verdict on each sentence that cites it, and the quote."""
JUDGED: Judge = {1: ("supported", "Mount Tai is 1,545 m high."), 2: ("partial", "华山主峰海拔2154.9米。")}


@dataclass(frozen=True)
class Script:
    """What the service says to one question. steps: before the text; pause: seconds between two pieces of text."""

    text: str
    pages: tuple[Webpage, ...] = PAGES
    judged: Judge = field(default_factory=lambda: dict(JUDGED))
    thoughts: str = "Page 1 gives the height of the mountain.\n"
    piece: int = 12
    pause: float = 0.0
    steps: tuple[Event, ...] = ()
    changes: Callable[[Answer], Answer] = lambda answer: answer

    def answer(self, question: Question) -> Answer:
        text = self.text
        citations = tuple(Citation(int(found[1]), found.start(), found.end()) for found in MARKER.finditer(text))
        cited = {citation.number for citation in citations}
        supports = tuple(self._supports(text))
        good = sum(support.verdict == "supported" for support in supports)
        sources = tuple(
            Source(n, page.url, page.title, page.site, page.date, page.sha256, cited=n in cited, read=page.read)
            for n, page in enumerate(self.pages, 1)
        )
        answer = Answer(
            id="",
            question=question.text,
            language=question.language,
            depth=question.depth,
            status="answered",
            text=text,
            sources=sources,
            citations=citations,
            supports=supports,
            skipped=(Skipped("https://slow.example/", "timeout", "the site does not answer"),),
            report=Report(cited=len(supports), supported=good, citations=len(citations)),
            model="scripted",
            seconds=1.5,
        )
        return self.changes(answer)

    def _supports(self, text: str) -> list[Support]:
        found = []
        for sentence in SENTENCE.finditer(text):
            for number in sorted({int(marker[1]) for marker in MARKER.finditer(sentence[0])}):
                if not 1 <= number <= len(self.pages):
                    continue
                verdict, quote = self.judged.get(number, ("unavailable", ""))
                page = self.pages[number - 1]
                start = page.text.index(quote) if quote else 0
                link = text_link(page.url, page.text, start, start + len(quote)) if quote else ""
                place = (sentence.start(), sentence.end(), quote, start, start + len(quote), link)
                found.append(Support(number, verdict, 0.9, *place))
        return found

    async def run(self, question: Question) -> AsyncGenerator[Event, None]:
        answer = self.answer(question)
        for step in self.steps or usual_steps(question):
            yield step
        yield Packed(tuple(page.url for page in self.pages), tuple(page.title for page in self.pages), 200)
        for at in range(0, len(self.thoughts), self.piece * 4):
            yield Thinking(self.thoughts[at : at + self.piece * 4])
            await asyncio.sleep(self.pause)
        for part in re.split(r"(\[citation:\d+\])", self.text):
            marker = MARKER.fullmatch(part)
            if marker and 1 <= int(marker[1]) <= len(self.pages):
                page = self.pages[int(marker[1]) - 1]
                yield Cited(int(marker[1]), page.url, page.title)
                continue
            for at in range(0, len(part), self.piece):
                yield Text(part[at : at + self.piece])
                await asyncio.sleep(self.pause)
        yield Verified(answer.supports)
        yield Answered(answer, self.pages)


def usual_steps(question: Question) -> tuple[Event, ...]:
    return (
        Planned(1, (question.text,)),
        Searched(question.text, "library", 8, 0.1),
        SearchFailed("Mount Tai height metres", "timeout", "the engine does not answer"),
        PageRead(TAI.url, TAI.title, len(TAI.text), 0.2),
        PageSkipped("https://slow.example/", "timeout", "the site does not answer", 5.0),
        PageRead(HUA.url, HUA.title, len(HUA.text), 0.3),
    )


def corrected(answer: Answer) -> Answer:
    from dataclasses import replace

    return replace(answer, corrections=(Correction(0, 4, "Tall", "High", "wrong_number"),))
