"""Where two pages of the prompt say different things of what the answer says: another number, date or name.

A claim that one page supports is held against the passages of the other pages that come nearest to it.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from agent.answer import Conflict, Quoted, Support
from agent.differences import difference_between
from agent.fence import fence_line
from agent.report import Judged
from agent.verdicts import Verdicts
from tools.text import Script, fold

_MOST_CONFLICTS = 20


def conflicts_of(text: str, verdicts: Verdicts, end: int) -> tuple[Conflict, ...]:
    """For the claims of text[:end] that a page supports; two claims that disagree with each other give one."""
    found: dict[tuple[frozenset[int], frozenset[str]], Conflict] = {}
    for judged in verdicts.judged(text):
        if judged.claim.end <= end and judged.proven:
            for conflict in _of_claim(judged, verdicts):
                pages = frozenset((conflict.says.number, conflict.against.number))
                values = frozenset((fold(conflict.says.value), fold(conflict.against.value)))
                found.setdefault((pages, values), conflict)
    return tuple(found.values())[:_MOST_CONFLICTS]


def _of_claim(judged: Judged, verdicts: Verdicts) -> Iterator[Conflict]:
    claim = judged.claim
    own = next(support for support in judged.supports if support.verdict == "supported")
    for other in _others(judged, verdicts):
        difference = difference_between(claim.text, other.quote)
        if difference:
            says = Quoted(own.number, difference.claimed, own.quote, own.quote_start, own.quote_end)
            against = Quoted(other.number, difference.held, other.quote, other.quote_start, other.quote_end)
            yield Conflict(difference.kind, claim.start, claim.end, says, against)


def _others(judged: Judged, verdicts: Verdicts) -> Iterator[Support]:
    """The cited pages as well: a page may support a sentence but for one value."""
    yield from (support for support in judged.supports if support.quote and support.score < 1)
    yield from (one for one in verdicts.elsewhere(judged.claim) if one.quote and one.score < 1)


def told(conflicts: Sequence[Conflict], script: Script) -> str:
    """One line for each of the first three, in the script of the question, without any mark of ours."""
    say = _TOLD.get(script, _TOLD["en"])
    lines = (
        say.format(
            one=conflict.says.number,
            says=_shown(conflict.says),
            other=conflict.against.number,
            against=_shown(conflict.against),
        )
        for conflict in conflicts[:_MOST_TOLD]
    )
    return "\n".join(lines)


def _shown(quoted: Quoted) -> str:
    return fence_line(quoted.value or quoted.quote, _SHOWN_CHARACTERS).translate(_PLAIN)


_MOST_TOLD, _SHOWN_CHARACTERS = 3, 80
_PLAIN = str.maketrans("[]*`_“”「」", "()   ''''")
_TOLD: Mapping[Script, str] = MappingProxyType(
    {
        "en": "*The pages disagree: page {one} says “{says}”, page {other} says “{against}”.*",
        "zh-Hans": "*各网页说法不一：网页{one}为“{says}”，网页{other}为“{against}”。*",
        "zh-Hant": "*各網頁說法不一：網頁{one}為「{says}」，網頁{other}為「{against}」。*",
    }
)
