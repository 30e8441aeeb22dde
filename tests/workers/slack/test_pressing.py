"""Buttons, the slash command, the shortcut: through bolt, as Slack sends them."""

import json
from typing import Any

from redis.asyncio import Redis

from tests.fake_slack import BOT_USER, FakeSlack, fake_slack, seen
from tests.fakes import SUN, TIDES, FakeModel, FakeWeb, deps
from tests.workers.slack.botting import Bench, answer_in, graph_of, running_bot, text_of
from workers.slack.feedback import all_feedback

EN = "Why are there tides?"
GOOD = "The moon pulls the sea twice a day[citation:1]."


def bench_of(*answers: str) -> Bench:
    return Bench(graph_of(deps(FakeWeb(TIDES, SUN), FakeModel(answers=[[one] for one in answers]))))


def button(message: dict[str, Any], action_id: str) -> dict[str, Any]:
    for block in message["blocks"]:
        for element in block.get("elements", ()):
            if element.get("action_id") == action_id:
                return {
                    "action_id": action_id,
                    "value": element.get("value", ""),
                    "block_id": block.get("block_id", "b"),
                }
    raise AssertionError(f"no button {action_id}")


async def press(
    slack: FakeSlack, message: dict[str, Any], action: dict[str, Any], user: str = "U1", channel: str = "C1"
) -> None:
    await slack.send(slack.pressed(user, channel, message, action), "interactive")


async def test_more_detail_asks_the_same_to_research_depth_once(valkey: Redis) -> None:
    bench = bench_of(GOOD, GOOD, GOOD)
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        answer = await answer_in(slack, event)
        for _ in range(2):
            await press(slack, answer, button(answer, "more"))
        await slack.until(lambda: len(slack.answers("C1", event["ts"])) == 2)

    assert [one.depth for one in bench.asked] == ["quick", "research"]
    assert bench.asked[1].text == EN


async def test_sources_and_quotes_open_in_a_modal(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(GOOD), slack, valkey):
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        answer = await answer_in(slack, event)
        await press(slack, answer, button(answer, "quotes"), user="U2")
        (view,) = await slack.until(lambda: slack.views)

    said = json.dumps(view, ensure_ascii=False)
    assert ">The moon pulls the sea twice a day" in said
    assert "a.example" in said


async def test_the_last_opinion_counts_and_is_exported(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(GOOD), slack, valkey):
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        answer = await answer_in(slack, event)
        block = next(block for block in answer["blocks"] if block["type"] == "context_actions")
        for name in ("positive_button", "negative_button"):
            action = {"type": "feedback_buttons", "action_id": "feedback", "value": block["elements"][0][name]["value"]}
            await press(slack, answer, action)
        kept = [one async for one in all_feedback(valkey)]

    assert [(one["opinion"], one["question"]) for one in kept] == [("not_helpful", EN)]


async def test_a_button_pressed_where_its_answer_never_was_does_nothing(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(GOOD), slack, valkey):
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        answer = await answer_in(slack, event)
        slack.channel("C2")
        for value in (button(answer, "quotes")["value"], "", "../x", "f" * 32):
            action = {"action_id": "quotes", "value": value, "block_id": "b"}
            await press(slack, answer, action, channel="C2")
        await press(slack, answer, {"action_id": "feedback", "value": "nonsense." + "f" * 32, "block_id": "b"})

        assert slack.views == []
        assert [one async for one in all_feedback(valkey)] == []


async def test_a_command_is_answered_to_its_asker_who_may_share_it_once(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(GOOD), slack, valkey):
        said = await slack.send(slack.command("U1", "C1", EN), "slash_commands")
        root = (await slack.until(lambda: slack.channels.get("DU1") and slack.channels["DU1"].messages))[0]
        answer = (await slack.until(lambda: slack.answers("DU1", root["ts"])))[0]
        assert slack.channels["C1"].messages == []
        await press(slack, answer, button(answer, "share"), user="U2", channel="DU1")
        await press(slack, answer, button(answer, "quotes"), user="U2", channel="DU1")
        await slack.until(lambda: slack.views)  # what was pressed before is done
        assert slack.channels["C1"].messages == []
        for _ in range(2):
            await press(slack, answer, button(answer, "share"), channel="DU1")
        (shared,) = await slack.until(lambda: slack.channels["C1"].messages)
        await slack.until(lambda: len(slack.ephemerals) == 2)

    assert "direct messages" in said["text"]
    assert len(slack.channels["C1"].messages) == 1
    assert "The moon pulls the sea" in text_of(shared)
    assert seen(shared).mentions == ("@U1",)
    assert not seen(shared).unfurls


