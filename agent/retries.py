"""Asking the model server again: the one layer that does, and when it stops asking at all.

A reply is asked for again only before its first delta was delivered, only for faults that a second try can mend, only
while the server's budget lasts and only within the time that is left. A server that fails again and again is left
alone by its circuit breaker until one probe has come through. stamina runs the loop, logs and counts it; the pauses
are ours, because the server may name them.
"""

import math
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

import stamina

from agent.delta import Delta, Generate
from agent.errors import ModelDown
from agent.prompt import Prompt

MENDABLE = frozenset(
    {"unreachable", "timeout", "broken_stream"} | {f"http_{status}" for status in (408, 429, 500, 502, 503, 504)}
)
"""Reasons that a second try can mend, before anything was delivered. A request that was wrong stays wrong."""
ILLNESS = MENDABLE | {"stalled", "server_error"}
"""Reasons that speak against the server's health, also when they come half-way."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class RetryRules:
    """How often and how long one request is asked for again. Times in seconds.

    attempts: the first one included; 1: none is repeated
    seconds:  all pauses of a request together; a server that names a longer one is not waited for
    """

    attempts: int = 3
    seconds: float = 10.0
    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 4.0


class RetryBudget:
    """Retries of all requests to one server together: `reserve` at first, then `share` of one for each reply that
    came. While nothing comes, nothing is earned, so an outage is not made worse (gRPC throttles its retries so)."""

    def __init__(self, share: float = 0.1, reserve: float = 5.0) -> None:
        self._share, self._reserve = share, reserve
        self._balance = reserve if share else 0.0

    def earn(self) -> None:
        self._balance = min(self._reserve, self._balance + self._share)

    def spend(self) -> bool:
        """Whether one more retry is allowed; it counts as made."""
        allowed = self._balance >= 1.0 - 1e-9  # ten tenths are one
        self._balance -= allowed
        return allowed


class Breaker:
    """The circuit breaker of one server. closed: all pass; open: none; half_open: one, the probe, and the others wait
    for what becomes of it. It opens after `failures` in a row, for `seconds`."""

    def __init__(self, failures: int = 5, seconds: float = 15.0, clock: Clock = time.monotonic) -> None:
        self._limit, self._seconds, self._clock = failures, seconds, clock
        self._failed = 0
        self._last = ""
        self._until = -math.inf
        self._open = False
        self._probe: Admission | None = None

    @property
    def state(self) -> Literal["closed", "open", "half_open"]:
        if not self._open:
            return "closed"
        return "open" if self._clock() < self._until else "half_open"

    def admit(self) -> "Admission":
        """Raises ModelDown(`circuit_open`) at once where the server is to be left alone."""
        state = self.state
        if state == "open" or (state == "half_open" and self._probe is not None):
            left = max(1, math.ceil(self._until - self._clock()))
            raise ModelDown(
                "circuit_open",
                f"the model server failed {self._failed} times in a row (last: {self._last}); "
                f"it is tried again in {left} s",
            )
        admission = Admission(self)
        if state == "half_open":
            self._probe = admission
        return admission

    def answers(self, admission: "Admission") -> None:
        """A first delta: enough to close after a probe, not enough to forget failures half-way."""
        if admission is self._probe:
            self._open, self._probe, self._failed = False, None, 0

    def finished(self) -> None:
        if not self._open:
            self._failed = 0

    def failed(self, admission: "Admission", reason: str) -> None:
        self._failed += 1
        self._last = reason
        if admission is self._probe or (not self._open and self._failed >= self._limit):
            self._open, self._until = True, self._clock() + self._seconds
        self.left(admission)

    def left(self, admission: "Admission") -> None:
        """The request is over. A probe whose caller left has shown nothing: the next one may probe."""
        if admission is self._probe:
            self._probe = None


class Admission:
    """One request that the breaker let pass."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker

    def answers(self) -> None:
        self._breaker.answers(self)

    def finished(self) -> None:
        self._breaker.finished()

    def failed(self, reason: str) -> None:
        self._breaker.failed(self, reason)

    def left(self) -> None:
        self._breaker.left(self)


class PatientModel:
    """A Generate over another one that asks again where that may help. breaker and budget: of the one server that
    all questions share, made by the composition root."""

    def __init__(self, generate: Generate, rules: RetryRules, breaker: Breaker, budget: RetryBudget) -> None:
        self._generate, self._rules, self._breaker, self._budget = generate, rules, breaker, budget

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Raises ModelDown: the last attempt's, or `circuit_open`. Close it (aclosing) to stop the model."""
        caller = stamina.AsyncRetryingCaller(attempts=self._rules.attempts, timeout=None)
        patience = _Patience(self._rules, self._budget, prompt.deadline)
        first, rest = await caller(patience, self._begun, prompt)
        async with aclosing(rest):
            if first is not None:
                yield first
            async for delta in rest:
                yield delta

    async def _begun(self, prompt: Prompt) -> tuple[Delta | None, AsyncGenerator[Delta, None]]:
        """One attempt, up to its first delta."""
        deltas = self._attempt(prompt)
        try:
            return await anext(deltas, None), deltas
        except BaseException:
            await deltas.aclose()
            raise

    async def _attempt(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        admission = self._breaker.admit()
        try:
            async with aclosing(self._generate(prompt)) as deltas:
                async for delta in deltas:
                    admission.answers()
                    yield delta
            admission.finished()
            self._budget.earn()
        except ModelDown as down:
            if down.reason in ILLNESS:
                admission.failed(down.reason)
            raise
        finally:
            admission.left()


class _Patience:
    """stamina's hook for one request: the pause before the next attempt in seconds, or False for no other one."""

    def __init__(self, rules: RetryRules, budget: RetryBudget, deadline: float) -> None:
        self._rules, self._budget = rules, budget
        self._until = min(deadline, time.monotonic() + rules.seconds)
        self._made = 0

    def __call__(self, error: Exception) -> bool | float:
        self._made += 1
        if not isinstance(error, ModelDown) or error.reason not in MENDABLE or self._made >= self._rules.attempts:
            return False
        pause = self._pause(error.retry_after)
        if time.monotonic() + pause >= self._until or not self._budget.spend():
            return False
        return pause

    def _pause(self, named: float) -> float:
        """At least what the server named; the rest is chance, so that those who failed together part."""
        longest = min(self._rules.longest_pause_seconds, self._rules.first_pause_seconds * 2 ** (self._made - 1))
        return named + random.uniform(0, longest)
