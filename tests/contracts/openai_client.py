"""What a program with OpenAI's own client, unmodified, gets of a running service: one law for each function.

    python tests/contracts/openai_client.py BASE_URL KEY

Stands alone (openai and the standard library), so that the interpreter of another version of the client can run it:
`make contracts` does so with the oldest that we name. Prints a line for each law; the exit code is 1 when one is
broken.
"""

import asyncio
import base64
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import openai

QUESTION = "What causes tides?"
MESSAGES: Any = [{"role": "user", "content": QUESTION}]
NOTES = b"# Notes\n\nThe moon pulls the sea. Tides are caused by the moon.\n"
SAID = "The moon pulls the sea"
Law = Callable[[openai.AsyncOpenAI], Awaitable[None]]


def numbered(text: str, annotations: list[Any]) -> None:
    """Each annotation lies on a marker [n] of the text."""
    assert annotations, "a cited answer has annotations"
    for note in annotations:
        fields = note if isinstance(note, dict) else note.model_dump()
        cited = fields.get("url_citation", fields)
        marker = text[cited["start_index"] : cited["end_index"]]
        assert (marker[:1], marker[-1:], marker[1:-1].isdigit()) == ("[", "]", True), marker
        assert cited["url"]
        assert isinstance(cited["title"], str)


async def a_completion_is_whole(client: openai.AsyncOpenAI) -> None:
    done = await client.chat.completions.create(model="kaozheng-quick", messages=MESSAGES)
    choice = done.choices[0]
    assert (done.object, choice.finish_reason, choice.message.role) == ("chat.completion", "stop", "assistant")
    assert SAID in (choice.message.content or "")
    assert choice.message.tool_calls is None
    numbered(choice.message.content or "", choice.message.annotations or [])
    extra: Any = done.model_extra
    assert [each["url"] for each in extra["search_results"]] == extra["citations"]
    assert (choice.message.model_extra or {})["reasoning_content"]
    assert done.usage is not None
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens


