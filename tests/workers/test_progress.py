"""What a person sees of a question: progress apart from the answer, sources with quotes, and what is wrong."""

from dataclasses import replace

import pytest

from agent.answer import Answer, Citation, Flaw, Skipped, Source, Support
from agent.events import Answered, Cited, Failed, PageRead, PageSkipped, Planned, Searched, SearchFailed, Text, Thinking
from workers.progress import Progress, place_of, summary

ANSWER = Answer(
    id="a",
    question="Why tides?",
    language="en",
    depth="quick",
    status="answered",
    text="The moon pulls[citation:1].",
    sources=(
        Source(1, "https://a.example/tides", "Tides", "A", "2024-01-01", cited=True),
        Source(2, "https://b.example/sun", "The sun"),
    ),
    citations=(Citation(1, 14, 26),),
    supports=(Support(1, "supported", 0.9, 0, 14, "The moon pulls the sea.", 0, 23),),
    skipped=(Skipped("https://dead.example/", "dns", "no such host"),),
    model="fake-r1",
)


def shown(events: list[object], **options: bool) -> None:
    progress = Progress(**options)
    for event in events:
        progress.show(event)  # type: ignore[arg-type]


def test_the_answer_is_streamed_and_its_sources_follow_with_their_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    shown([Text("The moon pulls"), Cited(1, "https://a.example/tides", "Tides"), Text("."), Answered(ANSWER)])
    out = capsys.readouterr().out

    assert out.startswith("The moon pulls[citation:1].\n")
    assert "[1] Tides · A · 2024-01-01\n    https://a.example/tides\n    supported: “The moon pulls the sea.”" in out
    assert "[2]" not in out
    assert "https://dead.example/: no such host" in out
    assert "1 of 1 cited sentences supported · 1 pages cited · fake-r1" in out


def test_every_step_has_its_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    shown(
        [
            Planned(1, ("tides",), ("https://a.example/",)),
            Searched("tides", "searxng", 3, 0.2),
            SearchFailed("sun", "timeout", "no engine answered"),
            PageRead("library://debian/a%20b.html", "T", 1234, 0.1),
            PageSkipped("https://slow.example/", "too_slow", "not read within 3 s"),
            Planned(2),
        ]
    )
    lines = capsys.readouterr().err.splitlines()

    assert lines == [
        "plan 1    'tides', open https://a.example/",
        "searched  'tides': 3 results (searxng, 0.2 s)",
        "failed    'sun': no engine answered",
        "read      debian/a b.html (1,234 characters, 0.1 s)",
        "skipped   https://slow.example/: not read within 3 s",
        "plan 2    enough is known",
    ]


def test_quiet_shows_no_progress_and_thinking_only_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    shown([Searched("tides", "x", 3), Thinking("hm")], quiet=True)
    assert capsys.readouterr().err == ""
    shown([Thinking("hm")], thinking=True)
    assert capsys.readouterr().err == "hm"


def test_a_corrected_answer_is_shown_again_whole(capsys: pytest.CaptureFixture[str]) -> None:
    shown([Text("Because."), Answered(ANSWER)])
    captured = capsys.readouterr()

    assert "The moon pulls[citation:1]." in captured.out
    assert "corrected" in captured.err


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"status": "partial"}, "not whole"),
        ({"status": "uncited"}, "cites no page"),
        ({"degraded": "stalled"}, "stalled"),
        ({"flaws": (Flaw("language", "The question is Chinese, the answer is not."),)}, "is Chinese"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said(changed: dict[str, object], says: str) -> None:
    assert says in "\n".join(summary(replace(ANSWER, **changed)))  # type: ignore[arg-type]


def test_the_weakest_verdict_of_a_source_is_the_one_that_is_shown() -> None:
    weak = replace(ANSWER.supports[0], verdict="unsupported", score=0.1)

    assert "NOT supported" in "\n".join(summary(replace(ANSWER, supports=(*ANSWER.supports, weak))))


def test_code_that_could_not_be_judged_hides_no_verdict() -> None:
    code = replace(ANSWER.supports[0], verdict="unavailable", score=0.0, quote="")
    shown_lines = "\n".join(summary(replace(ANSWER, supports=(*ANSWER.supports, code))))

    assert "    supported: “The moon pulls the sea.”" in shown_lines


def test_escape_sequences_of_a_model_or_a_title_reach_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = replace(ANSWER, text="a\x1b[2Jb", sources=(replace(ANSWER.sources[0], title="t\x1b]0;x\x07"),))
    shown([Text("a\x1b[2Jb"), Answered(hostile), Failed("x", "y\x1b[2J")])
    captured = capsys.readouterr()

    assert "\x1b" not in captured.out + captured.err
    assert "\x07" not in captured.out


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://a.example/x", "https://a.example/x"),
        ("library://debian/a%20b.html", "debian/a b.html"),
        ("file:notes.md", "notes.md"),
    ],
)
def test_places_are_written_for_people(url: str, place: str) -> None:
    assert place_of(url) == place
