"""The quoting reader: the embedded default in the model's place. No weights, no reasoning: it picks the sentences
of the pages that answer the question, and cites each.

A quote stands word for word on the page that it cites: `Webpage.text` holds it once runs of white space are made one
space on both sides (a sentence that the page wraps over several lines stands on one line here).
"""

import asyncio
import math
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.delta import Delta
from agent.fence import fence_line
from agent.prompt import Prompt
from agent.question import Question
from agent.quoting_choice import Quote, choose
from agent.quoting_ranking import Reading, Unit, missing_names, rank, read, spoken_of
from agent.quoting_spelling import respelled
from agent.quoting_terms import Sought, sought
from tools.page import Webpage
from tools.text import Script

Why = Literal["no_model", "model_down"]

# The logistic regression behind Answerability.score: fitted to questions with and without an answer in their pages.
_COVERAGE_WEIGHT, _WORDS_WEIGHT, _NAME_WEIGHT, _BIAS = 7.8, 1.7, -1.2, -6.6
_MOST_WORDS, _MOST_NAMES = 3.5, 3
ANSWERABLE = 0.5
_TITLES = 12
_TITLE_CHARACTERS = 80
_ROUND = str.maketrans("[]［］【】〔〕", "()()()()")


@dataclass(frozen=True, slots=True)
class Answerability:
    """score: 0.0 to 1.0, how likely the pages answer the question; answerable: it is enough, and can be quoted."""

    score: float
    answerable: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """What was found in one pass over the pages. foreign: the quotes are in another language than the question."""

    answerability: Answerability
    quotes: tuple[Quote, ...]
    foreign: bool = False


def answerability(question: Question, pages: Sequence[Webpage]) -> Answerability:
    """Whether the pages answer the question at all. Pure; time is linear in the text."""
    return reply(question, pages).answerability


def reply(question: Question, pages: Sequence[Webpage]) -> Reply:
    """Sentences in the question's language first; the other language only where it alone answers."""
    asked = sought(question)
    reading = read(pages, asked)
    if meant := respelled(reading, asked):
        asked = meant
        reading = read(pages, asked)
    ranked = rank(reading, asked)
    chinese = question.language == "zh"
    own = [unit for unit in ranked if unit.chinese == chinese]
    others = [unit for unit in ranked if unit.chinese != chinese]
    score, foreign = _score(own, reading, asked), False
    if score < ANSWERABLE <= (other_score := _score(others, reading, asked)):
        own, score, foreign = others, other_score, True
    quotes = tuple(choose(own, reading, asked)) if score >= ANSWERABLE else ()
    return Reply(Answerability(score, bool(quotes)), quotes, foreign)


def _score(units: Sequence[Unit], reading: Reading, asked: Sought) -> float:
    """0.0 to 1.0: long questions may miss some of their words, short ones hardly any."""
    if not units:
        return 0.0
    best = max(units, key=lambda unit: unit.coverage)
    spoken_of_words = min(_MOST_WORDS, spoken_of(reading, asked, best))
    weighed = _COVERAGE_WEIGHT * best.coverage + _WORDS_WEIGHT * spoken_of_words
    missing = min(_MOST_NAMES, missing_names(reading, asked))
    return 1 / (1 + math.exp(-(weighed + _NAME_WEIGHT * missing + _BIAS)))


class QuotingReader:
    """A `Generate` without a model. why: what its last line tells the reader."""

    def __init__(self, why: Why) -> None:
        self._why: Why = why

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Streams the answer piece by piece; the last delta has finish `stop`. Raises nothing of its own."""
        question = prompt.question
        found = await asyncio.to_thread(reply, question, prompt.pages)
        for piece in _pieces(question, prompt.pages, found, self._why):
            yield Delta(text=piece)
            await asyncio.sleep(0)
        yield Delta(finish="stop")


def _pieces(question: Question, pages: Sequence[Webpage], found: Reply, why: Why) -> Iterator[str]:
    if not found.quotes:
        yield _refusal(question.script, pages) + "\n"
    if found.foreign:
        yield _said(_FOREIGN, question.script) + "\n\n"
    for quote in found.quotes:
        yield from map(_shown, quote.units)
    yield "\n---\n\n" + _said(_WHY[why], question.script)


def _shown(unit: Unit) -> str:
    mark = f"[citation:{unit.page + 1}]"
    if unit.kind == "code":
        fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(unit.text)), default=0))
        return f"\n{fence}\n{unit.text}\n{fence}\n{mark}\n\n"
    return f"- {_plain(unit)} {mark}\n"


def _plain(unit: Unit) -> str:
    """On one line; a table row without its outer bars."""
    line = " ".join(unit.text.split())
    return line.strip("| ") if unit.kind == "row" else line


_BACKTICKS = re.compile("`+")
_WHY: dict[Why, tuple[str, str, str]] = {
    "no_model": (
        "*No model server is configured: this answer quotes the pages and does not reason. "
        "Set KAOZHENG_MODEL_URL to get a written one.*",
        "*没有配置模型服务器，这里只摘录原文、不作推理；设置 KAOZHENG_MODEL_URL 后由模型作答。*",
        "*沒有設定模型伺服器，這裡只摘錄原文、不作推理；設定 KAOZHENG_MODEL_URL 後由模型作答。*",
    ),
    "model_down": (
        "*The model server does not answer: this answer quotes the pages and does not reason. "
        "Check the server that KAOZHENG_MODEL_URL names to get a written one.*",
        "*模型服务器没有响应，这里只摘录原文、不作推理；请检查 KAOZHENG_MODEL_URL 指向的服务器，再由模型作答。*",
        "*模型伺服器沒有回應，這裡只摘錄原文、不作推理；請檢查 KAOZHENG_MODEL_URL 指向的伺服器，再由模型作答。*",
    ),
}
_FOREIGN = (
    "No page in English answers this; the quotations are in the language of their page.",
    "没有中文页面回答这个问题，以下是外文页面的原文。",
    "沒有中文頁面回答這個問題，以下是外文頁面的原文。",
)
_REFUSAL = (
    "The pages that were found do not answer this question. Looked at: ",
    "找到的页面没有回答这个问题。查看过：",
    "找到的頁面沒有回答這個問題。查看過：",
)
_NO_PAGES = (
    "No page was found for this question.",
    "没有找到与这个问题有关的页面。",
    "沒有找到與這個問題有關的頁面。",
)


def _refusal(script: Script, pages: Sequence[Webpage]) -> str:
    """One sentence and the titles, which hold no mark of ours: brackets are made round."""
    if not pages:
        return _said(_NO_PAGES, script)
    titles = dict.fromkeys(fence_line(page.title or page.url, _TITLE_CHARACTERS) for page in pages)
    looked_at = "; ".join(title.translate(_ROUND) for title in list(titles)[:_TITLES])
    return _said(_REFUSAL, script) + looked_at + ("." if script in ("en", "other") else "。")


def _said(en_hans_hant: tuple[str, str, str], script: Script) -> str:
    en, hans, hant = en_hans_hant
    return {"zh-Hans": hans, "zh-Hant": hant}.get(script, en)
