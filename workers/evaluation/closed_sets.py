"""Sets that bring their pages along: XQuAD (and SQuAD), RGB, CRAG."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workers.evaluation.cases import BadSet, Case, CasePage, EvalSet, Pool
from workers.evaluation.fields import Row, json_rows, read_text


def xquad(path: Path) -> EvalSet:
    """SQuAD's JSON: {"data": [{"paragraphs": [{"context", "qas": [{"id", "question", "answers": [{"text"}]}]}]}]}."""
    try:
        loaded = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadSet(path, getattr(error, "lineno", 0), "", f"this is no JSON ({error})") from None
    articles = loaded.get("data") if isinstance(loaded, dict) else loaded
    if not isinstance(articles, list):
        raise BadSet(path, 1, "data", "a list of articles is missing here")
    pool = Pool()
    cases = tuple(case for article in articles for case in _of_article(path, article, pool))
    return EvalSet("xquad", cases, tuple(pool.pages), "CC BY-SA 4.0")


def _of_article(path: Path, article: object, pool: Pool) -> Iterator[Case]:
    """Line 1 is named: such a file is one line long."""
    top = Row(path, 1, _object(path, article, "data"))
    for paragraph in top.list("paragraphs"):
        row = Row(path, 1, _object(path, paragraph, "paragraphs"))
        place = pool.add(CasePage(row.text("context"), top.optional("title")))
        for asked in row.list("qas"):
            qa = Row(path, 1, _object(path, asked, "qas"))
            texts = [Row(path, 1, _object(path, one, "answers")).text("text") for one in qa.list("answers")]
            gold = (tuple(dict.fromkeys(texts)),) if texts else ()
            yield Case(qa.text("id"), qa.text("question"), gold, bool(texts), pages=(place,))


def _object(path: Path, value: object, field: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadSet(path, 1, field, "an object is expected in this list")
    return value


def rgb(path: Path) -> EvalSet:
    """RGB's JSON lines: {"id", "query", "answer", "positive", "negative"}; answers of several parts are all wanted."""
    pool = Pool()
    cases = tuple(_rgb_case(row, pool) for row in json_rows(path))
    return EvalSet("rgb", cases, tuple(pool.pages), "CC BY-NC-SA 4.0")


def _rgb_case(row: Row, pool: Pool) -> Case:
    texts = [*_texts(row, "positive"), *_texts(row, "negative")]
    places = tuple(dict.fromkeys(pool.add(CasePage(text)) for text in texts if text.strip()))
    return Case(row.text("id"), row.text("query"), _groups(row), pages=places)


def _texts(row: Row, name: str) -> Iterator[str]:
    """Snippets, in zh_int one list for each part of the answer."""
    for item in row.list(name):
        for text in item if isinstance(item, list) else [item]:
            if not isinstance(text, str):
                raise row.wrong(name, "a list of texts is expected here")
            yield text


def _groups(row: Row) -> tuple[tuple[str, ...], ...]:
    """A text, or a list whose members (a text, or a list of forms of one answer) are all wanted."""
    answer = row.fields.get("answer")
    if not isinstance(answer, list):
        return ((row.text("answer"),),)
    groups = [tuple(map(str, part)) if isinstance(part, list) else (str(part),) for part in answer]
    if not groups or not all(any(form.strip() for form in group) for group in groups):
        raise row.wrong("answer", "an answer is empty")
    return tuple(groups)


_NO_ANSWER = ("invalid question", "i don't know", "nan")


def crag(path: Path) -> EvalSet:
    """CRAG's JSON lines: {"interaction_id", "query", "answer", "alternative_answers", "search_results": [...]}."""
    pool = Pool()
    cases = tuple(_crag_case(row, pool) for row in json_rows(path))
    return EvalSet("crag", cases, tuple(pool.pages), "CC BY-NC 4.0")


def _crag_case(row: Row, pool: Pool) -> Case:
    places = tuple(dict.fromkeys(pool.add(_crag_page(row, found)) for found in row.list("search_results")))
    answer = row.text("answer")
    answerable = answer.lower() not in _NO_ANSWER
    gold = ((answer, *_alternatives(row)),) if answerable else ()
    topic = row.optional("question_type")
    return Case(row.text("interaction_id"), row.text("query"), gold, answerable, "en", places, topic)


def _crag_page(row: Row, found: object) -> CasePage:
    if not isinstance(found, dict):
        raise row.wrong("search_results", "an object is expected in this list")
    html = str(found.get("page_result") or "")
    text = html or str(found.get("page_snippet") or "")
    return CasePage(text, str(found.get("page_name") or ""), str(found.get("page_url") or ""), bool(html))


def _alternatives(row: Row) -> list[str]:
    """A list, or the text of one, as CRAG publishes it."""
    listed = row.fields.get("alternative_answers", row.fields.get("alt_ans", []))
    if isinstance(listed, str):
        try:
            listed = json.loads(listed)
        except json.JSONDecodeError:
            raise row.wrong("alternative_answers", "this is no JSON list") from None
    return [str(one) for one in listed if str(one).strip()] if isinstance(listed, list) else []
