"""What an answer without any page says: that there is none, and what was tried. It cites nothing."""

from collections.abc import Sequence

from agent.answer import Asked, Skipped
from agent.fence import fence_line
from agent.templates import Templates

_MOST_LINES = 12
_WORDS = {
    "en": {
        "asked": "Searched for",
        "found": "{n} results",
        "failed": "the search failed",
        "skipped": "Not read",
    },
    "zh": {"asked": "搜索过", "found": "{n} 个结果", "failed": "搜索失败", "skipped": "未能读取"},
}


def nothing_found(language: str, asked: Sequence[Asked], skipped: Sequence[Skipped], templates: Templates) -> str:
    """One sentence, then one line for each query and each page that came to nothing (12 at most)."""
    say = _WORDS[language]
    lines = [f"- {say['asked']}: {fence_line(one.query)} ({_outcome(one, say)})" for one in asked]
    lines += [
        f"- {say['skipped']}: {fence_line(page.url)} ({fence_line(page.detail or page.reason)})" for page in skipped
    ]
    return "\n".join([templates[f"no_sources_{language}"].text, "", *lines[:_MOST_LINES]]).rstrip()


def _outcome(one: Asked, say: dict[str, str]) -> str:
    if one.failure:
        return f"{say['failed']}: {fence_line(one.detail or one.failure)}"
    return say["found"].format(n=one.results)
