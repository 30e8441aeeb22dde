"""Separates reasoning from answer where the server leaves `<think>…</think>` in the content."""

OPEN, CLOSE = "<think>", "</think>"


class ThinkTags:
    """A splitter for one reply; the text may be cut at any character.

    `<think>` opens at the start of the content or of a line, `</think>` closes; outside the reasoning and
    amid a line both are plain text (an answer about R1 may name them).
    closed: a `</think>` was seen. stray: one was seen that nothing had opened, so what came before it was
    reasoning that went out as text (a template that opens the tag itself; a server that does not parse it).
    """

    def __init__(self, inside: bool = False) -> None:
        """inside: the content begins within the reasoning, because the chat template has opened the tag."""
        self.inside = inside
        self.closed = False
        self.stray = False
        self._held = ""
        self._line_start = True

    def split(self, content: str) -> tuple[str, str]:
        """(thinking, text) of the next piece; what may be the beginning of a tag is held back."""
        thinking: list[str] = []
        text: list[str] = []
        rest, self._held = self._held + content, ""
        while rest:
            piece, rest, tag = _up_to_tag(rest)
            (thinking if self.inside else text).append(piece)
            self._note(piece)
            if tag:
                (thinking if self.inside else text).append(self._turn(tag))
            else:
                self._held, rest = rest, ""
        return "".join(thinking), "".join(text)

    def end(self) -> tuple[str, str]:
        """(thinking, text) of what was held back when the stream ends."""
        held, self._held = self._held, ""
        return (held, "") if self.inside else ("", held)

    def _note(self, piece: str) -> None:
        last = piece.rstrip(" \t")
        if last:
            self._line_start = last.endswith("\n")

    def _turn(self, tag: str) -> str:
        """Cross a tag; returns the tag itself where it is plain text."""
        if not self._line_start and not (self.inside and tag == CLOSE):
            self._note(tag)
            return tag
        if tag == CLOSE:
            self.stray = self.stray or not (self.inside or self.closed)
            self.closed = True
        self.inside = tag == OPEN
        self._line_start = True
        return ""


def without_reasoning(content: str) -> str:
    """An earlier answer as it may be sent back: R1 and the APIs that serve it want no reasoning in the history.

    What stands before a `</think>` that nothing opened is reasoning, too.
    """
    for inside in (False, True):
        tags = ThinkTags(inside)
        text = tags.split(content)[1] + tags.end()[1]
        if not tags.stray:
            break
    return text.lstrip() if tags.closed else text


def _up_to_tag(text: str) -> tuple[str, str, str]:
    """(before the first tag, after it, the tag); without a tag: (safe text, what may be half a tag, "")."""
    places = [(text.find(tag), tag) for tag in (OPEN, CLOSE) if tag in text]
    if places:
        start, tag = min(places)
        return text[:start], text[start + len(tag) :], tag
    half = text.rfind("<")
    if half >= 0 and any(tag.startswith(text[half:]) for tag in (OPEN, CLOSE)):
        return text[:half], text[half:], ""
    return text, "", ""
