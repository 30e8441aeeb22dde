"""The last word: rules checked, citations judged, at most one repair; the answer is marked, never thrown away.

Whatever is changed is a Correction, the first to the text that was streamed (decision 6).
"""

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime

from langgraph.runtime import Runtime

from agent.answer import Answer, Flaw, Status, sources_of
from agent.asking import repair_prompt
from agent.checks import REPAIRABLE, flaws_of, truncated
from agent.citations import CitationReader, in_our_form
from agent.claims import citations_of
from agent.corrections import Editing
from agent.delta import CUT
from agent.errors import ModelDown
from agent.events import Answered, Corrected, Judged, Text, Verified
from agent.findings import Findings, found_in, reported, tell_conflicts
from agent.mending import mend, mending_prompt, sentences_to_mend
from agent.nodes.deps import Run
from agent.nodes.state import Draft, Gathering, Written
from agent.nodes.state import Verified as VerifiedState
from agent.nothing_found import nothing_found
from agent.offers import insert_offers
from agent.prompt import Prompt
from agent.recitation import correct_citations
from agent.strict import only_supported
from agent.verdicts import Verdicts

_REPAIR_SECONDS = 120.0
_WORTH_A_CALL = 2.0  # seconds that must be left of the run


async def verify(state: Written, runtime: Runtime[Run]) -> VerifiedState:
    """Ends the run: Corrected for each change, Verified once, then Answered."""
    run, draft = runtime.context, state["draft"]
    if run.prompt is None:
        answer = _without_pages(state, run)
        runtime.stream_writer(Text(answer.text))
        runtime.stream_writer(Judged(answer.text, 0, len(answer.text)))
    else:
        answer = await _judged(state, run, run.prompt)
    for correction in answer.corrections:
        runtime.stream_writer(Corrected(correction))
    runtime.stream_writer(Verified(answer.supports, answer.flaws))
    runtime.stream_writer(Answered(answer, run.prompt.pages if run.prompt else ()))
    return {**state, "draft": draft, "answer": answer}


def _without_pages(state: Gathering, run: Run) -> Answer:
    """No page found or none readable: the answer says so, with what was tried, and cites nothing."""
    text = nothing_found(run.question.language, state["asked"], state["skipped"], run.deps.templates)
    draft = Draft(text, model=run.deps.model_name or "quoting-reader")
    return _answer(state, run, draft, Editing(text), Findings())


async def _judged(state: Written, run: Run, prompt: Prompt) -> Answer:
    draft = state["draft"]
    editing, verdicts = Editing(draft.text), _verdicts(run, prompt)
    if draft.model != "quoting-reader":  # which says nothing but the pages' own words
        await _corrected(editing, verdicts, draft, run, prompt)
    found = await asyncio.to_thread(found_in, editing.text, verdicts, draft.model)
    if draft.model == "quoting-reader":
        tell_conflicts(editing, found, prompt.question.script)
    return _answer(state, run, draft, editing, found)


def _verdicts(run: Run, prompt: Prompt) -> Verdicts:
    """Those of the stream, so that nothing is judged twice."""
    known = run.verdicts
    return known if known is not None and known.pages is prompt.pages else Verdicts(prompt.pages)


async def _corrected(editing: Editing, verdicts: Verdicts, draft: Draft, run: Run, prompt: Prompt) -> None:
    """What a verdict leads to, in this order: one repair at most, and first what needs no model."""
    may_repair = not draft.broken and not draft.degraded and run.deps.generate is not None
    wrong = tuple(flaw for flaw in _flaws(editing.text, prompt) if flaw.rule in REPAIRABLE)
    if wrong and may_repair:
        await _repair(editing, wrong, run, prompt)
    await _ask_judge(editing.text, verdicts, run)
    await asyncio.to_thread(correct_citations, editing, verdicts)
    if may_repair and not wrong and run.seconds_left > _WORTH_A_CALL:
        await _mend(editing, verdicts, run, prompt)
    if run.deps.checking.insert_offers:
        await asyncio.to_thread(insert_offers, editing, verdicts, len(editing.text))
    if run.question.strict:
        supports = await asyncio.to_thread(verdicts.supports, editing.text)
        editing.take(*only_supported(editing.text, supports, prompt.question.language))


