"""Who is forgotten leaves nothing in the store that the bot wrote."""

from redis.asyncio import Redis

from tests.fake_slack import TEAM, fake_slack
from tests.fakes import TIDES, FakeModel, FakeWeb, deps
from tests.workers.slack.botting import Bench, answer_in, graph_of, running_bot
from tests.workers.slack.test_pressing import press
from workers.slack.forgetting import forget_asker
from workers.slack.question import owner_of
from workers.store import Retention, Store

SECRET = "Why does Alice Example have so much debt?"
GOOD = "The moon pulls the sea twice a day[citation:1]."


async def held(valkey: Redis) -> str:
    """All that stands in the store."""
    found = []
    async for key in valkey.scan_iter("*"):
        found.append(key)
        found.append(await valkey.dump(key))
        if await valkey.type(key) == b"hash":
            found += [part for pair in (await valkey.hgetall(key)).items() for part in pair]
        if await valkey.type(key) == b"string":
            found.append(await valkey.get(key))
    return b"\n".join(found).decode("utf-8", "replace")


async def test_a_forgotten_person_leaves_no_question_and_no_opinion_on_its_answer(valkey: Redis) -> None:
    bench = Bench(graph_of(deps(FakeWeb(TIDES), FakeModel(answers=[[GOOD], [GOOD]]))))
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        for user, text in (("U1", SECRET), ("U2", "Why are there tides?")):
            event = slack.mention("C1", user, text)
            await slack.tell(event)
            answer = await answer_in(slack, event)
            block = next(block for block in answer["blocks"] if block["type"] == "context_actions")
            value = block["elements"][0]["positive_button"]["value"]
            action = {"type": "feedback_buttons", "action_id": "feedback", "value": value}
            await press(slack, answer, action, user="U2")
    assert "Alice Example" in await held(valkey)

    alice = owner_of(TEAM, "U1")
    removed = await forget_asker(valkey, valkey, alice)
    await Store(valkey, Retention.of(1, 1, 1)).forget_user(alice)
    left = await held(valkey)

    assert removed == 2  # the question, and the opinion of U2 on its answer
    assert "Alice Example" not in left
    assert "Why are there tides?" in left
    assert await forget_asker(valkey, valkey, "slack:*") == 0


async def test_a_forgotten_question_that_waits_is_never_answered(valkey: Redis) -> None:
    bench = Bench(graph_of(deps(FakeWeb(TIDES), FakeModel(answers=[[GOOD]]))))
    async with fake_slack() as slack:
        from dataclasses import replace

        from tests.workers.slack.botting import QUICKLY, parts_of
        from workers.slack.bot import open_bot

        bench.rules = replace(QUICKLY, workers=0)
        async with running_bot(bench, slack, valkey):
            await slack.tell(slack.mention("C1", "U1", SECRET))
        assert await forget_asker(valkey, valkey, owner_of(TEAM, "U1")) == 1
        bench.rules = QUICKLY
        async with parts_of(bench, slack, valkey) as parts, open_bot(parts):
            assert await parts.desk.take() is None

    assert bench.asked == []
