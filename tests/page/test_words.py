"""The reasons for which a page was not read have words for people, in English and in Chinese."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tools.walls import REASONS
from workers.page.files import FOLDER
from workers.problems import KINDS

ROOT = Path(__file__).parents[2]
RAISED = {"PageRefused", "PageUnreachable", "PageUnreadable", "PageTooLarge", "SearchDown", "Skipped", "_refused"}
WORD = re.compile(r"[a-z][a-z0-9_]+")
SUBJECTS = {"search", "library", "bytes"}
"""Constants that stand where the subject of an error is named."""


def reasons() -> Iterator[str]:
    """Every word that an error of a tool or a skipped page is made with."""
    yield from REASONS
    for path in sorted([*(ROOT / "tools").rglob("*.py"), *(ROOT / "agent").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED:
                for part in (inner for argument in node.args[1:2] for inner in ast.walk(argument)):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and WORD.fullmatch(part.value):
                        yield part.value


def words() -> dict[str, tuple[str, str]]:
    """The codes of words.js: English and Chinese."""
    text = (FOLDER / "words.js").read_text(encoding="utf-8")
    codes = text[text.index("const CODES") :]
    return {name: (en, zh) for name, en, zh in re.findall(r'(\w+): \["([^"]+)", "([^"]+)"\]', codes)}


def test_each_reason_and_each_problem_has_words_in_both_languages() -> None:
    known = words()
    found = set(reasons()) - SUBJECTS
    assert len(found) > 40
    assert sorted((found | set(KINDS)) - set(known)) == []
    assert [name for name, (en, zh) in known.items() if not en.isascii() or zh.isascii()] == []
