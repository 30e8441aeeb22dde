"""Sentences that no page supports: what the model is asked, once, and which of its corrections are taken.

The reply is one line a sentence (`2: The corrected sentence[citation:1].`), so that nothing but those sentences can
be replaced, whatever the model writes. A correction is judged like any other sentence and taken only if it is better.
"""

import re
from collections.abc import Sequence

from agent.answer import Support
from agent.citations import normalised
from agent.claims import Claim, claims_of
from agent.corrections import Editing
from agent.fence import fence, fence_line
from agent.prompt import Message, Prompt
from agent.report import Judged
from agent.templates import Templates
from agent.verdicts import Verdicts, extent, faulty

_MOST_SENTENCES = 12
_LONGEST_SENTENCE = 600
_MOST_PASSAGE_CHARACTERS = 12_000
_BLANKS = r"[ \t]{0,9}"  # bounded: linear on a reply of blanks
_LINE = re.compile(rf"^{_BLANKS}(?:[-*]{_BLANKS})?(?:\*\*)?(\d{{1,3}})(?:\*\*)?{_BLANKS}[:：]{_BLANKS}(\S.*)$", re.M)
_RANK = {"supported": 2, "partial": 1}


def sentences_to_mend(text: str, verdicts: Verdicts) -> tuple[Judged, ...]:
    """The first dozen sentences and items that cite pages of which none supports them; rows and long ones stay."""
    found = (one for one in verdicts.judged(text) if faulty(one) and one.claim.kind != "row")
    return tuple(one for one in found if len(one.claim.text) <= _LONGEST_SENTENCE)[:_MOST_SENTENCES]


def mending_prompt(
    wrong: Sequence[Judged], verdicts: Verdicts, shown: Prompt, templates: Templates, max_tokens: int
) -> Prompt | None:
    """A call of its own: the sentences and the passages that come nearest to them, fenced; no page as a whole.

    None when no page speaks of any of them: then there is nothing to ask.
    """
    passages = _passages(wrong, verdicts)
    if not passages:
        return None
    told = "\n".join(f"{n}: {fence_line(one.claim.text, _LONGEST_SENTENCE)}" for n, one in enumerate(wrong, 1))
    question = shown.question
    order = templates[f"repair_sentences_{question.language}"].fill(passages=passages, sentences=told)
    system = shown.messages[:1] if shown.messages and shown.messages[0].role == "system" else ()
    return Prompt(question, (*system, Message("user", order)), shown.pages, max_tokens=max_tokens)


def _passages(wrong: Sequence[Judged], verdicts: Verdicts) -> str:
    """By page, in the pages' order; each once."""
    found: dict[int, dict[str, None]] = {}
    for one in wrong:
        for support in (*one.supports, *verdicts.elsewhere(one.claim)):
            if support.quote:
                found.setdefault(support.number, {})[support.quote] = None
    blocks, room = [], _MOST_PASSAGE_CHARACTERS
    for number in sorted(found):
        text = fence("\n\n".join(found[number])[:room])
        room -= len(text)
        if text:
            blocks.append(f"[webpage {number} begin]\n{text}\n[webpage {number} end]")
    return "\n".join(blocks)


def mend(editing: Editing, wrong: Sequence[Judged], reply: str, verdicts: Verdicts) -> None:
    """Puts in what is better. wrong: the sentences of editing.text that were asked about, in their order."""
    lines = _lines_of(reply, len(wrong))
    for number, one in reversed(list(enumerate(wrong, 1))):  # from the end: the places before stay as they are
        after = normalised(lines.get(number, ""), len(verdicts.pages)).strip()
        if after and _better(after, one, verdicts):
            start, end = extent(editing.text, one.claim)
            editing.replace(start, end, after, "repaired by the model: no cited page said this")


def _lines_of(reply: str, most: int) -> dict[int, str]:
    """The first line of each number; a hyphen means that nothing can be said."""
    found: dict[int, str] = {}
    for match in _LINE.finditer(reply):
        line = match[2].rstrip()
        if 1 <= int(match[1]) <= most and line not in ("-", "–", "—"):
            found.setdefault(int(match[1]), line)
    return found


def _better(after: str, before: Judged, verdicts: Verdicts) -> bool:
    """Sentences only, not much longer, each with a citation, and the worst of them better than what stood there."""
    claims = claims_of(after)
    plain = all(claim.kind == "sentence" and claim.numbers for claim in claims)
    if not claims or not plain or len(after) > 2 * len(before.claim.text) + 200:
        return False
    return min(_rank(claim, verdicts) for claim in claims) > max(map(_of, before.supports), default=0)


def _rank(claim: Claim, verdicts: Verdicts) -> int:
    return max(_of(verdicts.of(claim, number)) for number in claim.numbers)


def _of(support: Support) -> int:
    return _RANK.get(support.verdict, 0)
