"""How much fits into a model's context: the template, a page, an answer. All in tokens."""

from collections.abc import AsyncGenerator
from dataclasses import replace

from agent.delta import Delta, Generate
from agent.errors import ModelDown
from agent.limits import DepthLimits, Limits
from agent.prompt import Prompt
from workers.settings import Settings

_TEMPLATE = 1_600  # the vendor's template, the longer of the two, with the system line (agent/nodes/write.py)
_PAGE = 1_600  # the least that is worth showing of all pages together
_QUESTION = 500
_AROUND_EACH_PAGE = 80
_ANSWER = 512  # the shortest answer with its reasoning
LEAST_TOKENS = _TEMPLATE + _PAGE + _QUESTION + 12 * _AROUND_EACH_PAGE + _ANSWER


def least_needed(settings: Settings) -> int:
    """What a normal question would like: template, pages and answer as the settings have them."""
    return _TEMPLATE + _QUESTION + settings.page_tokens + settings.answer_tokens


def fitted(limits: DepthLimits, context_tokens: int) -> DepthLimits:
    """The same limits with an answer that leaves room for pages: at most two thirds of what the template leaves."""
    room = context_tokens - _TEMPLATE - _PAGE - _QUESTION - limits.pages * _AROUND_EACH_PAGE
    return replace(limits, answer_tokens=min(limits.answer_tokens, max(_ANSWER, room * 2 // 3)))


def plan_tokens(context_tokens: int) -> int:
    """Of one planner turn: a quarter of a small context."""
    return min(Limits().plan_tokens, max(_ANSWER, context_tokens // 4))


def too_small(context_tokens: int) -> ModelDown:
    return ModelDown(
        "context_too_small",
        f"the model's context of {context_tokens:,} tokens cannot hold the prompt with a page and an answer "
        f"({LEAST_TOKENS:,}); start the server with a longer one (SGLang: --context-length)",
    )


def refusing(context_tokens: int) -> Generate:
    """Stands for a model that cannot be used: every question is answered as if its server were down."""

    async def generate(prompt: Prompt) -> AsyncGenerator[Delta, None]:
        if prompt.messages:  # always: what follows makes this a generator
            raise too_small(context_tokens)
        yield Delta()

    return generate
