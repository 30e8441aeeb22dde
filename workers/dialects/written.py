"""The text of an answer as other dialects write it while it is made: markers [n], and a note of what was corrected.

Streamed text is never taken back (decision 6): what verification corrected is said at the end.
"""

from agent.answer import Answer, Correction, Source
from agent.citations import MARKER
from workers.dialects.markers import Marked, Renumbered

_LONGEST_SHOWN = 200  # characters of a correction in the note; the whole one is under GET /v1/answers/{id}
_NOTES = {
    "en": ("**Corrected after it was written:**", "removed"),
    "zh": ("**写出后更正：**", "删去"),
}


class Written:
    """Each method gives the text to be said next. marked: the markers so far; sources[n-1] is what [n] means."""

    def __init__(self) -> None:
        self._writing = Renumbered()
        self.marked: list[Marked] = []

    @property
    def sources(self) -> list[Source]:
        return self._writing.sources

    def text(self, piece: str) -> str:
        return self._writing.text(piece)

    def cite(self, source: Source) -> str:
        marker, place = self._writing.cite(source)
        self.marked.append(place)
        return marker

    def whole(self, answer: Answer) -> str:
        """What was not streamed (that nothing was found, say)."""
        return self._with_markers(answer.text, answer)

    def note(self, answer: Answer) -> str:
        """What was corrected after it was streamed; "" where nothing was."""
        if not answer.corrections:
            return ""
        title, removed = _NOTES[answer.language]
        opening = self.text(f"\n\n---\n{title}\n")
        return opening + "".join(self._line(correction, removed, answer) for correction in answer.corrections)

    def _line(self, correction: Correction, removed: str, answer: Answer) -> str:
        before, after = _short(correction.before), _short(correction.after)
        pieces = ["- ", before, " → ", after or f"({removed})", f" ({correction.reason})\n"]
        return "".join(self._with_markers(piece, answer) for piece in pieces)

    def _with_markers(self, text: str, answer: Answer) -> str:
        by_number = {source.number: source for source in answer.sources}
        pieces, end = [], 0
        for found in MARKER.finditer(text):
            pieces.append(self.text(text[end : found.start()]))
            if source := by_number.get(int(found[1])):
                pieces.append(self.cite(source))
            end = found.end()
        return "".join([*pieces, self.text(text[end:])])


def _short(text: str) -> str:
    """One line, cut between markers and never inside one."""
    line = " ".join(text.split())
    if len(line) <= _LONGEST_SHOWN:
        return line
    cut = line[:_LONGEST_SHOWN]
    opened = cut.rfind("[citation:")
    return (cut[:opened] if opened > cut.rfind("]") else cut).rstrip() + " …"
