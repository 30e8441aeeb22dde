"""Pages -> prompt -> draft: one fresh call without tools, streamed; only valid citations leave it."""

import asyncio
from contextlib import aclosing

from langgraph.runtime import Runtime

from agent.asking import file_prompt, search_prompt
from agent.citations import CitationReader
from agent.delta import Generate
from agent.errors import ModelDown, ModelMisbehaved
from agent.events import Cited, Packed, Text, Thinking
from agent.fence import fence_line
from agent.nodes.deps import Deps, Run, WhyQuoted
from agent.nodes.state import Draft, Gathering, Written
from agent.packing import pack
from agent.prompt import Prompt
from tools.page import Webpage

_AROUND_EACH_PAGE = 80  # tokens for the lines around a page's text
_QUOTE_SECONDS = 10.0  # the quoting reader's own limit: it may begin when the model has used up the time
_RESERVE_SECONDS = 2.0  # of the run, kept back from the model for checking, or for quoting in its place
_AROUND_ALL = 1_600  # tokens of the vendor's template, the longer of the two, and the system line


async def write(state: Gathering, runtime: Runtime[Run]) -> Written:
    """Without any page nothing is written: the verify step says so in an answer of its own."""
    run = runtime.context
    pages = [*run.question.files, *(run.pages[url] for url in state["read"])]
    if not pages:
        return {**state, "draft": Draft("")}
    run.prompt = await _prompt(state, run, pages)
    runtime.stream_writer(await asyncio.to_thread(_packed, run.prompt, pages, run.deps))
    return {**state, "draft": await _draft(run.prompt, runtime)}


async def _prompt(state: Gathering, run: Run, pages: list[Webpage]) -> Prompt:
    deps, question = run.deps, run.question
    queries = {search.query for past in state["rounds"] for search in past.plan.searches}
    wanted = "\n".join([question.text, *sorted(queries - {question.text})])
    shown = await asyncio.to_thread(pack, wanted, pages, _budget(run, len(pages)), deps.count_tokens)
    make = search_prompt if question.search else file_prompt
    return make(question, shown, deps.templates, deps.today(), run.limits.answer_tokens)


def _budget(run: Run, pages: int) -> int:
    """Tokens for page texts: the setting, or what the model's context leaves beside question, history and answer."""
    deps, question = run.deps, run.question
    said = (
        deps.count_tokens(question.text)
        + deps.count_tokens(question.instructions)
        + sum(deps.count_tokens(turn.question) + deps.count_tokens(turn.answer) for turn in question.history)
    )
    room = deps.limits.context_tokens - run.limits.answer_tokens - said - _AROUND_ALL - pages * _AROUND_EACH_PAGE
    if room < _AROUND_ALL:
        raise ModelMisbehaved(
            f"The question and its history take {said:,} tokens; the model's context of {deps.limits.context_tokens:,} "
            f"leaves no room for pages beside an answer of {run.limits.answer_tokens:,}. Ask a shorter question."
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


async def _draft(prompt: Prompt, runtime: Runtime[Run]) -> Draft:
    """The model's draft; the quoting reader's when there is no model, or when it is down before its first word."""
    run = runtime.context
    deps = run.deps
    if deps.generate is None:
        return await _quoted(prompt, runtime, "no_model")
    try:
        return await _by_model(prompt, deps.generate, runtime)
    except (ModelDown, ModelMisbehaved) as error:
        if not deps.degrade:
            raise
        why = error.reason if isinstance(error, ModelDown) else error.code
        return await _quoted(prompt, runtime, "model_down", degraded=why)


async def _quoted(prompt: Prompt, runtime: Runtime[Run], why: WhyQuoted, degraded: str = "") -> Draft:
    writing = _Writing(prompt, runtime, _QUOTE_SECONDS, degraded)
    return await writing.run(runtime.context.deps.quote(why), "quoting-reader")


async def _by_model(prompt: Prompt, generate: Generate, runtime: Runtime[Run]) -> Draft:
    """A model that answers with nothing is asked once more."""
    for _ in range(2):
        run = runtime.context
        writing = _Writing(prompt, runtime, max(0.0, run.seconds_left - _RESERVE_SECONDS))
        draft = await writing.run(generate, run.deps.model_name)
        if draft.text.strip() or draft.broken:
            return draft
    raise ModelMisbehaved("The model answered twice without any text. Ask again, or use another model.")


class _Writing:
    """One call of a model: deltas in, events out, a draft at the end. What was written survives a break."""

    def __init__(self, prompt: Prompt, runtime: Runtime[Run], seconds: float, degraded: str = "") -> None:
        self._prompt, self._runtime, self._seconds, self._degraded = prompt, runtime, seconds, degraded
        self._reader = CitationReader(len(prompt.pages))
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._finish = ""

    async def run(self, generate: Generate, model: str) -> Draft:
        broken = ""
        try:
            async with asyncio.timeout(self._seconds):
                await self._stream(generate)
        except ModelDown as down:
            if not any(self._text):
                raise
            broken = down.reason
        except TimeoutError:
            if not any(self._text):
                raise ModelDown("deadline", "The time for this question ran out before the first word.") from None
            broken = "deadline"
        self._send(self._reader.close())
        if self._finish in ("length", "abort", "content_filter"):
            broken = broken or self._finish
        text, thinking = "".join(self._text), "".join(self._thinking)
        return Draft(text, thinking, self._reader.dropped, broken, self._degraded, model)

    async def _stream(self, generate: Generate) -> None:
        async with aclosing(generate(self._prompt)) as deltas:
            async for delta in deltas:
                if delta.thinking:
                    self._thinking.append(delta.thinking)
                    self._runtime.stream_writer(Thinking(delta.thinking))
                self._send(self._reader.feed(delta.text))
                self._finish = delta.finish or self._finish
                if delta.usage:
                    self._runtime.context.usage += delta.usage

    def _send(self, pieces: list[str | int]) -> None:
        for piece in pieces:
            if isinstance(piece, int):
                page = self._prompt.pages[piece - 1]
                self._text.append(f"[citation:{piece}]")
                self._runtime.stream_writer(Cited(piece, page.url, fence_line(page.title)))
            else:
                self._text.append(piece)
                self._runtime.stream_writer(Text(piece))
