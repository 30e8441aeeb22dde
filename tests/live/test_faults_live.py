"""Every row of the table of errors on the real SGLang, streamed and not."""

from urllib.parse import urlsplit

import pytest

from tests.live import samples
from tests.live.conftest import Kept
from tests.live.faults import FAULTS, Fault, end_of
from tests.live.relay import relay

WAYS = [(fault, stream) for fault in FAULTS for stream in (True, False)]


@pytest.mark.parametrize(
    ("fault", "stream"), WAYS, ids=[f"{fault.name}-{'streamed' if stream else 'whole'}" for fault, stream in WAYS]
)
async def test_each_error_ends_as_the_table_says(
    fault: Fault, stream: bool, servers: dict[int, str], key: str, kept: Kept
) -> None:
    if fault.interval not in servers:
        pytest.skip(f"no server with --stream-interval {fault.interval} was started")
    direct = servers[fault.interval]
    place = urlsplit(direct)
    async with relay(str(place.hostname), int(place.port or 0), models=bool(fault.key)) as standing:
        ended = await end_of(fault, standing.url, direct, key, stream)
    row = {"case": fault.name, "fact": fault.fact, "streamed": stream, "interval": fault.interval, "ended": ended}
    row |= {"passed": ended == fault.ended, "requests": len(standing.exchanges)}
    kept.rows.append({**row, "bytes": standing.bytes, "sha256": standing.sha256})
    if ended == fault.ended and fault.replayed:
        responses = tuple(exchange.response.decode() for exchange in standing.exchanges)
        kept.faults.append(
            samples.Sample(fault.name, stream, fault.interval, samples.SGLANG, standing.sha256, responses)
        )
    assert ended == fault.ended
