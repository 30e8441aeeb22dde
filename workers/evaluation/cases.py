"""A question of a published set, with what is held to be its answer."""

from dataclasses import dataclass, field
from pathlib import Path

from tools.text import script_of


class BadSet(Exception):
    """A file that is not what its set's authors publish. line: from 1, 0 when no line is meant; field: "" likewise."""

    def __init__(self, path: Path, line: int, field: str, message: str) -> None:
        self.path, self.line, self.field = path, line, field
        place = f"{path}" + (f", line {line}" if line else "") + (f", field {field!r}" if field else "")
        super().__init__(f"{place}: {message}")


@dataclass(frozen=True, slots=True)
class CasePage:
    """A page that the set brings along. html: whether text is a page's source, to be extracted, or plain text."""

    text: str
    title: str = ""
    url: str = ""
    html: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """gold: all groups are wanted, of each group any form will do; () when the set has no answer to compare with.

    answerable: whether a right answer exists; when it does not, the right thing is to refuse.
    pages: places in EvalSet.pages of what the set gives for this question.
    """

    id: str
    question: str
    gold: tuple[tuple[str, ...], ...] = ()
    answerable: bool = True
    language: str = ""
    pages: tuple[int, ...] = ()
    topic: str = ""

    @property
    def spoken(self) -> str:
        """zh or en."""
        return self.language or ("zh" if script_of(self.question).startswith("zh") else "en")


@dataclass(frozen=True, slots=True)
class EvalSet:
    """name: of the adapter; licence: of the texts, "" when it is not known; pages: each once."""

    name: str
    cases: tuple[Case, ...]
    pages: tuple[CasePage, ...] = ()
    licence: str = ""


@dataclass(slots=True)
class Pool:
    """Pages on their way into a set: the same text gets the same place."""

    pages: list[CasePage] = field(default_factory=list)
    _places: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, page: CasePage) -> int:
        key = (page.url, page.text)
        if key not in self._places:
            self._places[key] = len(self.pages)
            self.pages.append(page)
        return self._places[key]