async def test_where_the_bot_cannot_write_sharing_says_so_and_works_later(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(GOOD), slack, valkey):
        await slack.send(slack.command("U1", "C1", EN), "slash_commands")
        root = (await slack.until(lambda: slack.channels.get("DU1") and slack.channels["DU1"].messages))[0]
        answer = (await slack.until(lambda: slack.answers("DU1", root["ts"])))[0]
        slack.channels["C1"].members.discard(BOT_USER)
        await press(slack, answer, button(answer, "share"), channel="DU1")
        (refused,) = await slack.until(lambda: slack.ephemerals)
        slack.channels["C1"].members.add(BOT_USER)
        await press(slack, answer, button(answer, "share"), channel="DU1")
        await slack.until(lambda: slack.channels["C1"].messages)

    assert "Invite me there" in refused["text"]


async def test_a_claim_is_checked_against_pages_of_the_web(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(GOOD), slack, valkey):
        slack.channel("C1")
        message = slack.said("C1", "U2", "The moon pulls the sea twice a day. The sun is 20 km away.")
        await slack.send(slack.shortcut("U1", "C1", message), "interactive")
        root = (await slack.until(lambda: slack.channels.get("DU1") and slack.channels["DU1"].messages))[0]
        answer = (await slack.until(lambda: slack.answers("DU1", root["ts"])))[0]
        await press(slack, answer, button(answer, "share"), channel="DU1")
        (shared,) = await slack.until(lambda: slack.replies("C1", message["ts"]))

    said = answer.get("markdown") or text_of(answer)
    assert "✓ The moon pulls the sea twice a day.[1]" in said
    assert "✓ The sun is 20 km away" not in said
    assert "The moon pulls" in text_of(shared)


async def test_a_claim_that_a_page_contradicts_has_one_sign_here_and_where_it_is_shared(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(GOOD), slack, valkey):
        slack.channel("C1")
        message = slack.said("C1", "U2", "The sun adds to the tides at new moon. It is 250 million km away.")
        await slack.send(slack.shortcut("U1", "C1", message), "interactive")
        root = (await slack.until(lambda: slack.channels.get("DU1") and slack.channels["DU1"].messages))[0]
        answer = (await slack.until(lambda: slack.answers("DU1", root["ts"])))[0]
        await press(slack, answer, button(answer, "share"), channel="DU1")
        (shared,) = await slack.until(lambda: slack.replies("C1", message["ts"]))

    for said in (answer, shared):
        (line,) = [line for line in text_of(said).split("\n") if line.startswith("- ") and "250" in line]
        assert line.startswith("- ✗ It is 250 million km away")
        assert line.count("✗") == 1


async def test_a_channels_settings_hold_for_its_questions(valkey: Redis) -> None:
    bench = bench_of(GOOD)
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        slack.users["U1"] = {"is_admin": True}
        for text in ("set depth normal", "set domains example.com,-evil.test"):
            told = await slack.send(slack.command("U1", "C1", text), "slash_commands")
        refused = await slack.send(slack.command("U2", "C1", "set depth research"), "slash_commands")
        wrong = await slack.send(slack.command("U1", "C1", "set depth bottomless"), "slash_commands")
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        await answer_in(slack, event)

    assert "depth normal; domains example[.]com, -evil[.]test" in told["text"]
    assert "Only an admin" in refused["text"]
    assert "quick, normal, research" in wrong["text"]
    assert bench.asked[0].depth == "normal"
    assert bench.asked[0].filters.include_domains == ("example.com",)
    assert bench.asked[0].filters.exclude_domains == ("evil.test",)


async def test_quiet_hours_hold_a_question_back_and_say_until_when(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(GOOD), slack, valkey):
        slack.users["U1"] = {"is_admin": True}
        await slack.send(slack.command("U1", "C1", "set quiet 00:00-23:59"), "slash_commands")
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        (said,) = await slack.until(lambda: slack.ephemerals)

        assert "quiet hours until 23:59" in said["text"]
        assert slack.replies("C1", event["ts"]) == []


async def test_help_and_an_empty_command_say_how_to_ask(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(), slack, valkey):
        for text in ("", "help"):
            said = await slack.send(slack.command("U1", "C1", text), "slash_commands")
            assert "/kaozheng" in said["text"]
