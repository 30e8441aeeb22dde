"""Which sentences of a text that is still being written are finished, so that they can be judged and shown.

A sentence is finished when the next one has begun beyond doubt, or an empty line has closed it: only then are its end
and its markers known. Lines that may yet become items, rows, headings or fences count when they are whole. Two things
can still change what a finished piece was: a line of `---` that makes a heading of the line above it, and a bold line
that goes on as prose; each piece was judged as it stood.
"""

import re
from dataclasses import dataclass, replace

from agent.citations import MARKER
from agent.claims import Claim, claims_of

_BEGUN = re.compile(r"\S[\w'’]*[^\w'’]|[\u3400-\u9fff]|.{40}", re.DOTALL)
_PROSE = re.compile(r" {0,3}[^\s\d\-*+•·‣(（#|_=`~>\[［【〔]")
_GOES_ON = re.compile(r"[\s\[［【〔]")  # a marker in front of a line belongs to what stands before it
_EMPTY_LINE_AT_END = re.compile(r"\n[ \t]*\n\Z")
_LINE_END = re.compile(r"[^\n]*\n(?:[ \t]*\n)*")
_FENCE_END = re.compile(r"[^\n]*\n[ \t]*(?:```|~~~)[`~]*[ \t]*(?:\n|\Z)(?:[ \t]*\n)*")


@dataclass(frozen=True, slots=True)
class Piece:
    """text[start:end]: a claim with its markers and the line ends behind it; no claim where there is none to judge."""

    start: int
    end: int
    claim: Claim | None


class Settling:
    """Cuts one growing text into pieces, each given once; together they are the text from its first character."""

    def __init__(self) -> None:
        self._told = 0  # up to here pieces were given
        self._base = 0  # a paragraph begins here, and nothing before it changes how it is read

    def pieces(self, text: str, whole: bool = False) -> list[Piece]:
        """Those that have become finished. text: all of it so far, longer than before; whole: nothing will follow."""
        known = text if whole else _readable(text)
        read = claims_of(known[self._base :])
        claims = [self._unseen(claim, known) for claim in read if self._base + claim.end > self._told]
        done = len(claims) if whole or _is_closed(known, text, claims) else _begun(claims, known)
        found = [self._piece(known, claims, number) for number in range(done)]
        if whole:
            found = [*found[:-1], replace(found[-1], end=len(text))] if found else self._rest(text)
            self._told = len(text)
        return found

    def _unseen(self, claim: Claim, known: str) -> Claim:
        """With its place in the whole text; of a claim that was read otherwise before, what was not given yet."""
        start, end = self._base + claim.start, self._base + claim.end
        if start >= self._told:
            return replace(claim, start=start, end=end)
        return Claim(MARKER.sub("", known[self._told : end]), self._told, end, claim.numbers)

    def _piece(self, known: str, claims: list[Claim], number: int) -> Piece:
        claim, follows = claims[number], claims[number + 1 : number + 2]
        start = self._told
        self._told = _end_of_piece(known, claim, follows[0]) if follows else len(known)
        if known[: self._told].endswith("\n\n") and known[self._told : self._told + 1].isalpha():
            self._base = self._told
        return Piece(start, self._told, claim)

    def _rest(self, text: str) -> list[Piece]:
        return [Piece(self._told, len(text), None)] if self._told < len(text) else []


def _readable(text: str) -> str:
    """Without the last line where it is too early to say what that will be."""
    at = text.rfind("\n") + 1
    return text if _PROSE.match(text, at) else text[:at]


def _is_closed(known: str, text: str, claims: list[Claim]) -> bool:
    """Whether all is finished: an empty line or a whole row stands at the end, and what follows is no marker."""
    follows = text[len(known) : len(known) + 1]
    if not claims or not follows or _GOES_ON.match(follows) or claims[-1].kind == "code":
        return False
    return claims[-1].kind == "row" or _EMPTY_LINE_AT_END.search(known) is not None


def _begun(claims: list[Claim], known: str) -> int:
    """How many are finished by the one after them."""
    if not claims:
        return 0
    return len(claims) - (1 if _BEGUN.match(known, claims[-1].start) else 2) if len(claims) > 1 else 0


def _end_of_piece(text: str, claim: Claim, follows: Claim) -> int:
    """Behind the markers of the claim and the end of its line; a fence that closes is a part of its code."""
    end = max((match.end() for match in MARKER.finditer(text, claim.end, follows.start)), default=claim.end)
    line = (claim.kind == "code" and _FENCE_END.match(text, end)) or _LINE_END.match(text, end)
    return min(line.end(), follows.start) if line else follows.start
