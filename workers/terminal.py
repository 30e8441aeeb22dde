"""What a terminal shows. What comes from outside passes `safe`: no escape sequence gets through."""

import re
import sys
from typing import TextIO

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
MARKER = re.compile(r"\[citation:(\d+)\]")


def safe(text: str) -> str:
    """`text` without control characters (tab and newline stay), bidi overrides and lone surrogates."""
    return _CONTROL.sub("", text)


def say(text: str, to: TextIO | None = None) -> None:
    """One line to standard error, for people; the answer alone goes to standard output."""
    print(safe(text), file=to or sys.stderr, flush=True)


class MarkdownStream:
    """Writes streamed Markdown: block by block as a terminal can show it, or as it comes into a file or pipe."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._held = out, ""
        self._rich = out.isatty()

    def write(self, text: str) -> None:
        if not self._rich:
            print(safe(text), end="", file=self._out, flush=True)
            return
        self._held += safe(text)
        while (end := self._block_end()) >= 0:
            block, self._held = self._held[:end], self._held[end:]
            self._render(block)

    def close(self) -> None:
        """Shows what is held back; the answer ends with a newline in any case."""
        if self._rich and self._held.strip():
            self._render(self._held)
        elif not self._rich:
            print(file=self._out, flush=True)
        self._held = ""

    def _block_end(self) -> int:
        """Where the first whole block ends: at a blank line outside a code fence; -1 while there is none."""
        place, inside = 0, False
        for line in self._held.splitlines(keepends=True):
            if line.lstrip().startswith(("```", "~~~")):
                inside = not inside
            place += len(line)
            if not inside and not line.strip() and self._held[:place].strip() and line.endswith("\n"):
                return place
        return -1

    def _render(self, block: str) -> None:
        from rich.console import Console
        from rich.markdown import Markdown

        # Without hyperlinks: an address that the model wrote is shown, and never hides behind other words.
        Console(file=self._out).print(Markdown(MARKER.sub(r"**[\1]**", block.strip()), hyperlinks=False))
        print(file=self._out, flush=True)
