"""The sentences of an answer that were judged so far, as Slack's Markdown: never more than can stand in the end."""

from dataclasses import dataclass, field

from agent.events import Judged
from workers.slack.markup import markdown
from workers.slack.rendering import marked, prefaced
from workers.slack.splitting import blocks_of

MOST_CHARACTERS = 5_000
"""Of text that is shown before its footnotes are known: they stand in the same message, and Slack caps it."""


@dataclass(slots=True)
class Spoken:
    """preface: as of rendered(); sources: the addresses that may be clicked; grown: since it was shown last."""

    preface: str = ""
    sources: tuple[str, ...] = ()
    grown: bool = False
    _pieces: list[str] = field(default_factory=list)
    _characters: int = 0

    def add(self, judged: Judged) -> None:
        if self._characters <= 2 * MOST_CHARACTERS:
            self._pieces.append(marked(judged.text, judged.supports, judged.start))
            self._characters += len(judged.text)
            self.grown = True

    def shown(self) -> str:
        """Whole sentences; a table is held until its last row is there, and what is too long is not begun."""
        self.grown = False
        said = markdown("".join(self._pieces), self.sources).strip()
        blocks = blocks_of(prefaced(self.preface, said)) if said else []
        if blocks and any(line.lstrip().startswith("|") for line in blocks[-1].split("\n")):
            blocks.pop()
        kept = ""
        for block in blocks:
            if len(kept) + 2 + len(block) > MOST_CHARACTERS:
                break
            kept += ("\n\n" if kept else "") + block
        return kept.rstrip()