async def a_stream_says_the_same(client: openai.AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model="kaozheng-quick", messages=MESSAGES)
    stream = await client.chat.completions.create(
        model="kaozheng-quick", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    text = "".join(delta.content or "" for delta in deltas)
    assert text == whole.choices[0].message.content
    notes = [note for delta in deltas for note in (delta.model_extra or {}).get("annotations", ())]
    numbered(text, notes)
    assert not any(delta.tool_calls for delta in deltas)
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert len({chunk.id for chunk in chunks}) == 1


async def the_client_s_own_accumulator_reads_a_stream(client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model="kaozheng", messages=MESSAGES) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_completion()
    assert SAID in (final.choices[0].message.content or "")


async def the_models_are_listed(client: openai.AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]
    assert names == ["kaozheng", "kaozheng-quick", "kaozheng-research"]
    assert (await client.models.retrieve("kaozheng")).object == "model"


async def a_response_is_whole(client: openai.AsyncOpenAI) -> None:
    made = await client.responses.create(model="kaozheng", input=QUESTION, include=["web_search_call.action.sources"])
    kinds = [item.type for item in made.output]
    assert [kinds[0], *kinds[-2:]] == ["web_search_call", "reasoning", "message"], kinds
    assert made.status == "completed"
    assert SAID in made.output_text
    last: Any = made.output[-1]
    numbered(made.output_text, last.content[0].annotations)
    assert (await client.responses.retrieve(made.id)).model_dump() == made.model_dump()
    await client.responses.delete(made.id)
    await refused(openai.NotFoundError, client.responses.retrieve(made.id))


async def a_response_s_events_build_it(client: openai.AsyncOpenAI) -> None:
    stream = await client.responses.create(model="kaozheng", input=QUESTION, stream=True)
    events: list[Any] = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == events[-1].response.output_text


async def the_client_s_own_accumulator_reads_a_response(client: openai.AsyncOpenAI) -> None:
    async with client.responses.stream(model="kaozheng-quick", input=QUESTION) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_response()
    assert SAID in final.output_text


async def a_background_response_is_fetched_continued_and_cancelled(client: openai.AsyncOpenAI) -> None:
    made = await client.responses.create(model="kaozheng-quick", input=QUESTION, background=True)
    assert (await ended(client, made.id)).status == "completed"
    asked = await client.responses.create(model="kaozheng-quick", input="Why?", previous_response_id=made.id)
    assert asked.previous_response_id == made.id
    assert (await client.responses.cancel(made.id)).status == "completed"


async def a_file_is_answered_from_by_its_id(client: openai.AsyncOpenAI) -> None:
    made = await client.files.create(file=("notes.md", NOTES), purpose="user_data")
    part: Any = {"type": "input_file", "file_id": made.id}
    asked: Any = [{"role": "user", "content": [part, {"type": "input_text", "text": QUESTION}]}]
    nowhere: Any = [{"type": "web_search", "filters": {"allowed_domains": ["nowhere.example"]}}]
    response = await client.responses.create(model="kaozheng-quick", input=asked, tools=nowhere)
    last: Any = response.output[-1]
    assert last.content[0].annotations[0].title == "notes.md"
    background = await client.responses.create(model="kaozheng-quick", input=asked, background=True)
    await client.files.delete(made.id)
    assert (await ended(client, background.id)).status == "completed"
    gone = await refused(openai.NotFoundError, client.responses.create(model="kaozheng-quick", input=asked))
    assert gone.param == "input.0.content.0.file_id"


async def a_file_part_of_a_message_is_read(client: openai.AsyncOpenAI) -> None:
    made = await client.files.create(file=("notes.md", NOTES), purpose="user_data")
    inline = "data:text/markdown;base64," + base64.b64encode(NOTES).decode()
    given: tuple[Any, ...] = ({"file_id": made.id}, {"file_data": inline, "filename": "notes.md"})
    for file in given:
        content: Any = [{"type": "text", "text": QUESTION}, {"type": "file", "file": file}]
        asked: Any = [{"role": "user", "content": content}]
        nowhere = {"search_domain_filter": ["nowhere.example"]}
        done = await client.chat.completions.create(model="kaozheng-quick", messages=asked, extra_body=nowhere)
        extra: Any = done.model_extra
        assert extra["search_results"][0]["title"] == "notes.md"


async def ended(client: openai.AsyncOpenAI, response_id: str) -> Any:
    async with asyncio.timeout(60):
        while True:
            found = await client.responses.retrieve(response_id)
            if found.status not in ("queued", "in_progress"):
                return found
            await asyncio.sleep(0.05)


async def refusals_are_the_client_s_own_exceptions(client: openai.AsyncOpenAI) -> None:
    chat, responses = client.chat.completions, client.responses
    unknown = await refused(openai.NotFoundError, chat.create(model="gpt-5", messages=MESSAGES))
    assert (unknown.code, unknown.param) == ("model_not_found", "model")
    many = await refused(openai.BadRequestError, chat.create(model="kaozheng", messages=MESSAGES, n=2))
    assert (many.param, many.type) == ("n", "invalid_request_error")
    await refused(openai.NotFoundError, responses.create(model="gpt-5", input=QUESTION))
    await refused(openai.BadRequestError, responses.create(model="kaozheng", input=[]))
    stranger = client.with_options(api_key="kz_not-a-key", max_retries=0)
    wrong = await refused(openai.AuthenticationError, stranger.models.list())
    assert wrong.code == "invalid_api_key"
    assert wrong.request_id


async def refused(kind: type[openai.APIStatusError], call: Awaitable[Any]) -> Any:
    try:
        await call
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


LAWS: tuple[Law, ...] = (
    a_completion_is_whole,
    a_stream_says_the_same,
    the_client_s_own_accumulator_reads_a_stream,
    the_models_are_listed,
    a_response_is_whole,
    a_response_s_events_build_it,
    the_client_s_own_accumulator_reads_a_response,
    a_background_response_is_fetched_continued_and_cancelled,
    a_file_is_answered_from_by_its_id,
    a_file_part_of_a_message_is_read,
    refusals_are_the_client_s_own_exceptions,
)


async def broken(base_url: str, key: str) -> list[str]:
    """The names of the laws that do not hold."""
    names = []
    async with openai.AsyncOpenAI(base_url=f"{base_url}/v1", api_key=key, max_retries=0, timeout=60) as client:
        for law in LAWS:
            try:
                await law(client)
            except (AssertionError, openai.OpenAIError, AttributeError, KeyError, TypeError, IndexError):
                traceback.print_exc()
                names.append(law.__name__)
            print(f"openai {openai.__version__}: {law.__name__}: {'BROKEN' if law.__name__ in names else 'holds'}")
    return names


if __name__ == "__main__":
    sys.exit(bool(asyncio.run(broken(*sys.argv[1:3]))))
