"""Stored answers as records of a run: what `kaozheng ask --json` prints, with the text of each source beside it.

The prompt is laid out anew from the sources that carry their text; an answer without them keeps no prompt.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from agent.asking import search_prompt
from agent.errors import BadQuestion
from agent.packing import Shown
from agent.question import Question
from agent.templates import Templates
from tools.page import Webpage
from workers.evaluation.cases import BadSet
from workers.evaluation.fields import object_of
from workers.evaluation.record import Record, read_records, record_from
from workers.evaluation.running import ANSWERS

_ANSWER_TOKENS = 8_192


def read_answers(path: Path) -> list[Record]:
    """A run's folder or answers.jsonl, or answers as JSON lines, each told by its fields. Raises BadSet."""
    path = path / ANSWERS if path.is_dir() else path
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise BadSet(path, 0, "", error.strerror or str(error)) from None
    first = next((line for line in lines if line.strip()), b"")
    if b'"sample"' in first:
        return read_records(path)
    templates = Templates.load()
    return [_record(path, number, line, templates) for number, line in enumerate(lines, 1) if line.strip()]


def _record(path: Path, number: int, line: bytes, templates: Templates) -> Record:
    fields = object_of(path, number, line)
    for name in ("id", "question", "status", "text"):
        if not isinstance(fields.get(name), str):
            raise BadSet(path, number, name, "a text is expected here: is this an answer of kaozheng?")
    given = fields.get("report")
    report: dict[str, Any] = given if isinstance(given, dict) else {}
    told = {
        "case": fields["id"],
        "sample": 0,
        "question": fields["question"],
        "language": str(fields.get("language", "")),
        "status": fields["status"],
        "text": fields["text"],
        "grade": "ungraded",
        "graded_by": "",
        "citation_precision": report.get("citation_precision"),
        "citation_recall": report.get("citation_recall"),
        "citations": report.get("citations", 0),
        "claims": report.get("claims", 0),
        "claims_supported": report.get("supported", 0),
        "model": str(fields.get("model", "")),
        "degraded": str(fields.get("degraded", "")),
        "thinking": str(fields.get("thinking", "")),
        "prompt": _prompt(fields, templates),
        "licence": str(fields.get("licence", "")),
    }
    return record_from(path, number, told)


def _prompt(fields: Mapping[str, Any], templates: Templates) -> list[dict[str, str]]:
    sources = fields.get("sources")
    pages = [_page(source) for source in sources] if isinstance(sources, list) else []
    if not pages or not all(pages):
        return []
    try:
        question = Question(fields["question"])
        day = date.fromisoformat(str(fields.get("created", ""))[:10])
    except (BadQuestion, ValueError):
        return []
    shown = [Shown(page, page.text, True) for page in pages if page is not None]
    prompt = search_prompt(question, shown, templates, day, _ANSWER_TOKENS)
    return [{"role": message.role, "content": message.content} for message in prompt.messages]


def _page(source: object) -> Webpage | None:
    if not isinstance(source, dict) or not str(source.get("text") or "").strip() or not source.get("url"):
        return None
    given = {name: str(source.get(name) or "") for name in ("url", "title", "text", "site", "date")}
    return Webpage(**given)
