"""The last word: rules checked, citations judged, at most one repair; the answer is marked, never thrown away."""

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime

from langgraph.runtime import Runtime

from agent.answer import Answer, Correction, Flaw, Source, Status, Support
from agent.asking import repair_prompt
from agent.checks import REPAIRABLE, flaws_of
from agent.citations import CitationReader
from agent.claims import citations_of
from agent.errors import ModelDown
from agent.events import Answered, Corrected, Verified
from agent.nodes.deps import Run
from agent.nodes.state import Draft, Gathering, Written
from agent.nodes.state import Verified as VerifiedState
from agent.prompt import Prompt
from agent.report import nothing_found
from agent.strict import only_supported
from agent.support import supports_of

_REPAIR_SECONDS = 120.0


async def verify(state: Written, runtime: Runtime[Run]) -> VerifiedState:
    """Ends the run: Corrected for each change, Verified once, then Answered."""
    run, draft = runtime.context, state["draft"]
    answer = _without_pages(state, run) if run.prompt is None else await _judged(state, run, run.prompt)
    for correction in answer.corrections:
        runtime.stream_writer(Corrected(correction))
    runtime.stream_writer(Verified(answer.supports, answer.flaws))
    runtime.stream_writer(Answered(answer, run.prompt.pages if run.prompt else ()))
    return {**state, "draft": draft, "answer": answer}


def _without_pages(state: Gathering, run: Run) -> Answer:
    """No page found or none readable: the answer says so, with what was tried, and cites nothing."""
    text = nothing_found(run.question.language, state["asked"], state["skipped"], run.deps.templates)
    return _answer(state, run, Draft(text, model=run.deps.model_name or "quoting-reader"), (), ())


async def _judged(state: Written, run: Run, prompt: Prompt) -> Answer:
    draft = state["draft"]
    text = draft.text
    corrections: tuple[Correction, ...] = ()
    wrong = tuple(flaw for flaw in _flaws(text, prompt) if flaw.rule in REPAIRABLE)
    if wrong and not draft.broken and not draft.degraded and run.deps.generate is not None:
        text, corrections = await _repaired(draft.text, wrong, run, prompt)
    supports = await asyncio.to_thread(supports_of, text, prompt.pages)
    if run.question.strict and draft.model != "quoting-reader":  # which says nothing but the pages' own words
        text, removed = only_supported(text, supports, prompt.question.language)
        corrections += removed
        supports = await asyncio.to_thread(supports_of, text, prompt.pages)
    shown = Draft(text, draft.thinking, draft.dropped_markers, draft.broken, draft.degraded, draft.model)
    return _answer(state, run, shown, corrections, supports)


def _flaws(text: str, prompt: Prompt) -> tuple[Flaw, ...]:
    return flaws_of(prompt.question, text, len(prompt.pages), cites=prompt.question.search)


async def _repaired(text: str, wrong: tuple[Flaw, ...], run: Run, prompt: Prompt) -> tuple[str, tuple[Correction, ...]]:
    """One bounded call. Its text is taken only if it breaks fewer rules; otherwise the first text stands, marked."""
    request = repair_prompt(prompt, text, [flaw.detail for flaw in wrong], run.deps.templates)
    try:
        async with run.until(_REPAIR_SECONDS):
            mended = await _whole_text(request, run)
    except (ModelDown, TimeoutError):
        return text, ()
    if not mended.strip() or len(_flaws(mended, prompt)) >= len(_flaws(text, prompt)):
        return text, ()
    rules = ", ".join(flaw.rule for flaw in wrong)
    return mended, (Correction(0, len(text), text, mended, f"rewritten by the model: {rules}"),)


async def _whole_text(request: Prompt, run: Run) -> str:
    assert run.deps.generate is not None
    reader, pieces = CitationReader(len(request.pages)), list[str | int]()
    async with aclosing(run.deps.generate(request)) as deltas:
        async for delta in deltas:
            pieces += reader.feed(delta.text)
            if delta.usage:
                run.usage += delta.usage
    pieces += reader.close()
    return "".join(piece if isinstance(piece, str) else f"[citation:{piece}]" for piece in pieces)


def _answer(
    state: Gathering,
    run: Run,
    draft: Draft,
    corrections: tuple[Correction, ...],
    supports: tuple[Support, ...],
) -> Answer:
    question, prompt = run.question, run.prompt
    citations = citations_of(draft.text)
    flaws = _flaws(draft.text, prompt) if prompt else ()
    return Answer(
        id=run.deps.new_id(),
        question=question.text,
        language=question.language,
        depth=question.depth,
        status=_status(draft, bool(citations), run),
        text=draft.text,
        thinking=draft.thinking,
        sources=_sources(prompt, {citation.number for citation in citations}),
        citations=citations,
        supports=supports,
        asked=state["asked"],
        skipped=state["skipped"],
        flaws=flaws,
        corrections=corrections,
        dropped_markers=draft.dropped_markers,
        model=draft.model,
        degraded=draft.degraded,
        usage=run.usage,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - run.started, 3),
    )


def _status(draft: Draft, cited: bool, run: Run) -> Status:
    if run.prompt is None or (draft.model == "quoting-reader" and not cited):
        return "no_sources"
    if draft.broken:
        return "partial"
    return "answered" if cited or not run.question.search else "uncited"


def _sources(prompt: Prompt | None, cited: set[int]) -> tuple[Source, ...]:
    pages = prompt.pages if prompt else ()
    return tuple(
        Source(number, page.url, page.title, page.site, page.date, page.sha256, page.truncated, number in cited)
        for number, page in enumerate(pages, 1)
    )
