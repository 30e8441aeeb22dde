"""ALCE's citation recall and precision, held against answers whose figures are known by counting."""

from dataclasses import replace

import pytest

from agent.answer import Answer, Conflict, Flaw, Quoted, Report, Source
from agent.claims import citations_of
from agent.report import report_of
from agent.support import supports_of
from tests.fakes import CHAOXI, SUN, TIDES
from tools.page import Webpage

PAGES = (TIDES, SUN, CHAOXI)


def answer(text: str, pages: tuple[Webpage, ...] = PAGES) -> Answer:
    cited = {citation.number for citation in citations_of(text)}
    sources = tuple(Source(n, page.url, page.title, cited=n in cited) for n, page in enumerate(pages, 1))
    made = Answer("id", "Why are there tides?", "en", "quick", "answered", text, sources=sources)
    return replace(made, citations=citations_of(text), supports=supports_of(text, pages))


@pytest.mark.parametrize(
    ("text", "recall", "precision", "effective"),
    [
        ("The moon pulls the sea twice a day[citation:1]. Spring tides come at full moon[citation:1].", 1.0, 1.0, 2),
        ("The moon pulls the sea twice a day[citation:1]. Spring tides come at full moon.", 0.5, 1.0, 1),
        ("The moon pulls the sea twice a day[citation:1][citation:3].", 1.0, 0.5, 1),
        ("The moon pulls the sea twice a day[citation:1]. Bread is baked in ovens[citation:2].", 0.5, 0.5, 1),
        ("Bread is baked in ovens[citation:2].", 0.0, 0.0, 0),
        ("Bread is baked in ovens.", 0.0, None, 0),
        ("满月时出现大潮[citation:3]。每天涨潮两次[citation:2]。", 0.5, 0.5, 1),
    ],
)
def test_recall_and_precision_are_those_of_alce(
    text: str, recall: float, precision: float | None, effective: int
) -> None:
    report = report_of(answer(text))

    assert (report.citation_recall, report.citation_precision) == (recall, precision)
    assert report.effective_citations == effective


def test_two_pages_may_support_a_claim_together_and_then_neither_is_idle() -> None:
    east = Webpage("https://e.example/", "E", "The Zeya river has 12 bridges.")
    west = Webpage("https://w.example/", "W", "The Zeya river has 7 tunnels.")
    report = report_of(answer("The Zeya river has 12 bridges and 7 tunnels[citation:1][citation:2].", (east, west)))

    assert report.effective_citations == 0
    assert (report.citation_recall, report.citation_precision) == (1.0, 1.0)


def test_headings_code_and_our_own_last_line_are_no_claims() -> None:
    said = "# Tides\n\nThe moon pulls the sea twice a day[citation:1].\n\n```\nls\n```\n"
    report = report_of(answer(said + "\n---\n\n*No model server is configured.*"), end=len(said))

    assert (report.claims, report.citation_recall) == (1, 1.0)


def test_an_answer_that_says_nothing_has_no_shares() -> None:
    assert report_of(answer("", ())) == Report(rules=5, rules_kept=5)


def test_broken_rules_of_the_template_are_counted_once_and_marks_on_sentences_are_none() -> None:
    flaws = (Flaw("language", "…"), Flaw("unsupported", "…", 0, 9), Flaw("clustered", "…"))
    says = Quoted(1, "2", "2 days", 0, 6)
    made = replace(answer("Yes."), flaws=flaws, conflicts=(Conflict("number", 0, 4, says, says),))

    assert report_of(made).rules_broken == ("language", "clustered")
    assert (report_of(made).rules_kept, report_of(made).conflicts) == (3, 1)
