"""What follows from a verdict: corrected, repaired, marked or offered; never dropped, never silently."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.answer import Answer
from agent.corrections import undone
from agent.events import Answered, Cited, Corrected, Event, Judged, Text, Verified
from agent.graph import ask
from agent.limits import Checking
from agent.question import Question
from tests.fakes import CHAOXI, SUN, TIDES, FakeModel, FakeWeb, deps, down

MOON = "The moon pulls the sea twice a day"
QUESTION = Question("Why are there tides?", depth="quick")


async def events_of(model: FakeModel, question: Question = QUESTION, **changed: object) -> list[Event]:
    given = deps(FakeWeb(TIDES, SUN, CHAOXI), model, **changed)
    return [event async for event in ask(question, given)]


async def answer_of(*answers: Sequence[str | Exception | None], **changed: object) -> tuple[Answer, FakeModel]:
    model = FakeModel(list(answers))
    last = (await events_of(model, **changed))[-1]  # type: ignore[arg-type]
    assert isinstance(last, Answered), last
    return last.answer, model


def streamed(events: list[Event]) -> str:
    pieces = [
        e.text if isinstance(e, Text) else f"[citation:{e.number}]" for e in events if isinstance(e, Text | Cited)
    ]
    return "".join(pieces)


async def test_a_sentence_that_cites_the_wrong_page_gets_the_right_one_and_says_so() -> None:
    answer, model = await answer_of([f"{MOON}[citation:2]. It is 150 million km away[citation:1][citation:3]."])

    assert answer.text == f"{MOON}[citation:1]. It is 150 million km away[citation:2]."
    assert {support.verdict for support in answer.supports} == {"supported"}
    assert [(c.before, c.after) for c in answer.corrections] == [
        ("[citation:3]", ""), ("[citation:1]", "[citation:2]"), ("[citation:2]", "[citation:1]"),
    ]  # fmt: skip
    assert answer.corrections[-1].reason == "citation: page 2 does not say this, page 1 does"
    assert len(model.written) == 1, "no model is asked where none is needed"


async def test_a_right_citation_beside_a_wrong_one_stays_and_both_keep_their_verdicts() -> None:
    answer, _ = await answer_of([f"{MOON}[citation:1][citation:2]."])

    assert answer.corrections == ()
    assert [(s.number, s.verdict) for s in answer.supports] == [(1, "supported"), (2, "unsupported")]


async def test_what_no_page_says_is_repaired_once_and_only_those_sentences_change() -> None:
    draft = f"{MOON}[citation:1]. Full moon parties are held on beaches[citation:2]. Nothing else matters."
    answer, model = await answer_of([draft], ["1: Spring tides come at full moon【citation:1】."])

    assert answer.text == f"{MOON}[citation:1]. Spring tides come at full moon[citation:1]. Nothing else matters."
    assert [c.reason for c in answer.corrections] == ["repaired by the model: no cited page said this"]
    assert len(model.written) == 2
    asked = model.written[1].messages[-1].content
    assert "1: Full moon parties are held on beaches." in asked
    assert "[webpage 1 begin]\nSpring tides come at full moon" in asked
    assert model.written[1].max_tokens <= 4_096
    assert answer.flaws == ()


@pytest.mark.parametrize(
    "reply",
    [
        "1: Bread is eaten on Sundays[citation:1].",
        "1: Spring tides come at full moon.",
        "1: Spring tides come at full moon[citation:9].",
        "1: -",
        "2: Spring tides come at full moon[citation:1].",
        "Spring tides come at full moon[citation:1].",
        "1: Spring tides come at full moon[citation:1]. And bread is baked in ovens[citation:1].",
        "1: # Spring tides come at full moon[citation:1].",
        "1: " + "Spring tides come at full moon[citation:1]. " * 40,
        "",
    ],
    ids=[
        "as bad",
        "uncited",
        "no such page",
        "nothing",
        "other number",
        "no number",
        "half bad",
        "heading",
        "long",
        "empty",
    ],
)
async def test_a_repair_that_is_no_better_leaves_the_sentence_and_marks_it(reply: str) -> None:
    draft = "Full moon parties are held on beaches[citation:2]."
    answer, _ = await answer_of([draft], [reply])

    assert (answer.text, answer.corrections) == (draft, ())
    assert [(f.rule, draft[f.start : f.end]) for f in answer.flaws] == [("unsupported", draft)]


async def test_a_model_that_is_down_or_silent_at_the_repair_costs_a_bounded_time_and_no_answer() -> None:
    draft = "Full moon parties are held on beaches[citation:2]."
    started = time.monotonic()
    for reply in ([down()], [None]):
        answer, _ = await answer_of([draft], reply, checking=Checking(repair_seconds=0.3))
        assert (answer.text, answer.status) == (draft, "answered")
    assert time.monotonic() - started < 20


async def test_a_model_is_not_asked_about_what_no_page_speaks_of() -> None:
    answer, model = await answer_of(["Bread is baked in ovens[citation:2]."])

    assert len(model.written) == 1
    assert [flaw.rule for flaw in answer.flaws] == ["unsupported"]


async def test_a_broken_answer_is_not_repaired_but_marked() -> None:
    answer, model = await answer_of(["Full moon parties are held on beaches[citation:2].", down("broken_stream")])

    assert (answer.status, len(model.written)) == ("partial", 1)
    assert "unsupported" in [flaw.rule for flaw in answer.flaws]


async def test_what_a_page_denies_is_marked_as_contradicted() -> None:
    draft = "The sun is 250 million km away[citation:2]."
    answer, _ = await answer_of([draft], ["1: -"])

    assert [(flaw.rule, flaw.start) for flaw in answer.flaws] == [("contradicted", 0)]


async def test_an_uncited_sentence_that_a_page_supports_gets_it_offered_but_not_inserted() -> None:
    draft = f"{MOON}[citation:1]. Spring tides come at full moon. Bread is baked in ovens."
    answer, _ = await answer_of([draft])

    assert (answer.text, answer.corrections) == (draft, ())
    offer = answer.offers[0]
    assert (offer.number, draft[offer.start : offer.end]) == (1, "Spring tides come at full moon.")
    assert TIDES.text[offer.quote_start : offer.quote_end] == offer.quote == "Spring tides come at full moon"
    assert len(answer.offers) == 1


async def test_where_the_operator_wants_it_the_offer_is_put_in_as_a_correction() -> None:
    draft = f"{MOON}[citation:1]. Spring tides come at full moon."
    answer, _ = await answer_of([draft], checking=Checking(insert_offers=True))

    assert answer.text == f"{draft}[citation:1]"
    assert [(c.before, c.after) for c in answer.corrections] == [("", "[citation:1]")]
    assert answer.offers == ()


async def test_links_lead_to_the_quote_on_the_live_page() -> None:
    answer, _ = await answer_of([f"{MOON}[citation:1]."])

    assert answer.supports[0].link == f"{TIDES.url}#:~:text=The%20moon%20pulls%20the%20sea%20twice%20a%20day"


async def test_the_answer_carries_its_report() -> None:
    answer, _ = await answer_of([f"{MOON}[citation:1]. Nothing else matters."])

    assert (answer.report.citation_precision, answer.report.citation_recall) == (1.0, 0.5)


async def test_a_sentence_is_judged_while_the_model_still_writes() -> None:
    model = FakeModel([[f"{MOON}[citation:1]. Bread is eaten on Sundays[citation:1]. Spring ", None]])
    judged = []
    async with asyncio.timeout(30), aclosing(ask(QUESTION, deps(FakeWeb(TIDES, SUN, CHAOXI), model))) as events:
        async for event in events:
            judged += [event] if isinstance(event, Judged) else []
            if len(judged) == 2:
                break

    assert [piece.text for piece in judged] == [f"{MOON}[citation:1]. ", "Bread is eaten on Sundays[citation:1]. "]
    assert [support.verdict for piece in judged for support in piece.supports] == ["supported", "unsupported"]
    assert [support.claim_start for support in judged[1].supports] == [judged[1].start]


async def test_what_a_broken_model_wrote_and_that_nothing_was_found_is_told_as_judged_too() -> None:
    broken = await events_of(FakeModel([[f"{MOON}[citation:1]. Spring ti", down("disconnected")]]))
    nothing = [event async for event in ask(QUESTION, deps(FakeWeb(), FakeModel()))]

    for events in (broken, nothing):
        assert "".join(event.text for event in events if isinstance(event, Judged)) == streamed(events) != ""


SENTENCES = (
    MOON, "Spring tides come at full moon", "It is 150 million km away", "It is 250 million km away",
    "Bread is baked in ovens", "潮汐由月球引力引起。", "满月时没有大潮", "```\nls [citation:1]\n```\n", "| a | b |\n",
    "- item", "# H\n", "",
)  # fmt: skip
JOINTS = (
    "[citation:1]", "[citation:2]. ", "[citation:3]", ". ", " ", "\n", "\n\n", "。", "【citation:2】", "[citation:77]",
    "\ufeff",
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.sampled_from(SENTENCES), st.sampled_from(JOINTS)), min_size=1, max_size=8),
    st.text(alphabet="12:- [citaon]Spring tides come at full moon.\n", max_size=60),
    st.booleans(),
    st.booleans(),
)
def test_the_corrections_applied_backwards_give_the_streamed_text(
    parts: list[tuple[str, str]], reply: str, strict: bool, insert: bool
) -> None:
    text = "Tides: " + "".join(sentence + joint for sentence, joint in parts)
    model = FakeModel([[text], [reply], ["1: Spring tides come at full moon[citation:1]."]])
    question = Question("Why are there tides?", depth="quick", strict=strict)
    events = asyncio.run(events_of(model, question, checking=Checking(insert_offers=insert)))
    last = events[-1]

    assert isinstance(last, Answered)
    if last.answer.model != "quoting-reader":
        assert undone(last.answer.text, last.answer.corrections) == streamed(events)
        assert tuple(e.correction for e in events if isinstance(e, Corrected)) == last.answer.corrections
    judged = [e for e in events if isinstance(e, Judged)]
    assert "".join(piece.text for piece in judged) == streamed(events)
    assert [piece.start for piece in judged] == [0, *(piece.end for piece in judged[:-1])]
    if not last.answer.corrections:
        assert tuple(support for piece in judged for support in piece.supports) == last.answer.supports
    assert [e for e in events if isinstance(e, Verified)] == [Verified(last.answer.supports, last.answer.flaws)]
