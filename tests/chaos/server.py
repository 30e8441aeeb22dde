"""The fake model in a process of its own: `python -m tests.chaos.server PORT`. It says so when it listens."""

import asyncio
import sys

from tests.fake_model import Body, FakeModel, Reply

TEXT = "The moon pulls the sea twice a day[citation:1]. The sun adds to the tides at new moon[citation:2]."


def script(body: Body) -> Reply:
    """A short thought and an answer; a thought without an end until the answer is asked for."""
    told = str(body["messages"])
    if "endlessly" in told and "continue_final_message" not in body and "write the final answer at once" not in told:
        return Reply(reasoning="hm, " * 6_000, cut=12)
    return Reply(TEXT, "Two pages say so.", pause=0.001)


if __name__ == "__main__":
    server = FakeModel(script, port=int(sys.argv[1]))
    asyncio.run(server.serve(lambda: print("listening", flush=True), asyncio.Event()))
