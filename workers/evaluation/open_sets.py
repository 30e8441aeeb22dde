"""Sets of questions without pages, and JSON lines of anyone's own, which may bring some."""

import ast
import base64
import binascii
import hashlib
from collections.abc import Iterator
from pathlib import Path

from workers.evaluation.cases import Case, CasePage, EvalSet, Pool
from workers.evaluation.fields import Row, json_rows, table_rows
from workers.evaluation.xlsx import sheet_rows


def simpleqa(path: Path) -> EvalSet:
    """OpenAI's CSV: metadata, problem, answer. metadata: a Python dict with topic, answer_type and urls."""
    rows = table_rows(path, ("problem", "answer"))
    cases = tuple(
        Case(f"simpleqa-{number}", row.text("problem"), ((row.text("answer"),),), topic=_topic(row))
        for number, row in enumerate(rows)
    )
    return EvalSet("simpleqa", cases, licence="MIT")


def _topic(row: Row) -> str:
    try:
        found = ast.literal_eval(row.optional("metadata") or "{}")
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise row.wrong("metadata", "this is no Python dictionary") from None
    return str(found.get("topic", "")) if isinstance(found, dict) else ""


def chinese_simpleqa(path: Path) -> EvalSet:
    """JSON lines: {"id", "question", "answer", "primary_category", "secondary_category", "urls"}."""
    cases = tuple(
        Case(
            row.optional("id") or f"line-{row.line}",
            row.text("question"),
            ((row.text("answer"),),),
            language="zh",
            topic=row.optional("primary_category"),
        )
        for row in json_rows(path)
    )
    return EvalSet("chinese-simpleqa", cases, licence="CC BY-NC-SA 4.0")


def frames(path: Path) -> EvalSet:
    """test.tsv (or the same as CSV): an unnamed number, Prompt, Answer, wikipedia_link_1 …, reasoning_types."""
    rows = table_rows(path, ("Prompt", "Answer"))
    cases = tuple(
        Case(
            f"frames-{number}",
            row.text("Prompt"),
            ((row.text("Answer"),),),
            language="en",
            topic=row.optional("reasoning_types").split("|")[0].strip(),
        )
        for number, row in enumerate(rows)
    )
    return EvalSet("frames", cases, licence="Apache-2.0")


def browsecomp_zh(path: Path) -> EvalSet:
    """The published workbook: Topic, Question, Answer, canary; the first three encrypted with their row's canary."""
    cases = tuple(
        Case(
            f"browsecomp-zh-{row.line - 1}",
            _decrypted(row, "Question"),
            ((_decrypted(row, "Answer"),),),
            language="zh",
            topic=_decrypted(row, "Topic") if row.optional("Topic") else "",
        )
        for row in sheet_rows(path, ("Question", "Answer", "canary"))
    )
    return EvalSet("browsecomp-zh", cases, licence="Apache-2.0")


def _decrypted(row: Row, name: str) -> str:
    """XOR with the SHA-256 of the canary, over and over, as the authors' script does it."""
    key = hashlib.sha256(row.text("canary").encode()).digest()
    try:
        secret = base64.b64decode(row.text(name), validate=True)
        plain = bytes(byte ^ key[at % len(key)] for at, byte in enumerate(secret)).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise row.wrong(name, "this is not encrypted with the row's canary") from None
    if not plain.strip():
        raise row.wrong(name, "the text is empty")
    return plain.strip()


def deep_research_bench(path: Path) -> EvalSet:
    """JSON lines: {"id", "prompt", "lang" or "language", "topic"}; no answer to compare with."""
    cases = tuple(
        Case(
            row.text("id"),
            row.text("prompt"),
            language=row.optional("lang") or row.optional("language"),
            topic=row.optional("topic"),
        )
        for row in json_rows(path)
    )
    return EvalSet("deep-research-bench", cases, licence="Apache-2.0")


def json_lines(path: Path) -> EvalSet:
    """Anyone's: {"question" (or query, prompt, prompt_text), "answer", "id", "lang", "topic", "pages"}.

    answer: a text, a list of forms of one answer, or null for a question that is to be refused; without this field
    nothing is compared. pages: a list of texts, or of {"text", "title", "url"}.
    """
    pool = Pool()
    cases = tuple(_plain_case(row, pool) for row in json_rows(path))
    return EvalSet("jsonl", cases, tuple(pool.pages))


def _plain_case(row: Row, pool: Pool) -> Case:
    named = next((name for name in ("question", "query", "prompt", "prompt_text") if name in row.fields), "question")
    answer = row.fields.get("answer")
    forms = tuple(map(str, answer)) if isinstance(answer, list) else (str(answer),) if answer is not None else ()
    if "answer" in row.fields and answer is not None and not any(form.strip() for form in forms):
        raise row.wrong("answer", "the text is empty; null stands for a question that is to be refused")
    return Case(
        row.optional("id") or row.optional("prompt_id") or f"line-{row.line}",
        row.text(named),
        (forms,) if forms else (),
        answerable=not ("answer" in row.fields and answer is None),
        language=row.optional("lang"),
        pages=tuple(pool.add(page) for page in _pages(row)),
        topic=row.optional("topic"),
    )


def _pages(row: Row) -> Iterator[CasePage]:
    for page in row.list("pages") if "pages" in row.fields else ():
        fields = page if isinstance(page, dict) else {"text": page}
        inner = Row(row.path, row.line, fields)
        yield CasePage(inner.text("text"), inner.optional("title"), inner.optional("url"))
