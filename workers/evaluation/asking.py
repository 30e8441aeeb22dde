"""Asks the product one question of a set and scores what comes back."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from agent.answer import Citation
from agent.delta import Delta, Generate
from agent.errors import BadQuestion
from agent.events import Answered, Event, Failed, Text
from agent.graph import Deps, ask
from agent.nodes.deps import WhyQuoted
from agent.prompt import Prompt
from agent.question import Filters, Question
from tools.page import Webpage
from tools.text import fold
from workers.evaluation.cases import Case
from workers.evaluation.collection import Collection
from workers.evaluation.grading import ModelGrader, by_text
from workers.evaluation.options import EvalOptions
from workers.evaluation.record import Grade, GradedBy, Record
from workers.evaluation.scoring import correctness, said_of, touches

_LONGEST_ECHO = 40
"""Characters that a question must have at least, to be looked for on pages word for word."""


@dataclass(slots=True)
class _Seen:
    """The prompt that the answer was written from: the first with pages and without tools."""

    prompt: Prompt | None = None

    def noting(self, generate: Generate) -> Generate:
        async def noted(prompt: Prompt) -> AsyncGenerator[Delta, None]:
            if self.prompt is None and prompt.pages and not prompt.tools:
                self.prompt = prompt
            async with aclosing(generate(prompt)) as deltas:
                async for delta in deltas:
                    yield delta

        return noted

    def quoting(self, quote: Callable[[WhyQuoted], Generate]) -> Callable[[WhyQuoted], Generate]:
        return lambda why: self.noting(quote(why))


@dataclass(slots=True)
class _Heard:
    """The last event, and when the first text came."""

    last: Event | None = None
    started: float = field(default_factory=time.monotonic)
    first_text: float | None = None


@dataclass(frozen=True, slots=True)
class Asker:
    """collection: the set's own pages, None when the engines of the settings are asked; licence: of the set."""

    deps: Deps
    options: EvalOptions
    collection: Collection | None = None
    grader: ModelGrader | None = None
    licence: str = ""

    async def record(self, case: Case, sample: int) -> Record:
        """Never raises for what the question does: a failure is a record with `failure`."""
        seen = _Seen()
        try:
            question = self._question(case)
        except BadQuestion as bad:
            return replace(self._blank(case, sample), status="failed", failure=f"{bad.field}: {bad}")
        heard = await _heard(question, self._deps(case, seen))
        if isinstance(heard.last, Answered):
            return await self._scored(self._blank(case, sample), case, (heard, heard.last), seen)
        told = (
            f"{heard.last.code}: {heard.last.message}" if isinstance(heard.last, Failed) else "it ended without a word"
        )
        seconds = round(time.monotonic() - heard.started, 3)
        return replace(self._blank(case, sample), status="failed", failure=told, seconds=seconds)

    def _question(self, case: Case) -> Question:
        blocked = self.options.blocked if self.collection is None else ()
        return Question(case.question, self.options.depth, filters=Filters(exclude_domains=blocked))

    def _deps(self, case: Case, seen: _Seen) -> Deps:
        deps = replace(self.deps, quote=seen.quoting(self.deps.quote))
        if deps.generate is not None:
            deps = replace(deps, generate=seen.noting(deps.generate))
        if self.collection is not None:
            deps = replace(deps, search=self.collection.searching(case, self.options.scope), read=self.collection.read)
        return deps

    def _blank(self, case: Case, sample: int) -> Record:
        return Record(
            case=case.id,
            sample=sample,
            question=case.question,
            language=case.spoken,
            status="",
            text="",
            grade="incorrect" if case.gold else "ungraded",
            graded_by="",
            gold=[list(group) for group in case.gold],
            answerable=case.answerable,
            topic=case.topic,
            licence=self.licence,
        )

    async def _scored(self, blank: Record, case: Case, heard: tuple[_Heard, Answered], seen: _Seen) -> Record:
        timed, (answer, pages) = heard[0], (heard[1].answer, heard[1].pages)
        said, report = said_of(answer), answer.report
        refused = answer.status == "no_sources"
        right = correctness(said, case.gold) if case.gold else None
        grade, graded_by = await self._grade(case, said, refused)
        usage = answer.usage
        return replace(
            blank,
            status=answer.status,
            text=answer.text,
            grade=grade,
            graded_by=graded_by,
            refused=refused or (grade == "not_attempted" and graded_by == "model"),
            exact=right.exact if right else None,
            f1=round(right.f1, 4) if right else None,
            contains=right.contains if right else None,
            citation_precision=report.citation_precision,
            citation_recall=report.citation_recall,
            cited_gold=_cited_gold(answer.citations, pages, case),
            citations=len(answer.citations),
            claims=report.claims,
            claims_supported=report.supported,
            pages=[self.collection.original(page.url) if self.collection else page.url for page in pages],
            echoed=_echoed(case, pages) if self.collection is None else 0,
            seconds=answer.seconds,
            first_text_seconds=None if timed.first_text is None else round(timed.first_text - timed.started, 3),
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cost=self.options.prices.cost(usage.prompt_tokens, usage.completion_tokens),
            model=answer.model,
            degraded=answer.degraded,
            thinking=answer.thinking,
            prompt=[
                {"role": one.role, "content": one.content} for one in (seen.prompt.messages if seen.prompt else ())
            ],
        )

    async def _grade(self, case: Case, said: str, refused: bool) -> tuple[Grade, GradedBy]:
        if case.gold and self.grader is not None and not refused:
            found = await self.grader.grade(case, said)
            if found is not None:
                return found, "model"
        return by_text(case, said, refused), "text" if case.gold or not case.answerable else ""


async def _heard(question: Question, deps: Deps) -> _Heard:
    heard = _Heard()
    async with aclosing(ask(question, deps)) as events:
        async for event in events:
            if heard.first_text is None and isinstance(event, Text):
                heard.first_text = time.monotonic()
            heard.last = event
    return heard


def _cited_gold(citations: tuple[Citation, ...], pages: tuple[Webpage, ...], case: Case) -> float | None:
    if not citations or not case.gold:
        return None
    helpful = [touches(page.text, case.gold) for page in pages]
    numbers = [citation.number for citation in citations]
    return sum(helpful[number - 1] for number in numbers) / len(numbers)


def _echoed(case: Case, pages: tuple[Webpage, ...]) -> int:
    wanted = "".join(fold(case.question).split())
    if len(wanted) < _LONGEST_ECHO:
        return 0
    return sum(wanted in "".join(fold(page.text).split()) for page in pages)
