"""A stream of SGLang's shape that comes in pieces, or ends, at any byte."""

from contextlib import aclosing

from agent.errors import ModelDown
from agent.model import ModelConfig, ModelServer
from agent.prompt import Message, Prompt
from agent.question import Question
from tests.fake_model import Fault, Reply, fake_model, lines

PROMPT = Prompt(Question("q?"), (Message("user", "q?"),))
USAGE = {"messages": [], "stream_options": {"include_usage": True}}
THINKING, TEXT = "想一想。", "是月亮[citation:1]。"
BODY = "".join(f"data: {line}\n\n" for line in lines(Reply(f"\n\n{TEXT}", THINKING, cut=5), USAGE)).encode()
FINISHED = BODY.index(b"\n", BODY.index(b'"finish_reason": "stop"'))  # the end of that event's line
STEP = 23  # a prime: over the events, each place in their text comes up


async def heard(model: ModelServer) -> tuple[str, str, str]:
    """(thinking, text, the finish or the reason of the failure)"""
    thinking, text, end = "", "", ""
    try:
        async with aclosing(model.generate(PROMPT)) as deltas:
            async for delta in deltas:
                thinking, text, end = thinking + delta.thinking, text + delta.text, delta.finish
    except ModelDown as down:
        end = down.reason
    return thinking, text, end


async def test_a_stream_that_comes_in_two_pieces_parted_anywhere_says_the_same() -> None:
    places = range(1, len(BODY), STEP)
    replies = iter([Reply(recorded=(BODY[:place], BODY[place:])) for place in places])
    async with fake_model(lambda _: next(replies)) as server:
        model = ModelServer(ModelConfig(server.url))
        said = [await heard(model) for _ in places]
        await model.aclose()
    assert set(said) == {(THINKING, TEXT, "stop")}


async def test_a_stream_that_ends_anywhere_is_whole_only_after_its_finish() -> None:
    """What was said until then is handed out, never more; a finish that has come is enough."""
    places = range(1, len(BODY), STEP)
    replies = iter([Reply(recorded=(BODY[:place],), fault=Fault(cut=True)) for place in places])
    async with fake_model(lambda _: next(replies)) as server:
        model = ModelServer(ModelConfig(server.url))
        for place in places:
            thinking, text, end = await heard(model)
            assert THINKING.startswith(thinking)
            assert TEXT.startswith(text)
            if place <= FINISHED:
                assert end == "broken_stream", place
            else:
                assert (text, end) in ((TEXT, "stop"), (TEXT, "broken_stream")), place
        await model.aclose()
