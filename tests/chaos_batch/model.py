"""The model server of the chaos rounds, in a process of its own, with a log of its own.

    python -m tests.chaos_batch.model PORT LOG SECONDS

It answers each request within 0.5 to 1.5 times SECONDS. LOG gets a line of JSON, {"seconds", "row"}, for each request
when it comes: the row is found in the prompt (`row-3-17`), and the clock is the machine's.
"""

import asyncio
import json
import os
import random
import re
import sys
import time
from pathlib import Path
from typing import Any

from tests.fake_model import FakeModel, Reply

ROW = re.compile(r"row-\d+-\d+")
CHUNKS = 4
ANSWER = "Debian is upgraded with apt full-upgrade after the sources were changed.[citation:1]"


def main(port: int, log: Path, seconds: float) -> None:
    """Serves until it is killed."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def script(request: dict[str, Any]) -> Reply:
        found = ROW.search(json.dumps(request["messages"]))
        line = {"seconds": time.time(), "row": found[0] if found else ""}
        os.write(out, json.dumps(line).encode() + b"\n")  # one write to a file that is appended to: never torn
        return Reply(ANSWER, cut=200, pause=seconds * random.uniform(0.5, 1.5) / CHUNKS)

    asyncio.run(FakeModel(script, port=port).serve(lambda: print("ready", flush=True), asyncio.Event()))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
