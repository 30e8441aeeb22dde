"""Pages -> prompt -> draft: one fresh call without tools, streamed; only valid citations leave it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from langgraph.runtime import Runtime

from agent.asking import file_prompt, search_prompt
from agent.delta import Generate
from agent.errors import BadQuestion, ModelDown, ModelMisbehaved
from agent.events import Packed
from agent.fence import fence_line
from agent.nodes.deps import Deps, Run, WhyQuoted
from agent.nodes.state import Draft, Gathering, Written
from agent.nodes.writing import Writing, WritingLimits
from agent.packing import Shown, pack
from agent.prompt import Due, Prompt
from tools.page import Webpage

_AROUND_EACH_PAGE = 80  # tokens for the lines around a page's text
_QUOTE_SECONDS = 10.0  # the quoting reader's own limit: it may begin when the model has used up the time
_RESERVE_SECONDS = 2.0  # of the run, kept back from the model for checking, or for quoting in its place
_SHARE_AFTER_OVERFLOW = 0.5
_LEAST_SHARE_FOR_TEXT = 0.25
_AROUND_ALL = 1_600  # tokens of the vendor's template, the longer of the two, and the system line


async def write(state: Gathering, runtime: Runtime[Run]) -> Written:
    """Without any page nothing is written: the verify step says so in an answer of its own."""
    run = runtime.context
    pages = [*run.question.files, *(run.pages[url] for url in state["read"])]
    if not pages:
        return {**state, "draft": Draft("")}
    await _pack(state, runtime, pages)
    return {**state, "draft": await _draft(state, runtime, pages)}


async def _pack(state: Gathering, runtime: Runtime[Run], pages: list[Webpage], share: float = 1.0) -> None:
    """Make the prompt. share: of the room for page texts that is used."""
    run = runtime.context
    run.prompt = await _prompt(state, run, pages, share)
    runtime.stream_writer(await asyncio.to_thread(_packed, run.prompt, pages, run.deps))


async def _prompt(state: Gathering, run: Run, pages: list[Webpage], share: float) -> Prompt:
    deps, question = run.deps, run.question
    queries = {search.query for past in state["rounds"] for search in past.plan.searches}
    wanted = "\n".join([question.text, *sorted(queries - {question.text})])
    budget = int(room_for_pages(run, len(pages)) * share)
    shown: Sequence[Shown] = await asyncio.to_thread(pack, wanted, pages, budget, deps.count_tokens)
    if deps.arrange and deps.generate and question.search:
        shown = await deps.arrange(question, shown)
    make = search_prompt if question.search else file_prompt
    return make(question, shown, deps.templates, deps.today(), run.limits.answer_tokens)


def room_for_pages(run: Run, pages: int) -> int:
    """Tokens for page texts: the setting, or what the model's context leaves beside question, history and answer.

    Raises BadQuestion with the numbers where they leave none.
    """
    deps, question = run.deps, run.question
    said = (
        deps.count_tokens(question.text)
        + deps.count_tokens(question.instructions)
        + sum(deps.count_tokens(turn.question) + deps.count_tokens(turn.answer) for turn in question.history)
    )
    room = deps.limits.context_tokens - run.limits.answer_tokens - said - _AROUND_ALL - pages * _AROUND_EACH_PAGE
    if room < _AROUND_ALL:
        raise BadQuestion(
            "question",
            f"The question and its history take {said:,} tokens; the model's context of {deps.limits.context_tokens:,} "
            f"leaves no room for pages beside an answer of {run.limits.answer_tokens:,}. Ask a shorter question.",
        )
    return min(deps.limits.page_tokens, room)


def _packed(prompt: Prompt, pages: list[Webpage], deps: Deps) -> Packed:
    shown = tuple(page.url for page in prompt.pages)
    return Packed(
        shown,
        tuple(fence_line(page.title) for page in prompt.pages),
        sum(deps.count_tokens(message.content) for message in prompt.messages),
        tuple(page.url for page in pages if page.url not in shown),
    )


async def _draft(state: Gathering, runtime: Runtime[Run], pages: list[Webpage]) -> Draft:
    """The model's draft; the quoting reader's when there is no model, or when it is down before its first word."""
    deps = runtime.context.deps
    if deps.generate is None:
        return await _quoted(runtime, "no_model")
    try:
        return await _by_model(state, runtime, pages, deps.generate)
    except (ModelDown, ModelMisbehaved) as error:
        if not deps.degrade:
            raise
        reason = error.reason if isinstance(error, ModelDown) else error.code
        return replace(await _quoted(runtime, "model_down"), degraded=f"{reason}: {error}")


async def _quoted(runtime: Runtime[Run], why: WhyQuoted) -> Draft:
    writing = Writing(_made(runtime), runtime, WritingLimits(_QUOTE_SECONDS, metered=False))
    return await writing.run(runtime.context.deps.quote(why), "quoting-reader")


def _made(runtime: Runtime[Run]) -> Prompt:
    prompt = runtime.context.prompt
    assert prompt is not None
    return prompt


async def _by_model(state: Gathering, runtime: Runtime[Run], pages: list[Webpage], generate: Generate) -> Draft:
    """A prompt that the server finds too long is made smaller once: its tokens may not be ours."""
    try:
        return await _answered(runtime, generate)
    except ModelDown as down:
        if down.reason != "context_overflow":
            raise
    await _pack(state, runtime, pages, _SHARE_AFTER_OVERFLOW)
    return await _answered(runtime, generate)


async def _answered(runtime: Runtime[Run], generate: Generate) -> Draft:
    """A model that thought for too long, or answered with nothing, is told once to answer now."""
    run, prompt = runtime.context, _made(runtime)
    first = await Writing(prompt, runtime, _limits(run, prompt)).run(generate, run.deps.model_name)
    if first.text.strip():
        return first
    due = _due(prompt, first.thinking, run)
    second = await Writing(due, runtime, _limits(run, due)).run(generate, run.deps.model_name)
    if second.text.strip():
        return replace(second, thinking=first.thinking + second.thinking)
    raise ModelMisbehaved("the model answered twice without any text; ask again, or use another model")


def _limits(run: Run, prompt: Prompt) -> WritingLimits:
    seconds = max(0.0, run.seconds_left - _RESERVE_SECONDS)
    share = run.deps.limits.thinking_share
    return WritingLimits(seconds, prompt.max_tokens * share, seconds * share)


def _due(prompt: Prompt, thinking: str, run: Run) -> Prompt:
    """The same prompt for an answer that is due now, with what the reasoning has left of its tokens."""
    order = run.deps.templates[f"answer_now_{prompt.question.language}"].text
    left = prompt.max_tokens - run.deps.count_tokens(thinking)
    least = int(prompt.max_tokens * _LEAST_SHARE_FOR_TEXT)
    return replace(prompt, due=Due(thinking, order), max_tokens=max(left, least))
