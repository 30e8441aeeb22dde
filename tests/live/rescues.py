"""Each rescue, how it is switched off, and the row of the table of cases that then turns red."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rescue:
    """off: file, the text in it that does the work, and what stands there instead. case: a row's name, and how it is
    asked: the --stream-interval, 0 for not streamed."""

    name: str
    off: tuple[str, str, str]
    case: str
    interval: int = 1

    @property
    def streamed(self) -> bool:
        return self.interval > 0

    @property
    def recorded_as(self) -> str:
        """The name of its sample."""
        return f"{self.case}-{self.interval or 'whole'}"


PLANNING, CALLS, CHUNKS = "agent/planning.py", "agent/calls.py", "agent/chunks.py"

PLANNERS = '__import__("agent.planner", fromlist=["TOOLS"]).TOOLS'

RESCUES = (
    Rescue("repeat-unstreamed", (PLANNING, "if self._lost(prompt, spoken, turn):", "if False:"), "no-fence"),
    Rescue(
        "tokens-that-never-arrived",
        (PLANNING, "self._unseen_tokens(spoken) > _TOKENS_OF_NO_CALL", "False"),
        "no-fence",
    ),
    Rescue("calls-in-the-text", (CALLS, "reader.take(markup_calls(text))", "pass"), "qwen-markup"),
    Rescue("calls-in-the-reasoning", (CALLS, "reader.take(markup_calls(thinking))", "pass"), "call-in-thought"),
    Rescue("double-encoding", (CALLS, "for _ in range(3):", "for _ in range(1):"), "double-encoded"),
    Rescue("json-prefix", (CALLS, 'bare.removeprefix("json")', "bare"), "json-prefix"),
    Rescue(
        "declared-names-only",
        (CALLS, "tool = self._tools.get(call.name.strip())", "tool = next(iter(self._tools.values()))"),
        "unknown-name",
    ),
    Rescue("arguments-that-fit", (CALLS, "value = given.get(key)", 'value = str(given.get(key) or "")'), "wrong-type"),
    Rescue("plan-as-json", (PLANNING, "planned = await self._as_json(prompt)", "planned = None"), "no-call"),
    Rescue(
        "plain-json-without-a-grammar",
        (PLANNING, "if down.reason not in _REFUSES_SCHEMA:", "if True:"),
        "no-call",
        64,
    ),
    Rescue("runaway-cut", (PLANNING, "if runaway.grow(delta.thinking + delta.text):", "if False:"), "runaway"),
    Rescue("two-calls-in-one", (PLANNING, "if self._lost(prompt, spoken, turn):", "if False:"), "two-searches", 64),
    Rescue(
        "reasoning-as-the-answer",
        (CHUNKS, "if answer := self._unclosed_answer():", 'if answer := "":'),
        "no-tag-at-all",
    ),
    Rescue(
        "calls-cut-from-answers",
        (CHUNKS, "return self._cut.pass_on(text) if self._answer_expected else text", "return text"),
        "call-in-the-answer",
    ),
    Rescue(
        "second-closing-tag",
        (CHUNKS, "thinking, text = self._tags.split(content)", 'thinking, text = "", content'),
        "thought-closed-twice",
    ),
    Rescue(
        "no-tools-with-the-answer",
        (
            "agent/request.py",
            "if prompt.tools and quirks.tools",
            f"prompt = replace(prompt, tools={PLANNERS})\n    if quirks.tools",
        ),
        "fences",
    ),
)
