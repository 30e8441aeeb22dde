"""The grade of an answer: by the model where one is configured, else by whether the answer holds the gold answer."""

import asyncio
import re
from contextlib import aclosing
from dataclasses import dataclass

from agent.citations import MARKER
from agent.delta import Generate
from agent.errors import ModelDown
from agent.fence import fence
from agent.prompt import Message, Prompt
from agent.question import Question
from agent.templates import Templates
from workers.evaluation.cases import Case
from workers.evaluation.kept import Kept
from workers.evaluation.record import Grade
from workers.evaluation.scoring import contains

_GRADES: dict[str, Grade] = {"CORRECT": "correct", "INCORRECT": "incorrect", "NOT_ATTEMPTED": "not_attempted"}
_GRADE = re.compile(r"\b(?:CORRECT|INCORRECT|NOT_ATTEMPTED)\b")
_SECONDS = 300.0
_TOKENS = 4_096
_LONGEST_ANSWER = 20_000  # characters


def by_text(case: Case, answer: str, refused: bool) -> Grade:
    """Without a model: correct when the answer holds the gold answer, not attempted when it is a refusal."""
    if not case.gold:
        return "ungraded" if case.answerable else ("not_attempted" if refused else "incorrect")
    if refused:
        return "not_attempted"
    return "correct" if contains(answer, case.gold) else "incorrect"


@dataclass(frozen=True, slots=True)
class ModelGrader:
    """Asks the model once for each different answer; a model that is down or says no grade gives None."""

    generate: Generate
    templates: Templates
    kept: Kept

    async def grade(self, case: Case, answer: str) -> Grade | None:
        text = self.templates[f"grade_{'zh' if case.spoken == 'zh' else 'en'}"].fill(
            question=fence(case.question),
            reference=fence("; ".join(" / ".join(group) for group in case.gold)),
            answer=fence(MARKER.sub("", answer[:_LONGEST_ANSWER])),
        )
        known = await self.kept.get(f"grade {text}")
        if known in _GRADES.values():
            return known  # type: ignore[no-any-return]
        found = _grade_in(await self._said(case, text))
        if found is not None:
            await self.kept.put(f"grade {text}", found)
        return found

    async def _said(self, case: Case, text: str) -> str:
        prompt = Prompt(Question(case.question), (Message("user", text),), max_tokens=_TOKENS)
        said: list[str] = []
        try:
            async with asyncio.timeout(_SECONDS), aclosing(self.generate(prompt)) as deltas:
                async for delta in deltas:
                    said.append(delta.text)
        except (ModelDown, TimeoutError):
            return ""
        return "".join(said)


def _grade_in(said: str) -> Grade | None:
    """The last grade that is named; a reply without one is no grade."""
    named = _GRADE.findall(said.upper().replace("NOT ATTEMPTED", "NOT_ATTEMPTED"))
    return _GRADES[named[-1]] if named else None
