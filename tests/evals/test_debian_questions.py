"""The gate of the quoting reader, end to end over examples/debian: question -> library -> pages -> quotes.

`half` in debian_questions.jsonl: `tuned` questions were looked at while the ranking was made, `held_out` ones were not.
"""

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from agent.prompt import Prompt
from agent.question import Question
from agent.quoting import QuotingReader, answerability
from tools.extraction import Source, extract_page
from tools.library import Library
from tools.page import Webpage
from tools.search import SearchQuery

pytestmark = [pytest.mark.xdist_group("debian_questions"), pytest.mark.timeout(600)]

EXAMPLES = Path(__file__).parents[2] / "examples" / "debian"
QUESTIONS = [
    json.loads(line)
    for line in (Path(__file__).parent / "debian_questions.jsonl").read_text(encoding="utf-8").splitlines()
]
PAGES_READ = 6  # as the depth `quick` reads them
FOREIGN = "没有中文页面回答这个问题，以下是外文页面的原文。"
MARKER = re.compile(r"\[citation:([0-9]+)\]")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the file with what was answered. expect: strings, any of which must stand in the answer."""

    text: str
    language: Literal["zh", "en"]
    answerable: bool
    expect: tuple[str, ...]
    half: str
    pages: tuple[Webpage, ...]
    answer: str

    @property
    def cited(self) -> list[int]:
        return [int(number) for number in MARKER.findall(self.answer)]

    @property
    def right(self) -> bool:
        return any(string.lower() in self.answer.lower() for string in self.expect)


async def extract(content: bytes, source: Source) -> Webpage:
    return extract_page(content, source)


async def asked(library: Library, row: dict[str, object]) -> Asked:
    text, language = str(row["question"]), row["lang"]
    assert language in ("zh", "en")
    results = await library.search(SearchQuery(text, language, limit=PAGES_READ))
    pages = tuple([await library.read(result.url) for result in results])
    deltas = QuotingReader("no_model").generate(Prompt(Question(text), (), pages))
    answer = "".join([delta.text async for delta in deltas])
    expect = tuple(str(string) for string in row["expect"])  # type: ignore[attr-defined]
    return Asked(text, language, bool(row["answerable"]), expect, str(row["half"]), pages, answer)


async def ask_all(index: Path) -> list[Asked]:
    library = Library(index)
    await library.add(EXAMPLES, extract)
    return [await asked(library, row) for row in QUESTIONS]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[Asked]:
    return asyncio.run(ask_all(tmp_path_factory.mktemp("library") / "library.db"))


def quotes(one: Asked) -> list[tuple[str, int]]:
    """(quoted text, page number) of every citation, without bullets and fences."""
    found, start = [], 0
    for mark in MARKER.finditer(one.answer):
        said = one.answer[start : mark.start()].strip().removeprefix(FOREIGN).strip().removeprefix("- ")
        found.append((said.strip("`").strip() if said.startswith("```") else said.strip(), int(mark.group(1))))
        start = mark.end()
    return found


def folded(text: str) -> str:
    return " ".join(text.split())


def test_there_are_enough_questions_of_each_kind_in_both_languages() -> None:
    for language in ("en", "zh"):
        spoken = [row for row in QUESTIONS if row["lang"] == language]
        assert sum(row["answerable"] for row in spoken) >= 50
        assert sum(not row["answerable"] for row in spoken) >= 25
        assert {row["half"] for row in spoken} == {"tuned", "held_out"}


@pytest.mark.parametrize("half", ["tuned", "held_out"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_questions_that_the_pages_answer_are_answered_from_two_pages(
    answers: list[Asked], language: str, half: str
) -> None:
    given = [one for one in answers if one.answerable and (one.language, one.half) == (language, half)]
    refused = [one.text for one in given if not one.cited]
    wrong = [one.text for one in given if not one.right]
    one_page = [one.text for one in given if len(set(one.cited)) == 1]
    assert len(refused) <= 0.08 * len(given), refused
    assert len(wrong) <= 0.25 * len(given), wrong
    assert len(one_page) <= 0.2 * len(given), one_page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_questions_that_the_pages_cannot_answer_are_refused_without_a_citation(
    answers: list[Asked], language: str
) -> None:
    given = [one for one in answers if not one.answerable and one.language == language]
    answered = [one.text for one in given if one.cited]
    assert len(answered) <= 0.1 * len(given), answered


def test_every_quote_stands_word_for_word_on_the_page_it_cites(answers: list[Asked]) -> None:
    for one in answers:
        for quote, number in quotes(one):
            assert 1 <= number <= len(one.pages)
            assert quote
            assert folded(quote) in folded(one.pages[number - 1].text), one.text


def test_an_answer_is_short_and_says_where_a_real_one_comes_from(answers: list[Asked]) -> None:
    for one in answers:
        assert "KAOZHENG_MODEL_URL" in one.answer.splitlines()[-1]
        assert len(one.answer) < 2_000


def test_the_verdict_is_the_same_as_the_answer(answers: list[Asked]) -> None:
    for one in answers[::10]:
        assert answerability(Question(one.text), one.pages).answerable is bool(one.cited)
