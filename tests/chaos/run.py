"""`make chaos-model`: the whole table, more often and at more places, with its outcomes as JSON lines.

    python -m tests.chaos.run [--short] [--url http://HOST:PORT/v1 --key KEY]

With --url the proxy stands before that server (the SGLang of tests/live) instead of the fake one.
The last line is `chaos: PASSED/16`.
"""

import argparse
import asyncio
import json
import logging
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

import structlog

from agent.profile_files import profile_of
from tests.chaos.cases import AT_ALL, CASES, IN_SPITE, KEPT, Case
from tests.chaos.leaving import DISCONNECTS, after_leaving
from tests.chaos.outage import after_outage
from tests.chaos.play import Played, Upstream, fake_upstream, play
from tests.chaos.proxy import Mischief

AT_ONCE = 2
MOST_AGAIN, LATE_SECONDS = 2, 0.1  # a quiet machine is late by a hundredth
EVERYWHERE = (*range(1, 32, 3), 32, 33)
FIRST_THOUGHT, FIRST_TEXT, FINISH = 1, 6, 31  # of the fake model's events; 0 is the role, 32 the usage, 33 [DONE]


def wrong(case: Case, degrade: bool, played: Played, calm_seconds: float) -> str:
    """What speaks against the outcome, "" where it is as the table says.

    calm_seconds: what a question takes here when nothing is wrong; the time-out begins within it.
    """
    expected = case.outcomes[0 if degrade else 1]
    if played.outcome != expected:
        return f"{case.fault}: {played.outcome} ({played.detail}) instead of {expected}"
    if played.seconds - played.late_seconds > calm_seconds + case.seconds + 1.0:
        late = f" ({played.late_seconds:.2f} s of them this machine let us wait)"
        return f"{case.fault}: ended after {played.seconds:.2f} s{late}, its time-out is {case.seconds} s"
    if played.requests > case.requests:
        return f"{case.fault}: {played.requests} requests instead of {case.requests}"
    if played.outcome == "quoted" and ": " not in played.detail:
        return f"{case.fault}: the reason is not said in words"
    return "a path of the server was shown" if "/usr" in played.detail + played.text else ""


async def calm(upstream: Upstream) -> float:
    played = [await play(Case("R00", "nothing"), upstream, True, True) for _ in range(4)]
    assert {each.outcome for each in played} == {"answered"}, played
    return max(each.seconds for each in played)


async def play_case(
    case: Case, upstream: Upstream, gate: asyncio.Semaphore, calm_seconds: float
) -> list[tuple[Played, str]]:
    found = []
    for degrade in (True, False):
        for stream in (True, False):
            async with gate:
                found.append(await fairly(case, upstream, (degrade, stream), calm_seconds))
    return found


async def fairly(case: Case, upstream: Upstream, way: tuple[bool, bool], calm_seconds: float) -> tuple[Played, str]:
    """Once; at most twice more where it failed while this machine let us wait, which our time-outs do not know."""
    for again in range(MOST_AGAIN + 1):
        played = await play(case, upstream, *way)
        played.again, failure = again, wrong(case, way[0], played, calm_seconds)
        if not failure or played.late_seconds < LATE_SECONDS:
            break
    return played, failure


def further() -> Iterable[Case]:
    """The same faults at many places of the stream. What had come through before it decides what is right: nothing
    (asked again, save after a silence), reasoning only, words that were shown, or the finish."""
    for event in EVERYWHERE:
        outcomes = AT_ALL if event <= FIRST_TEXT else KEPT if event <= FINISH else IN_SPITE
        for act, name in (("cut", "R09"), ("stall", "R08"), ("reset", "R09"), ("garble", "R10")):
            requests = 3 if event <= FIRST_THOUGHT and act != "stall" else 1
            yield Case(
                name, f"{act} at event {event}", Mischief(act, at=event), outcomes, seconds=1.5, requests=requests
            )


async def table(cases: Iterable[Case], upstream: Upstream, at_once: int) -> dict[str, list[tuple[Played, str]]]:
    gate = asyncio.Semaphore(at_once)
    cases, calm_seconds = tuple(cases), await calm(upstream)
    print(json.dumps({"id": "calm", "seconds": round(calm_seconds, 2)}))
    played = await asyncio.gather(*(play_case(case, upstream, gate, calm_seconds) for case in cases))
    found: dict[str, list[tuple[Played, str]]] = defaultdict(list)
    for case, results in zip(cases, played, strict=True):
        found[case.id] += results
    return found


def line(id_: str, faults: list[str], results: list[tuple[Played, str]]) -> str:
    failures = [failure for _, failure in results if failure]
    told = {
        "id": id_,
        "faults": faults,
        "questions": len(results),
        "outcomes": dict(Counter(played.outcome for played, _ in results)),
        "slowest_seconds": round(max(played.seconds for played, _ in results), 2),
        "played_again": sum(played.again for played, _ in results),
        "most_requests": max(played.requests for played, _ in results),
        "passed": not failures,
    }
    return json.dumps({**told, "failures": failures[:5]} if failures else told, ensure_ascii=False)


async def main(short: bool, upstream: Upstream, real: bool) -> bool:
    cases = [case for case in CASES if not (real and case.mischief.act == "kill")]
    if not short and not real:
        cases += further()
    found = await table(cases, upstream, AT_ONCE)
    passed = 0
    for id_ in sorted(found):
        faults = list(dict.fromkeys(case.fault for case in cases if case.id == id_))
        print(line(id_, faults if len(faults) < 12 else [*faults[:6], f"and {len(faults) - 6} more"], found[id_]))
        passed += not any(failure for _, failure in found[id_])
    for told in (await after_leaving(DISCONNECTS), await after_outage()):
        print(json.dumps(told))
        passed += told["id"] == "R16" and bool(told["passed"])
        if told["id"] != "R16" and not told["passed"]:
            passed -= 1
    print(f"chaos: {passed}/16")
    return passed == 16


async def started(arguments: argparse.Namespace) -> bool:
    if not arguments.url:
        async with fake_upstream() as upstream:
            return await main(arguments.short, upstream, real=False)
    real = Upstream(
        arguments.url,
        arguments.key,
        "Why are there tides? talk:good",
        "Why are there tides? case:thinks-on",
        replace(profile_of("r1-0528-sglang")),
    )
    return await main(arguments.short, real, real=True)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--url", default="")
    parser.add_argument("--key", default="")
    sys.exit(0 if asyncio.run(started(parser.parse_args())) else 1)
