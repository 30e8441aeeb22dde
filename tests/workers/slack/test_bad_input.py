"""What people and Slack send that is no plain question: a helpful reply or silence, never a stack trace."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from redis.asyncio import Redis

from agent.events import Event, Text
from agent.question import Question
from tests.fake_slack import BOT_ID, BOT_USER, TEAM, FakeSlack, fake_slack
from tests.fakes import TIDES, FakeModel, FakeWeb, deps
from tests.workers.serving import read_text
from tests.workers.slack.botting import QUICKLY, Bench, answer_in, graph_of, running_bot, text_of
from tools.errors import PageUnreadable
from tools.page import Webpage
from workers.slack.parts import Parts

EN = "Why are there tides?"


def bench_of(*answers: str) -> Bench:
    return Bench(
        graph_of(deps(FakeWeb(TIDES), FakeModel(answers=[[one] for one in answers or ("Tides[citation:1].",)])))
    )


async def nothing_came(slack: FakeSlack, parts: Parts, valkey: Redis) -> None:
    """Neither a question is kept nor was anything said."""
    assert not [key for key in await valkey.keys("kz:slack:question:*") if await valkey.hget(key, "record")]
    assert not slack.called("chat.postMessage")
    assert not slack.called("chat.startStream")
    assert not slack.ephemerals


@pytest.mark.parametrize("text", ["", "   ", "<@U0BOT>", "\u200b"])
async def test_an_empty_mention_is_told_how_to_ask(valkey: Redis, text: str) -> None:
    async with fake_slack() as slack, running_bot(bench_of(), slack, valkey):
        await slack.tell(slack.mention("C1", "U1", text))
        (said,) = await slack.until(lambda: slack.ephemerals)

    assert "mention me with a question" in said["text"]
    assert said["user"] == "U1"


async def test_a_question_of_40000_characters_is_told_the_limit(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(), slack, valkey):
        event = slack.mention("C1", "U1", "why " * 10_000)
        await slack.tell(event)
        said = text_of(await answer_in(slack, event))

    assert "8,000" in said


NOT_ASKED: list[dict[str, Any]] = [
    {"bot_id": "B9OTHER"},
    {"bot_id": BOT_ID, "user": BOT_USER},
    {"subtype": "bot_message", "bot_id": "B9OTHER"},
    {"subtype": "channel_join"},
    {"subtype": "message_replied"},
    {"user": ""},
    {"user": None},
    {"user": {"id": "U1"}},
    {"ts": None},
    {"team": "T0FOREIGN"},
    {"user_team": "T0FOREIGN"},
    {"source_team": "T0FOREIGN"},
]


@pytest.mark.parametrize("changed", NOT_ASKED, ids=lambda changed: ",".join(f"{k}={v}" for k, v in changed.items()))
async def test_who_does_not_ask_gets_no_answer(valkey: Redis, changed: dict[str, Any]) -> None:
    async with fake_slack() as slack, running_bot(bench_of(), slack, valkey) as parts:
        for event in (slack.mention("C1", "U1", EN), slack.said("D1", "U1", EN)):
            await slack.tell({**event, **changed})
        await nothing_came(slack, parts, valkey)


async def test_another_teams_events_commands_and_buttons_do_nothing(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(), slack, valkey) as parts:
        await slack.tell(slack.mention("C1", "U1", EN), team="T0OTHER")
        command = {**slack.command("U1", "C1", EN), "team_id": "T0OTHER"}
        await slack.send(command, "slash_commands")
        shortcut = {**slack.shortcut("U1", "C1", {"text": EN, "ts": slack.ts()}), "team": {"id": "T0OTHER"}}
        await slack.send(shortcut, "interactive")
        await nothing_came(slack, parts, valkey)


async def test_a_deleted_question_that_waits_is_not_answered(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(), slack, valkey) as parts:
        event = slack.said("D1", "U1", EN)
        gone = {
            "type": "message",
            "subtype": "message_deleted",
            "channel": "D1",
            "deleted_ts": event["ts"],
            "hidden": True,
        }
        await slack.tell({**gone, "ts": slack.ts(), "channel_type": "im"})
        await slack.tell(event)  # told in the wrong order
        await nothing_came(slack, parts, valkey)


async def slowly(question: Question) -> AsyncGenerator[Event, None]:
    yield Text("x")
    await asyncio.Event().wait()


async def test_a_question_that_is_deleted_while_it_is_answered_ends_in_silence(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(Bench(slowly), slack, valkey) as parts:
        event = slack.said("D1", "U1", EN)
        await slack.tell(event)
        await slack.until(lambda: slack.sessions.get(("D1", event["ts"])) == "processing")
        gone = {
            "type": "message",
            "subtype": "message_deleted",
            "channel": "D1",
            "deleted_ts": event["ts"],
            "hidden": True,
        }
        await slack.tell({**gone, "ts": slack.ts(), "channel_type": "im"})
        await slack.until(lambda: slack.sessions[("D1", event["ts"])] == "active")

        assert slack.replies("D1", event["ts"]) == []
        assert parts.me.team == TEAM


async def test_a_question_edited_after_its_answer_stays_answered_once(valkey: Redis) -> None:
    bench = bench_of()
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        event = slack.said("D1", "U1", EN)
        await slack.tell(event)
        await answer_in(slack, event)
        edited = {"message": {**event, "text": "Why is the sky blue?", "edited": {"user": "U1"}}, "channel": "D1"}
        await slack.tell(
            {"type": "message", "subtype": "message_changed", "channel_type": "im", "ts": slack.ts(), **edited}
        )

        assert len(slack.answers("D1", event["ts"])) == 1
        assert [one.text for one in bench.asked] == [EN]


async def test_where_the_bot_was_removed_the_asker_is_told_alone(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(), slack, valkey):
        event = slack.mention("G1", "U1", EN)
        slack.channels["G1"].kind = "private"
        slack.channels["G1"].members.discard(BOT_USER)
        await slack.tell(event)
        (said,) = await slack.until(lambda: slack.channels.get("DU1") and slack.channels["DU1"].messages)

    assert "I was removed" in said["text"]


async def test_a_file_that_cannot_be_read_is_named_above_the_answer(valkey: Redis) -> None:
    bench = bench_of("The moon pulls the sea twice a day[citation:1].")
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        file = slack.file("picture.bin", b"\xff\xfe\x00\x81", "U1")
        event = slack.said("D1", "U1", EN, subtype="file_share", files=[file])
        await slack.tell(event)
        said = text_of(await answer_in(slack, event))

    assert said.strip().startswith("I could not read picture.bin: it is damaged.")
    assert "PDF" in said
    assert "This answer comes from the web alone." in said
    assert "The moon pulls the sea twice a day[1]." in said
    assert bench.asked[0].search


async def test_a_question_that_is_nothing_but_an_unreadable_file_ends_with_the_reason(valkey: Redis) -> None:
    bench = bench_of()
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        file = slack.file("picture.bin", b"\xff\xfe\x00\x81", "U1")
        event = slack.said("D1", "U1", "", subtype="file_share", files=[file])
        await slack.tell(event)
        said = text_of(await answer_in(slack, event))

    assert "I could not read picture.bin" in said
    assert bench.asked == []


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("scanned_pdf", "its pages are pictures, without text"),
        ("encrypted_docx", "it is protected with a password"),
        ("bad_pdf", "it is damaged"),
        ("unsupported_type", "it is no kind of file that I can read"),
        ("never heard of", "no text was found in it"),
    ],
)
async def test_the_other_files_are_read_and_each_reason_is_said(valkey: Redis, reason: str, why: str) -> None:
    bench = bench_of("The moon pulls.")

    async def read(name: str, content: bytes) -> Webpage:
        if name == "bad.pdf":
            raise PageUnreadable(name, reason)
        return await read_text(name, content)

    async with fake_slack() as slack, running_bot(bench, slack, valkey, read):
        files = [slack.file("bad.pdf", b"%PDF", "U1"), slack.file("good.txt", b"The moon pulls the sea.", "U1")]
        event = slack.said("D1", "U1", "What do they say?", subtype="file_share", files=files)
        await slack.tell(event)
        said = text_of(await answer_in(slack, event))

    assert f"I could not read bad.pdf: {why}." in said
    assert "The moon pulls." in said
    assert "from the web" not in said
    assert [page.title for page in bench.asked[0].files] == ["good.txt"]


async def test_a_file_of_a_shared_channel_is_asked_for_by_its_id(valkey: Redis) -> None:
    bench = bench_of("The moon pulls.")
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        file = slack.file("good.txt", b"The moon pulls the sea.", "U1")
        bare = {"id": file["id"], "user": "U1", "file_access": "check_file_info", "name": "good.txt"}
        event = slack.said("D1", "U1", "What does it say?", subtype="file_share", files=[bare])
        await slack.tell(event)
        await answer_in(slack, event)

    assert [page.text for page in bench.asked[0].files] == ["The moon pulls the sea."]


@pytest.mark.parametrize(
    "changed",
    [
        {"url_private_download": "https://evil.test/steal"},
        {"url_private_download": "http://169.254.169.254/latest"},
        {"url_private_download": "file:///etc/passwd"},
        {"url_private_download": "https://slack.com@evil.test/x"},
        {"url_private_download": "", "id": "F9GONE"},
        {"size": 21 * 1024 * 1024},
    ],
)
async def test_a_file_from_elsewhere_or_too_large_is_not_fetched(valkey: Redis, changed: dict[str, Any]) -> None:
    async with fake_slack() as slack, running_bot(bench_of(), slack, valkey):
        file = {**slack.file("report.txt", b"The moon.", "U1"), **changed}
        event = slack.said("D1", "U1", "What does it say?", subtype="file_share", files=[file])
        await slack.tell(event)

        assert "I could not read report" in text_of(await answer_in(slack, event))


async def test_the_token_is_never_sent_to_another_server(valkey: Redis) -> None:
    async with fake_slack() as slack, fake_slack() as other, running_bot(bench_of(), slack, valkey):
        file = other.file("report.txt", b"The moon.", "U1")
        event = slack.said("D1", "U1", "What does it say?", subtype="file_share", files=[file])
        await slack.tell(event)

        assert "I could not read report" in text_of(await answer_in(slack, event))


async def test_a_file_of_the_asker_is_read_and_another_persons_is_not(valkey: Redis) -> None:
    bench = bench_of("The moon pulls.")
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        files = [slack.file("mine.txt", b"The moon pulls the sea.", "U1"), slack.file("theirs.txt", b"secret", "U2")]
        event = slack.said("D1", "U1", "What does it say?", subtype="file_share", files=files)
        await slack.tell(event)
        said = text_of(await answer_in(slack, event))

    assert [page.title for page in bench.asked[0].files] == ["mine.txt"]
    assert not bench.asked[0].search
    assert "No sources were cited" not in said


async def test_a_run_that_breaks_is_tried_again_and_then_given_up_in_words(valkey: Redis) -> None:
    async def broken(question: Question) -> AsyncGenerator[Event, None]:
        raise RuntimeError("secret detail of ours")
        yield Text("")

    async with fake_slack() as slack, running_bot(Bench(broken), slack, valkey):
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        said = text_of(await answer_in(slack, event))

    assert "I could not answer this" in said
    assert "secret detail" not in said
    assert "Traceback" not in said


async def test_who_asks_too_much_is_told_when_to_come_back(valkey: Redis) -> None:
    from dataclasses import replace

    from workers.slack.desk import HourLimits

    bench = bench_of("Tides[citation:1].", "Tides[citation:1].")
    bench.rules = replace(QUICKLY, limits=HourLimits(user=1))
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        await slack.tell(slack.mention("C1", "U1", EN))
        await slack.tell(slack.mention("C1", "U1", EN))
        (said,) = await slack.until(lambda: slack.ephemerals)

    assert "as many questions as you may in an hour" in said["text"]


async def test_a_store_that_is_away_leaves_the_event_to_slack_to_tell_again(valkey: Redis) -> None:
    bench = bench_of()
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        event = slack.mention("C1", "U1", EN)
        envelope = slack.envelope(event)
        await valkey.execute_command("ACL", "SETUSER", "default", "-evalsha", "-eval")
        try:
            with pytest.raises(TimeoutError):
                await slack.send(envelope, within=1.0)
        finally:
            await valkey.execute_command("ACL", "SETUSER", "default", "+@all")
        await slack.send(envelope)
        await answer_in(slack, event)

    assert len(bench.asked) == 1


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "event_callback", "team_id": TEAM, "event": {"type": "app_mention"}},
        {"type": "event_callback", "team_id": TEAM, "event": {"type": "message", "channel_type": "im"}},
        {"type": "event_callback", "team_id": TEAM, "event": {"type": "message", "subtype": "message_changed"}},
        {"type": "event_callback", "team_id": TEAM, "event": {"type": "agent_session_stopped"}},
        {"type": "event_callback", "team_id": TEAM, "event": {"type": "assistant_thread_started"}},
        {"type": "event_callback", "team_id": TEAM, "event": {"type": "never_heard_of"}},
    ],
)
async def test_events_that_lack_what_they_should_have_are_acknowledged(valkey: Redis, payload: dict[str, Any]) -> None:
    async with fake_slack() as slack, running_bot(bench_of(), slack, valkey) as parts:
        await slack.send(payload)
        await nothing_came(slack, parts, valkey)


async def test_a_deleted_mention_is_taken_back_in_a_channel_too(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(Bench(slowly), slack, valkey):
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        await slack.until(lambda: slack.sessions.get(("C1", event["ts"])) == "processing")
        gone = {"type": "message", "subtype": "message_deleted", "channel": "C1", "deleted_ts": event["ts"]}
        await slack.tell({**gone, "ts": slack.ts(), "channel_type": "channel", "hidden": True})
        await slack.until(lambda: slack.sessions[("C1", event["ts"])] == "active")

        assert slack.replies("C1", event["ts"]) == []


async def test_what_people_say_to_each_other_in_a_channel_is_no_question(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(), slack, valkey) as parts:
        slack.channel("C1")
        said = slack.said("C1", "U1", "Why are there tides?")
        await slack.tell(said)
        edited = {"message": {**said, "text": "Why?"}, "channel": "C1", "subtype": "message_changed"}
        await slack.tell({"type": "message", "channel_type": "channel", "ts": slack.ts(), **edited})
        await nothing_came(slack, parts, valkey)


async def test_somebody_of_another_workspace_of_the_same_company_is_answered(valkey: Redis) -> None:
    async with fake_slack() as slack:
        slack.enterprise = "E0KAO"
        async with running_bot(bench_of(), slack, valkey):
            event = slack.mention("C1", "U1", EN)
            await slack.tell({**event, "team": "E0KAO"})
            await answer_in(slack, event)


@pytest.mark.parametrize("error", ["missing_scope", "internal_error", "http_502", "ratelimited"])
async def test_a_thread_that_cannot_be_read_is_answered_all_the_same(valkey: Redis, error: str) -> None:
    async with fake_slack() as slack, running_bot(bench_of(), slack, valkey):
        root = slack.said("C1", "U2", "I think the moon does it")
        slack.failing["conversations.replies"] = [error]
        event = slack.mention("C1", "U1", EN, thread_ts=root["ts"])
        await slack.tell(event)
        await answer_in(slack, event)


async def test_a_revoked_token_leaves_questions_waiting_until_there_is_another(valkey: Redis) -> None:
    bench = bench_of()
    async with fake_slack() as slack, running_bot(bench, slack, valkey):
        for method in ("chat.startStream", "chat.stopStream", "chat.postMessage", "chat.update"):
            slack.failing[method] = ["token_revoked"] * 9
        event = slack.mention("C1", "U1", EN)
        await slack.tell(event)
        await slack.until(lambda: not slack.failing["chat.postMessage"])
        answer = await answer_in(slack, event)

    assert "Tides[1]." in text_of(answer)
    assert len(bench.asked) == 1


async def test_where_not_even_the_failure_can_be_said_it_ends(valkey: Redis) -> None:
    async with fake_slack() as slack, running_bot(bench_of(), slack, valkey) as parts:
        slack.failing["conversations.open"] = ["user_disabled"] * 99
        await slack.send(slack.command("U1", "C1", EN), "slash_commands")
        (key,) = await valkey.keys("kz:slack:question:*")
        async with asyncio.timeout(30):
            while await parts.desk.state(key.decode()[-32:]) != "failed":  # noqa: ASYNC110 - it changes in the store
                await asyncio.sleep(0.02)

    assert not slack.called("chat.postMessage")


PLACES = ("chat.startStream", "chat.appendStream", "chat.stopStream", "chat.postMessage", "conversations.replies")


@pytest.mark.parametrize("method", PLACES)
@pytest.mark.parametrize("error", ["channel_not_found", "not_in_channel", "is_archived", "thread_not_found"])
async def test_at_whichever_call_the_place_is_gone_the_asker_alone_is_told_once(
    valkey: Redis, method: str, error: str
) -> None:
    """A thread that is gone was taken back: then there is nobody to tell."""
    bench = bench_of()
    async with fake_slack() as slack, running_bot(bench, slack, valkey) as parts:
        slack.streams_in_channels = method != "chat.postMessage"
        root = slack.said("C1", "U1", "I think the moon does it")
        event = slack.mention("C1", "U1", EN, thread_ts=root["ts"])
        slack.failing[method] = [error]
        await slack.tell(event)
        (key,) = await valkey.keys("kz:slack:question:*")
        async with asyncio.timeout(30):
            while await parts.desk.state(key.decode()[-32:]) in ("waiting", "working"):  # noqa: ASYNC110 - in the store
                await asyncio.sleep(0.02)
        told = slack.channels["DU1"].messages if "DU1" in slack.channels else []
        last = slack.answers("C1", root["ts"])

    if last:  # it was not called, or refused when all was written already: then the last word could be said
        assert told == []
        return
    assert len(told) == (error != "thread_not_found")
    assert all("I was removed" in message["text"] for message in told)
