"""Does a whole answer keep the template's rules? Each check returns a Flaw or nothing; none changes the text."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.answer import Flaw
from agent.citations import MARKER
from agent.claims import Claim, claims_of
from agent.question import Question
from tools.text import script_of

_FEWEST_CLAIMS_TO_CLUSTER = 4
_FEWEST_CITATIONS_TO_REPEAT = 5
_FEWEST_CHARACTERS_TO_TELL_LANGUAGE = 20
REPAIRABLE = frozenset({"uncited", "clustered", "language"})
"""What one more call of the model can mend. `empty` is asked again from the start; `repeated` may be the truth."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check looks at. pages: how many were given; cites: whether citations are asked for at all."""

    question: Question
    text: str
    claims: tuple[Claim, ...]
    pages: int
    cites: bool


def flaws_of(question: Question, text: str, pages: int, cites: bool = True) -> tuple[Flaw, ...]:
    """The broken rules of an answer, worst first; () for an answer that keeps them all."""
    checked = Checked(question, text, claims_of(text), pages, cites)
    found = (check(checked) for check in CHECKS)
    return tuple(flaw for flaw in found if flaw is not None)


def truncated(broken: str) -> tuple[Flaw, ...]:
    """broken: why the model's text is not whole, "" where it is."""
    return (Flaw("truncated", f"The answer is not whole: the model broke off ({broken})."),) if broken else ()


def _empty(checked: Checked) -> Flaw | None:
    return None if MARKER.sub("", checked.text).strip() else Flaw("empty", "The answer has no text.")


def _uncited(checked: Checked) -> Flaw | None:
    if not checked.cites or not checked.pages or MARKER.search(checked.text):
        return None
    return Flaw("uncited", f"The answer cites none of the {checked.pages} pages.")


def _clustered(checked: Checked) -> Flaw | None:
    """ "Be sure not to cluster all citations at the end" (the vendor's template)."""
    told = [claim for claim in checked.claims if claim.kind in ("sentence", "item")]
    cited = [place for place, claim in enumerate(told) if claim.numbers]
    several = {number for claim in told for number in claim.numbers}
    if len(told) >= _FEWEST_CLAIMS_TO_CLUSTER and cited == [len(told) - 1] and len(several) > 1:
        return Flaw(
            "clustered",
            "All citations stand together at the end instead of after the sentences they support.",
        )
    return None


def _repeated(checked: Checked) -> Flaw | None:
    numbers = [int(match.group(1)) for match in MARKER.finditer(checked.text)]
    if checked.pages > 1 and len(numbers) >= _FEWEST_CITATIONS_TO_REPEAT and len(set(numbers)) == 1:
        return Flaw(
            "repeated",
            f"Every citation points to page {numbers[0]}, although {checked.pages} pages were given.",
        )
    return None


def _language(checked: Checked) -> Flaw | None:
    prose = " ".join(claim.text for claim in checked.claims if claim.kind != "code")
    if len(prose) < _FEWEST_CHARACTERS_TO_TELL_LANGUAGE:
        return None
    asked, written = checked.question.script, script_of(prose)
    if asked in ("zh-Hans", "zh-Hant") and written in ("en", "other"):
        return Flaw("language", "The question is Chinese, the answer is not.")
    if asked == "en" and written != "en":
        return Flaw("language", "The question is English, the answer is not.")
    return None


CHECKS: tuple[Callable[[Checked], Flaw | None], ...] = (_empty, _uncited, _language, _clustered, _repeated)
