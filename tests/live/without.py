"""Switches rescues off, one at a time, and shows that the case named for each turns red.

    python -m tests.live.without RESCUE|all [--server INTERVAL=URL …] [--key KEY]

Without a server the recorded bytes play it (`all`: of the cases that were recorded). The last line is
`without: ALL/ALL turn red`; the exit status is 1 when a case stays green. Works on a copy of agent/; nothing of the
project is changed.
"""

import argparse
import asyncio
import importlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.live import samples
from tests.live.cases import CASES
from tests.live.relay import relay
from tests.live.replay import replaying
from tests.live.rescues import RESCUES, Rescue

ROOT = Path(__file__).parents[2]


@contextmanager
def _switched_off(rescue: Rescue) -> Iterator[Any]:
    """tests.live.ending, with a copy of agent/ beneath it in which the rescue does nothing."""
    name, working, idle = rescue.off
    mine = {each: sys.modules.pop(each) for each in list(sys.modules) if _of_agent(each)}
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "agent", Path(folder) / "agent", ignore=shutil.ignore_patterns("__pycache__"))
        (Path(folder) / "templates").symlink_to(ROOT / "templates")
        text = (Path(folder) / name).read_text(encoding="utf-8")
        assert text.count(working) == 1, f"{rescue.name}: {name} holds {text.count(working)} times {working!r}"
        (Path(folder) / name).write_text(text.replace(working, idle), encoding="utf-8")
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            yield importlib.import_module("tests.live.ending")
        finally:
            sys.path.remove(folder)
            for each in [each for each in sys.modules if _of_agent(each)]:
                del sys.modules[each]
            sys.modules.update(mine)
            importlib.invalidate_caches()


def _of_agent(name: str) -> bool:
    return name == "agent" or name.startswith("agent.") or name == "tests.live.ending"


async def _failures(rescue: Rescue, ending: Any, servers: dict[int, str], key: str) -> list[str]:
    case = CASES[rescue.case]
    sample = None if servers else _sample(rescue)
    try:
        if sample is None:
            host, _, port = servers[rescue.interval or 1].split("/")[2].partition(":")
            async with relay(host, int(port)) as standing:
                ended = await ending.end_of(case, standing.url, key, rescue.streamed)
                return list(ended.failures(case, standing.bytes))
        async with replaying(sample) as replay:
            ended = await ending.end_of(case, replay.url, key, rescue.streamed)
            return list(ended.failures(case, sum(len(each.encode()) for each in sample.responses)))
    except Exception as error:  # noqa: BLE001 - whatever a planted fault breaks, the case is red
        return [f"{type(error).__name__}: {error}"]


def _sample(rescue: Rescue) -> samples.Sample:
    """Raises LookupError: a case that was never recorded shows nothing."""
    found = [sample for sample in samples.read() if sample.name == rescue.recorded_as]
    if not found:
        raise LookupError(f"{rescue.recorded_as} was not recorded; run tests/live/run --keep")
    return found[0]


def switched_off(rescue: Rescue, servers: dict[int, str], key: str = "") -> list[str]:
    """What is wrong with the rescue's case while it is off."""
    with _switched_off(rescue) as ending:
        return asyncio.run(_failures(rescue, ending, servers, key))


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("rescue", choices=["all", *(rescue.name for rescue in RESCUES)])
    parser.add_argument("--server", action="append", default=[])
    parser.add_argument("--key", default="")
    given = parser.parse_args(words)
    servers = {int(interval): url for interval, _, url in (each.partition("=") for each in given.server)}
    names = {sample.name for sample in samples.read()}
    wanted = [
        rescue
        for rescue in RESCUES
        if given.rescue == rescue.name or (given.rescue == "all" and (servers or rescue.recorded_as in names))
    ]
    red = 0
    for rescue in wanted:
        failures = switched_off(rescue, servers, given.key)
        red += bool(failures)
        row = {"without": rescue.name, "case": rescue.case, "interval": rescue.interval, "red": failures}
        print(json.dumps(row, ensure_ascii=False))
    print(f"without: {red}/{len(wanted)} turn red")
    return 0 if red == len(wanted) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
