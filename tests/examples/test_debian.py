"""The pages that `make ask` answers from: that they are fit to be shipped, and that questions find them."""

import json
import re
from pathlib import Path

import pytest

from tools.extraction import Source, extract_page
from tools.library import Library
from tools.page import Webpage
from tools.search import SearchQuery

EXAMPLES = Path(__file__).parents[2] / "examples"
QUESTIONS = json.loads((Path(__file__).parent / "debian_questions.json").read_text(encoding="utf-8"))
WITHIN = 0.8
"""Share of the questions whose right page must be among the first five. 0.95 was measured; a broken index has 0.1."""


async def extract(content: bytes, source: Source) -> Webpage:
    return extract_page(content, source)


def test_there_are_as_many_pages_in_either_language_with_their_licences() -> None:
    pages = [path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.html")]
    chinese = [page for page in pages if re.search("zh[-_](CN|cn)/", page)]
    assert (len(pages), len(chinese)) == (436, 218)
    licences = {path.name for path in (EXAMPLES / "debian" / "licences").iterdir()}
    assert licences >= {f"{page.split('/')[1]}.copyright" for page in pages} | {"GPL-2"}
    for name in licences:
        assert name in {"GPL-2"} or name.endswith(".copyright"), "a licence is no page of the library"


@pytest.mark.timeout(600)
async def test_questions_find_their_pages_in_both_languages(tmp_path: Path) -> None:
    library = Library(tmp_path / "library.db")
    done = await library.add(EXAMPLES / "debian", extract)
    assert (done.added, done.problems) == (436, ())
    for language in ("en", "zh"):
        asked = [(text, want) for spoken, text, want in QUESTIONS if spoken == language]
        missed = []
        for text, want in asked:
            results = await library.search(SearchQuery(text, language, limit=5))
            if not any(re.search(f"/(?:{want})", result.url) for result in results):
                missed.append(text)
        assert len(missed) <= (1 - WITHIN) * len(asked), missed
