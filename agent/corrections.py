"""A text under correction: every change is listed, so that the streamed text can be had back byte for byte."""

from collections.abc import Iterable, Sequence

from agent.answer import Correction


class Editing:
    """The text as it stands, and what was done to it. No other way to change an answer exists after it was streamed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.corrections: tuple[Correction, ...] = ()

    def replace(self, start: int, end: int, after: str, reason: str) -> None:
        """Puts `after` in the place of text[start:end]. A change that changes nothing is none."""
        before = self.text[start:end]
        if before == after:
            return
        self.corrections += (Correction(start, end, before, after, reason),)
        self.text = self.text[:start] + after + self.text[end:]

    def take(self, text: str, corrections: Sequence[Correction]) -> None:
        """Takes over changes that were made elsewhere, to the text as it stands."""
        assert applied(self.text, corrections) == text, "every change is listed"
        self.text, self.corrections = text, self.corrections + tuple(corrections)


def applied(text: str, corrections: Iterable[Correction]) -> str:
    """The text with all changes, one after the other. Raises ValueError for a list that is of another text."""
    for change in corrections:
        if text[change.start : change.end] != change.before:
            raise ValueError(f"the text has something else at {change.start}")
        text = text[: change.start] + change.after + text[change.end :]
    return text


def undone(text: str, corrections: Sequence[Correction]) -> str:
    """The text before all changes. Raises ValueError for a list that is of another text."""
    for change in reversed(corrections):
        end = change.start + len(change.after)
        if text[change.start : end] != change.after:
            raise ValueError(f"the text has something else at {change.start}")
        text = text[: change.start] + change.before + text[end:]
    return text
