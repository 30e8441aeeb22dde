"""The fake Slack against slack_sdk: its own client, its own models, its own limits."""

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import ContextBlock, MarkdownBlock, SectionBlock
from slack_sdk.models.messages.chunk import MarkdownTextChunk, PlanUpdateChunk, TaskUpdateChunk
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from tests import fake_slack as fake
from tests.fake_slack import BOT_TOKEN, SECRET, TEAM, FakeSlack, fake_slack, seen, signed


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def client_of(slack: FakeSlack) -> AsyncWebClient:
    return AsyncWebClient(BOT_TOKEN, base_url=slack.api_url, retry_handlers=[])


async def refusal(call: object) -> str:
    with pytest.raises(SlackApiError) as refused:
        await call  # type: ignore[misc]
    return str(refused.value.response["error"])


def test_its_limits_are_those_of_slack_sdks_models() -> None:
    assert SectionBlock.text_max_length == fake.SECTION_CHARACTERS
    assert MarkdownBlock.text_max_length == fake.MARKDOWN_CHARACTERS
    assert ContextBlock.elements_max_length == 10


def test_every_method_that_it_serves_is_one_of_slack_sdks() -> None:
    served = [name[1:] for name in vars(FakeSlack) if "_" in name[1:] and hasattr(AsyncWebClient, name[1:])]

    assert {m.replace(".", "_") for m in fake.METHOD_TIERS} - set(served) <= {"views_update"}
    assert "chat_startStream" in served


async def test_slack_sdks_own_stream_writes_a_message_with_cards() -> None:
    async with fake_slack() as slack:
        question = slack.mention("C1", "U1", "hi")
        stream = await client_of(slack).chat_stream(
            channel="C1", thread_ts=question["ts"], recipient_team_id=TEAM, recipient_user_id="U1", buffer_size=1
        )
        await stream.append(
            chunks=[PlanUpdateChunk(title="Plan"), TaskUpdateChunk(id="1", title="q", status="in_progress")]
        )
        await stream.append(chunks=[MarkdownTextChunk(text="**Answer**")])
        await stream.stop(chunks=[TaskUpdateChunk(id="1", title="q", status="complete")], session_status="active")
        (message,) = slack.replies("C1", question["ts"])

    assert message["markdown"] == "**Answer**"
    assert message["cards"]["1"]["status"] == "complete"
    assert slack.sessions["C1", question["ts"]] == "active"


async def test_a_stream_is_dead_after_five_minutes_and_can_be_updated_then() -> None:
    clock = Clock()
    async with fake_slack(clock) as slack:
        client = client_of(slack)
        ts = slack.mention("C1", "U1", "hi")["ts"]
        started = await client.chat_startStream(
            channel="C1", thread_ts=ts, recipient_team_id=TEAM, recipient_user_id="U1"
        )
        early = await refusal(client.chat_update(channel="C1", ts=started["ts"], text="x"))
        clock.now += fake.STREAM_SECONDS + 1
        late = await refusal(client.chat_appendStream(channel="C1", ts=started["ts"], markdown_text="x"))
        await client.chat_update(channel="C1", ts=started["ts"], text="whole")

    assert (early, late) == ("streaming_state_conflict", "message_not_in_streaming_state")
    assert slack.replies("C1", ts)[0]["text"] == "whole"


async def test_what_is_too_large_is_refused() -> None:
    async with fake_slack() as slack:
        client = client_of(slack)
        ts = slack.mention("C1", "U1", "hi")["ts"]
        section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}
        markdown = [{"type": "markdown", "text": "x" * 6_001}] * 2
        many = [{"type": "divider"}] * 51

        assert (await refusal(client.chat_postMessage(channel="C1", text="x", blocks=[section]))).startswith(
            "invalid_blocks"
        )
        slack.channel("C2"), slack.channel("C3")
        assert await refusal(client.chat_postMessage(channel="C2", text="x", blocks=markdown)) == "msg_blocks_too_long"
        assert await refusal(client.chat_postMessage(channel="C3", text="x", blocks=many)) == "invalid_blocks"
        streamed = client.chat_startStream(
            channel="C1", thread_ts=ts, recipient_team_id=TEAM, recipient_user_id="U1", markdown_text="x" * 12_001
        )
        assert await refusal(streamed) == "msg_too_long"


async def test_of_a_message_above_the_cap_the_end_is_gone_silently() -> None:
    async with fake_slack() as slack:
        client = client_of(slack)
        slack.channel("C1")
        blocks = [
            {"type": "markdown", "text": "x" * 12_000},
            *([{"type": "context", "elements": [{"type": "mrkdwn", "text": "y" * 700}]}] * 2),
        ]
        await client.chat_postMessage(channel="C1", text="x", blocks=blocks)
        (message,) = slack.channels["C1"].messages

    assert len(message["blocks"]) == 2


async def test_calls_beyond_a_tier_get_429_and_are_counted() -> None:
    clock = Clock()
    async with fake_slack(clock) as slack:
        client = client_of(slack)
        slack.channel("C1")
        await client.chat_postMessage(channel="C1", text="1")
        assert await refusal(client.chat_postMessage(channel="C1", text="2")) == "ratelimited"
        clock.now += 1.0
        await client.chat_postMessage(channel="C1", text="3")

    assert slack.exceeded == ["chat.postMessage C1"]


async def test_a_channel_without_the_bot_cannot_be_written_to() -> None:
    async with fake_slack() as slack:
        client = client_of(slack)
        slack.channel("C1", bot=False)
        slack.channel("G1", "private", bot=False)

        assert await refusal(client.chat_postMessage(channel="C1", text="x")) == "not_in_channel"
        assert await refusal(client.chat_postMessage(channel="G1", text="x")) == "channel_not_found"
        assert await refusal(client.chat_postMessage(channel="C9", text="x")) == "channel_not_found"


def test_its_signature_is_the_one_that_slack_sdk_accepts() -> None:
    import time

    body = '{"text": "你好"}'.encode()

    assert SignatureVerifier(SECRET).is_valid_request(body, signed(body, time.time()))


def test_what_a_reader_sees_of_a_message_is_the_worst_case() -> None:
    hostile = {"text": "<!channel> <@U1> <https://evil.test|x> https://evil.example @here", "blocks": [], "options": {}}
    markdown = {"markdown": "[a](https://a.test) ![b](https://b.test)\n[r]: https://c.test\nsee d.com/x", "text": ""}
    quiet = {"text": "&lt;!channel&gt;", "options": {"unfurl_links": False, "unfurl_media": False}}

    assert seen(hostile).mentions == ("!channel", "@U1", "by name")
    assert seen(hostile).links == ("https://evil.test", "https://evil.example")
    assert seen(hostile).unfurls
    assert set(seen(markdown).links) >= {"https://a.test", "https://b.test", "https://c.test", "d.com/x"}
    assert seen(quiet) == fake.Seen((), (), False)
