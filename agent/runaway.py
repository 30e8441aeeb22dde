"""Notices a model that repeats itself for ever: R1 can write one token until max_tokens (sglang PR 5224)."""

import re

MOST_CHARACTERS = 200_000
"""Of one planner turn."""
MOST_CALLS_BEGUN = 64
_TAIL, _LONGEST_UNIT, _STEP = 1_200, 100, 200
_BEGUN = re.compile(r"<｜tool▁calls?▁begin｜>|<tool_call>")


class Runaway:
    """Watches one turn grow; looks at it each 200 characters, so that watching costs little."""

    def __init__(self) -> None:
        self._tail = ""
        self._characters = self._unseen = self._begun = 0

    def grow(self, text: str) -> bool:
        """Whether the turn, longer by `text`, runs away: it is to be cut, and the model stopped."""
        seen = len(self._tail)
        self._tail += text
        self._characters += len(text)
        self._unseen += len(text)
        self._begun += sum(found.end() > seen for found in _BEGUN.finditer(self._tail, max(0, seen - 30)))
        if self._begun > MOST_CALLS_BEGUN or self._characters > MOST_CHARACTERS:
            return True
        if self._unseen < _STEP:
            return False
        self._unseen, self._tail = 0, self._tail[-_TAIL:]
        return len(self._tail) == _TAIL and any(_repeats(self._tail, unit) for unit in range(1, _LONGEST_UNIT + 1))


def _repeats(text: str, unit: int) -> bool:
    return text[unit:] == text[:-unit]
