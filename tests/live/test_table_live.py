"""Every row of the table of cases, streamed and not, with each --stream-interval: it ends as the table says."""

from urllib.parse import urlsplit

import pytest

from tests.live import samples
from tests.live.cases import ANSWERS, PLANS, Case
from tests.live.conftest import INTERVALS, Kept
from tests.live.ending import end_of
from tests.live.relay import Relay, relay

TABLED = [case for case in (*ANSWERS, *PLANS) if case.name not in ("echo", "long")]
WAYS = [(case, True, interval) for interval in INTERVALS for case in TABLED if case.tools or interval == 1]
WAYS += [(case, False, 1) for case in TABLED if not case.most_bytes]  # only a stream can be cut
KEPT_BYTES = 60_000


@pytest.mark.parametrize(
    ("case", "stream", "interval"),
    WAYS,
    ids=[f"{case.name}-{interval if stream else 'whole'}" for case, stream, interval in WAYS],
)
async def test_each_case_ends_as_the_table_says(
    case: Case, stream: bool, interval: int, servers: dict[int, str], key: str, kept: Kept
) -> None:
    if interval not in servers:
        pytest.skip(f"no server with --stream-interval {interval} was started")
    place = urlsplit(servers[interval])
    async with relay(str(place.hostname), int(place.port or 0)) as standing:
        ended = await end_of(case, standing.url, key, stream)
    failures = ended.failures(case, standing.bytes)
    row = {"case": case.name, "fact": case.fact, "streamed": stream, "interval": interval, "ended": ended.outcome}
    row |= {"calls": ended.calls, "passed": not failures, "requests": len(standing.exchanges)}
    kept.rows.append({**row, "bytes": standing.bytes, "sha256": standing.sha256})
    if standing.bytes < KEPT_BYTES and not failures:
        kept.streams.append(_sample(case, stream, interval, standing))
    assert failures == []


def _sample(case: Case, stream: bool, interval: int, standing: Relay) -> samples.Sample:
    responses = tuple(exchange.response.decode() for exchange in standing.exchanges)
    return samples.Sample(case.name, stream, interval, samples.SGLANG, standing.sha256, responses)
