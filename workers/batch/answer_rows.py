"""The lines of a file of answers, read for people: what was asked, what was answered, and from where."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

MARKER = re.compile(r"\[citation:(\d+)\]|\[(\d{1,2})\](?!\()")
_NUMBER = re.compile(r"batch_req_[0-9a-f]{16}([0-9]{8,})")


@dataclass(frozen=True, slots=True)
class Cited:
    """number: as the text cites it; quote: the page's own words, "" where none was found."""

    number: int
    title: str
    url: str
    quote: str = ""


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One row. status: of the answer, or `failed`; error: why there is none; cited, supported: sentences that cite a
    page, and those of them that their pages support; judged: whether the line says so."""

    number: int
    custom_id: str
    question: str
    status: str
    text: str = ""
    sources: tuple[Cited, ...] = ()
    error: str = ""
    supported: int = 0
    cited: int = 0
    judged: bool = False

    @property
    def name(self) -> str:
        """What was asked, or what else tells which row it is."""
        return self.question.strip() or self.custom_id or f"row {self.number + 1}"


def answer_rows(lines: Iterable[bytes], questions: Mapping[int, str]) -> Iterator[AnswerRow]:
    """questions: by number, for lines that do not repeat them."""
    for line in lines:
        fields = from_json(line)
        found = _NUMBER.fullmatch(fields["id"])
        number = int(found[1]) if found else 0
        yield _row(fields, number, questions.get(number, ""))


def _row(fields: Mapping[str, Any], number: int, question: str) -> AnswerRow:
    custom_id, response = fields["custom_id"] or "", fields["response"]
    if response is None or response["status_code"] != 200:
        return AnswerRow(number, custom_id, question, "failed", error=_why(fields))
    body = response["body"]
    if "output" in body:
        return _response(number, custom_id, question, body)
    return _chat(number, custom_id, question, body) if "choices" in body else _answer(number, custom_id, body)


def _why(fields: Mapping[str, Any]) -> str:
    if fields["error"]:
        return f"{fields['error'].get('message') or fields['error'].get('code')}"
    body = fields["response"]["body"]
    error = body.get("error")
    told = error.get("message") if isinstance(error, dict) else body.get("detail") or body.get("message")
    return str(told or body)


def _answer(number: int, custom_id: str, body: Mapping[str, Any]) -> AnswerRow:
    quotes = {each["number"]: each["quote"] for each in reversed(body["supports"]) if each["quote"]}
    sources = tuple(
        Cited(each["number"], each["title"], each["url"], quotes.get(each["number"], ""))
        for each in body["sources"]
        if each["cited"]
    )
    report = body["report"]
    return AnswerRow(
        number,
        custom_id,
        body["question"],
        body["status"],
        body["text"],
        sources,
        supported=report["supported"],
        cited=report["cited"],
        judged=True,
    )


def _chat(number: int, custom_id: str, question: str, body: Mapping[str, Any]) -> AnswerRow:
    found = body.get("search_results") or []
    sources = tuple(
        Cited(place, each.get("title") or "", each.get("url") or "", each.get("snippet") or "")
        for place, each in enumerate(found, 1)
    )
    text = body["choices"][0]["message"]["content"]
    status = body.get("kaozheng", {}).get("status", "answered")
    return AnswerRow(number, custom_id, question, status, text, sources)


def _response(number: int, custom_id: str, question: str, body: Mapping[str, Any]) -> AnswerRow:
    """Its text marks the places where pages are cited as `[1]`, `[2]`; a mark's page is the annotation there."""
    parts = [part for item in body["output"] if item["type"] == "message" for part in item["content"]]
    text = "".join(part["text"] for part in parts)
    notes = [note for part in parts for note in part["annotations"]]
    marks = {MARKER.search(text[note["start_index"] : note["end_index"]]): note for note in notes}
    cited = {int(mark[1] or mark[2]): note for mark, note in marks.items() if mark}
    sources = tuple(Cited(place, note["title"], note["url"]) for place, note in sorted(cited.items()))
    return AnswerRow(number, custom_id, question, body["kaozheng"]["status"], text, sources)


def with_markers(text: str, sources: Iterable[Cited]) -> Iterator[tuple[str, int]]:
    """Pieces of the text, each with the number of the source that is cited behind it, 0 for none."""
    known = {each.number for each in sources}
    end = 0
    for found in MARKER.finditer(text):
        number = int(found[1] or found[2])
        if number in known:
            yield text[end : found.start()], number
            end = found.end()
    yield text[end:], 0
