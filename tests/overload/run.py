"""Five times as many questions as the service can answer, for a minute; then a stop while streams run. `make overload`.

    python -m tests.overload.run [SECONDS]

The service is a process of its own with a scripted model server. First its peak: as many callers as it has places, each
asking again as soon as it is answered. Then questions come at five times that rate, whatever becomes of earlier ones.
Prints the figures beside their goals; the exit code is 1 when one is missed.
"""

import asyncio
import json
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.contracts.service import KEY, Running, running
from tests.fake_model import Body, Reply

PLACES = 6
PEAK_SECONDS, OVERLOAD_SECONDS, TIMES = 20.0, 60.0, 5
DEADLINE_SECONDS = 8.0
GRACE_SECONDS = 0.5  # between the deadline and the caller's clock
ANSWER = ("The moon pulls the sea[citation:1]. ",) * 12
SETTINGS = {
    "KAOZHENG_MAX_CONCURRENT_ANSWERS": str(PLACES),
    "KAOZHENG_QUICK_SECONDS": str(DEADLINE_SECONDS),
    "KAOZHENG_LOG_LEVEL": "warning",
}


def slow(_request: Body) -> Reply:
    """An answer of about 1.5 seconds, most of which is waiting for the model."""
    return Reply(ANSWER, "Page 1 says it.", pause=0.1)


@dataclass(frozen=True)
class Outcome:
    """seconds: from the first byte of the request to the last one of the response; retry: Retry-After was there;
    status: 0 for a connection that was reset or closed before its response was whole."""

    status: int
    seconds: float
    retry: bool = False
    body: bytes = b""

    @property
    def good(self) -> bool:
        return self.status == 200 and self.seconds <= DEADLINE_SECONDS + GRACE_SECONDS


async def ask(url: str, number: int, *, stream: bool = False) -> Outcome:
    """One question over a connection of its own, by hand: a client library would measure itself."""
    host, _, port = url.removeprefix("http://").partition(":")
    body = json.dumps({"question": f"What causes tides ({number})?", "depth": "quick", "stream": stream}).encode()
    head = (
        f"POST /v1/answers HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    began = time.perf_counter()
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head.encode() + body)
        answered = await asyncio.wait_for(reader.read(), DEADLINE_SECONDS + 30)
        writer.close()
    except (OSError, TimeoutError):
        return Outcome(0, time.perf_counter() - began)
    seconds = time.perf_counter() - began
    status, whole = _status(answered)
    return Outcome(status if whole else 0, seconds, b"\r\nretry-after:" in answered.lower(), answered)


def _status(answered: bytes) -> tuple[int, bool]:
    """And whether the response came to its end."""
    head, _, body = answered.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 "):
        return 0, False
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    whole = len(body) == int(lengths[0].split(b":")[1]) if lengths else body.endswith(b"0\r\n\r\n")
    return int(head[9:12]), whole


async def peak(service: Running, seconds: float) -> list[Outcome]:
    """As many callers as there are places, each asking again as soon as it is answered."""
    until, outcomes = time.perf_counter() + seconds, list[Outcome]()

    async def caller(number: int) -> None:
        while time.perf_counter() < until:
            outcomes.append(await ask(service.url, number))

    await asyncio.gather(*(caller(number) for number in range(PLACES)))
    return outcomes


async def flood(service: Running, rate: float, seconds: float) -> list[Outcome]:
    """Questions at this rate a second, whatever becomes of the earlier ones."""
    began, asking = time.perf_counter(), list[asyncio.Task[Outcome]]()
    while (now := time.perf_counter() - began) < seconds:
        while len(asking) < now * rate:
            asking.append(asyncio.create_task(ask(service.url, len(asking))))
        await asyncio.sleep(0.2 / rate)
    return list(await asyncio.gather(*asking))


async def stopped(service: Running) -> tuple[list[Outcome], float, int]:
    """SIGTERM while every place streams: what became of the streams, after how many seconds it was over, exit code."""
    streams = [asyncio.create_task(ask(service.url, number, stream=True)) for number in range(PLACES)]
    await asyncio.sleep(0.7)
    service.process.send_signal(signal.SIGTERM)
    began = time.perf_counter()
    code = await asyncio.to_thread(service.process.wait, 60)
    seconds = time.perf_counter() - began
    return list(await asyncio.gather(*streams)), seconds, code


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    goal: str
    met: bool


def share(values: Sequence[float], part: float) -> float:
    """A quantile, in milliseconds."""
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] * 1_000


def overload_figures(calm: list[Outcome], calm_seconds: float, hot: list[Outcome], hot_seconds: float) -> list[Figure]:
    best = sum(each.good for each in calm) / calm_seconds
    goodput = sum(each.good for each in hot) / hot_seconds
    refused = [each for each in hot if each.status in (429, 503)]
    times = [each.seconds for each in refused]
    late = sum(each.status == 200 and not each.good for each in hot)
    others = sum(each.status not in (200, 429, 503) for each in hot)
    return [
        Figure("peak, answers a second", best, "", True),
        Figure(
            "asked, times the peak",
            len(hot) / hot_seconds / best,
            f">= {TIMES * 0.95}",
            len(hot) / hot_seconds / best >= TIMES * 0.95,
        ),
        Figure("goodput, percent of the peak", 100 * goodput / best, ">= 90", goodput >= 0.9 * best),
        Figure("refusals", len(refused), "> 0", bool(refused)),
        Figure("refusal, median ms", share(times, 0.5), "<= 50", share(times, 0.5) <= 50),
        Figure("refusal, 99 % ms", share(times, 0.99), "<= 50", share(times, 0.99) <= 50),
        Figure(
            "refusals without Retry-After",
            sum(not each.retry for each in refused),
            "0",
            all(each.retry for each in refused),
        ),
        Figure("answered after the deadline", late, "0", not late),
        Figure("resets and other ends", others, "0", not others),
        Figure("answer, median ms", statistics.median(e.seconds for e in hot if e.status == 200) * 1_000, "", True),
    ]


def stop_figures(streams: list[Outcome], seconds: float, code: int) -> list[Figure]:
    broken = sum(each.status != 200 for each in streams)
    ended = sum(b"event: answered" in each.body or b"event: cancelled" in each.body for each in streams)
    return [
        Figure("SIGTERM: seconds to the end", seconds, "<= 30", seconds <= 30),
        Figure("SIGTERM: streams reset", broken, "0", not broken),
        Figure("SIGTERM: streams with their last event", ended, str(len(streams)), ended == len(streams)),
        Figure("SIGTERM: exit code", code, "0", code == 0),
    ]


async def measured(service: Running, seconds: float) -> list[Figure]:
    await peak(service, 3)  # what is loaded at the first question
    began = time.perf_counter()
    calm = await peak(service, PEAK_SECONDS)
    calm_seconds = time.perf_counter() - began
    rate = TIMES * sum(each.good for each in calm) / calm_seconds
    hot = await flood(service, rate, seconds)
    streams, stop_seconds, code = await stopped(service)
    return overload_figures(calm, calm_seconds, hot, seconds) + stop_figures(streams, stop_seconds, code)


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else OVERLOAD_SECONDS
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "service", slow, **SETTINGS) as service:
        figures = asyncio.run(measured(service, seconds))
    for each in figures:
        print(f"{'ok  ' if each.met else 'MISS'} {each.name:42} {each.value:10.1f}   {each.goal}")
    return int(not all(each.met for each in figures))


if __name__ == "__main__":
    sys.exit(main())