def _flaws(text: str, prompt: Prompt) -> tuple[Flaw, ...]:
    return flaws_of(prompt.question, text, len(prompt.pages), cites=prompt.question.search)


async def _ask_judge(text: str, verdicts: Verdicts, run: Run) -> None:
    """The model's opinion of what the judge without a model is unsure of; late or none, the first verdicts stand."""
    first = await asyncio.to_thread(verdicts.supports, text)
    if run.deps.second_opinion is None or not first:
        return
    try:
        async with asyncio.timeout(run.seconds_left):
            opinions = await run.deps.second_opinion(text, verdicts.pages, first)
    except TimeoutError:
        return
    run.usage += opinions.usage
    verdicts.overrule(text, opinions.supports)


async def _repair(editing: Editing, wrong: tuple[Flaw, ...], run: Run, prompt: Prompt) -> None:
    """One bounded call. Its text is taken only if it breaks fewer rules; otherwise the first text stands, marked."""
    request = repair_prompt(prompt, editing.text, [flaw.detail for flaw in wrong], run.deps.templates)
    mended = await _reply(request, run, _REPAIR_SECONDS)
    if mended.strip() and len(_flaws(mended, prompt)) < len(_flaws(editing.text, prompt)):
        rules = ", ".join(flaw.rule for flaw in wrong)
        editing.replace(0, len(editing.text), mended, f"rewritten by the model: {rules}")


async def _mend(editing: Editing, verdicts: Verdicts, run: Run, prompt: Prompt) -> None:
    """One bounded call about the sentences that no page supports; all others stay as they are."""
    checking = run.deps.checking
    wrong = await asyncio.to_thread(sentences_to_mend, editing.text, verdicts)
    tokens = min(checking.repair_tokens, prompt.max_tokens)
    request = await asyncio.to_thread(mending_prompt, wrong, verdicts, prompt, run.deps.templates, tokens)
    if request is not None:
        reply = await _reply(request, run, checking.repair_seconds)
        await asyncio.to_thread(mend, editing, wrong, reply, verdicts)


async def _reply(request: Prompt, run: Run, seconds: float) -> str:
    """What the model says in time, with markers in our form; "" when it is down, too slow or cut off."""
    assert run.deps.generate is not None
    reader, pieces = CitationReader(len(request.pages)), list[str | int]()
    try:
        async with run.until(seconds), aclosing(run.deps.generate(request)) as deltas:
            async for delta in deltas:
                pieces += reader.feed(delta.text)
                if delta.usage:
                    run.usage += delta.usage
                if delta.finish in CUT:
                    return ""
    except (ModelDown, TimeoutError):
        return ""
    pieces += reader.close()
    return in_our_form(pieces)


def _answer(state: Gathering, run: Run, draft: Draft, editing: Editing, found: Findings) -> Answer:
    question, prompt = run.question, run.prompt
    citations = citations_of(editing.text)
    answer = Answer(
        id=run.deps.new_id(),
        question=question.text,
        language=question.language,
        depth=question.depth,
        status=_status(draft, bool(citations), run),
        text=editing.text,
        thinking=draft.thinking,
        sources=sources_of(prompt.pages if prompt else (), {citation.number for citation in citations}),
        citations=citations,
        supports=found.supports,
        asked=state["asked"],
        skipped=state["skipped"],
        flaws=(*truncated(draft.broken), *(_flaws(editing.text, prompt) if prompt else ()), *found.marks),
        corrections=editing.corrections,
        offers=found.offers,
        conflicts=found.conflicts,
        dropped_markers=draft.dropped_markers,
        model=draft.model,
        degraded=draft.degraded,
        usage=run.usage,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - run.started, 3),
    )
    return reported(answer) if prompt else answer


def _status(draft: Draft, cited: bool, run: Run) -> Status:
    if run.prompt is None or (draft.model == "quoting-reader" and not cited):
        return "no_sources"
    if draft.broken:
        return "partial"
    return "answered" if cited or not run.question.search else "uncited"
