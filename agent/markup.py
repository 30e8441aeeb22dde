"""Keeps tool calls out of an answer."""

BEGINNINGS = ("<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<tool_call>")
"""How R1 and Qwen begin a call. Without tools in the request no server parses it, and R1 still writes it at times."""


class CallCut:
    """Passes an answer on up to the first tool call and drops the rest; the text may be cut at any character."""

    def __init__(self) -> None:
        self._held = ""
        self._dropping = False

    def pass_on(self, text: str) -> str:
        """What may be shown now; what may be the beginning of a call is held back."""
        if self._dropping:
            return ""
        text, self._held = self._held + text, ""
        starts = [start for start in map(text.find, BEGINNINGS) if start >= 0]
        if starts:
            self._dropping = True
            return text[: min(starts)]
        half = text.rfind("<")
        if half >= 0 and any(beginning.startswith(text[half:]) for beginning in BEGINNINGS):
            text, self._held = text[:half], text[half:]
        return text

    def end(self) -> str:
        """What was held back when the stream ends."""
        held, self._held = self._held, ""
        return held
