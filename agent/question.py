"""What a user asked. A Question that exists is fit to be answered."""

import unicodedata
from dataclasses import dataclass, field
from typing import Literal, get_args

from agent.errors import BadQuestion
from tools.page import Webpage
from tools.search import Recency
from tools.text import Script, script_of

Depth = Literal["quick", "normal", "research"]
DEPTHS: tuple[Depth, ...] = get_args(Depth)
MAX_QUESTION_CHARACTERS = 8_000
MAX_HISTORY_TURNS = 50
MAX_FILES = 10
MAX_INSTRUCTION_CHARACTERS = 16_000


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the same thread and the answer that was given, citation markers and all."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Filters:
    """Which sources may be used. A domain covers its subdomains; empty means any.

    after, before: YYYY-MM-DD; a source that states an earlier or later day is left out, one that states none stays.
    engines: names of the search engines that may be asked.
    """

    include_domains: tuple[str, ...] = ()
    exclude_domains: tuple[str, ...] = ()
    recency: Recency | None = None
    after: str = ""
    before: str = ""
    engines: tuple[str, ...] = ()

    def keeps(self, date: str) -> bool:
        """Whether a source of this day may be used. date: YYYY-MM-DD, "" when unknown."""
        return not date or ((not self.after or date >= self.after) and (not self.before or date <= self.before))


@dataclass(frozen=True, slots=True)
class Question:
    """text: 1 to 8,000 characters; files: uploads, already read into pages (url `file:NAME`, title NAME);
    search: whether the web or the library is asked too; strict: show only sentences that a page supports;
    instructions: how the asker's program wants the answer written (a system prompt), 0 to 16,000 characters;
    tenant: who asks, "" for nobody in particular: tenants share no prefix cache where the model server can part them;
    waited_seconds: what the asker has waited already, to be taken from the time for the answer.

    Raises BadQuestion, naming the field.
    """

    text: str
    depth: Depth = "normal"
    history: tuple[Turn, ...] = ()
    files: tuple[Webpage, ...] = ()
    filters: Filters = field(default_factory=Filters)
    search: bool = True
    strict: bool = False
    instructions: str = ""
    tenant: str = ""
    waited_seconds: float = 0.0

    def __post_init__(self) -> None:
        _check_text("question", self.text)
        _check_characters("instructions", self.instructions)
        if len(self.instructions) > MAX_INSTRUCTION_CHARACTERS:
            raise BadQuestion(
                "instructions", f"the instructions have more than {MAX_INSTRUCTION_CHARACTERS:,} characters"
            )
        if self.depth not in DEPTHS:
            raise BadQuestion("depth", f"depth is one of {', '.join(DEPTHS)}, not {self.depth!r}")
        if len(self.history) > MAX_HISTORY_TURNS:
            raise BadQuestion("history", f"the history has more than {MAX_HISTORY_TURNS} turns")
        for turn in self.history:
            _check_characters("history", turn.question)
            _check_characters("history", turn.answer)
        if len(self.files) > MAX_FILES:
            raise BadQuestion("files", f"more than {MAX_FILES} files")
        if not self.search and not self.files:
            raise BadQuestion("search", "without a search there must be files to answer from")

    @property
    def script(self) -> Script:
        """zh-Hans, zh-Hant, en or other, as the question is written."""
        return script_of(self.text)

    @property
    def language(self) -> Literal["zh", "en"]:
        """Which of the vendor's two templates is used."""
        return "zh" if self.script in ("zh-Hans", "zh-Hant") else "en"


def _check_text(name: str, text: str) -> None:
    if len(text) > MAX_QUESTION_CHARACTERS:  # first: what follows takes its time for each character
        raise BadQuestion(name, f"the {name} has {len(text):,} characters; {MAX_QUESTION_CHARACTERS:,} are allowed")
    _check_characters(name, text)
    if not text.strip():
        raise BadQuestion(name, f"the {name} is empty")


def _check_characters(name: str, text: str) -> None:
    """Lone surrogates break every UTF-8 writer behind us, NUL breaks C libraries: refused, not mended."""
    for character in text:
        if unicodedata.category(character) == "Cs":
            raise BadQuestion(name, f"the {name} holds a lone surrogate, U+{ord(character):04X}")
        if character == "\0":
            raise BadQuestion(name, f"the {name} holds a NUL character")
