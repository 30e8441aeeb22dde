"""The table of the model server's faults, R01 to R16, and what a question must come to under each.

An outcome is `answered` (by the model, whole), `partial` (what was shown is kept and marked), `quoted` (by the quoting
reader, with the reason), or `failed` (a typed failure, where the operator forbids quoting).
"""

from dataclasses import dataclass

from tests.chaos.proxy import CALM, Mischief

QUEUE = {"object": "error", "message": "The request queue is full.", "type": "SERVICE_UNAVAILABLE", "code": 503}
POOL = "Input length (70004 tokens) exceeds the maximum allowed length (65530 tokens). Use a shorter input."
CONTEXT = {"object": "error", "message": POOL, "type": "BAD_REQUEST", "param": None, "code": 400}
BROKE = {"object": "error", "message": "/usr/lib/scheduler.py broke", "code": 500}
AT_ALL = ("quoted", "failed")  # with quoting allowed, and without
IN_SPITE = ("answered", "answered")
KEPT = ("partial", "partial")


@dataclass(frozen=True)
class Case:
    """One way in which a fault may come. outcomes: where quoting is allowed, and where it is not.

    where: `proxy`, `refused` (nobody listens) or `tls` (the address says https, the server does not speak it)
    seconds: the time-out that ends it; it must be over one second later
    requests: how often the server may be asked at most
    """

    id: str
    fault: str
    mischief: Mischief = CALM
    outcomes: tuple[str, str] = IN_SPITE
    where: str = "proxy"
    seconds: float = 0.0
    requests: int = 1
    endless_reasoning: bool = False


FIRST_TOKEN_SECONDS, SILENT_SECONDS, RETRY_SECONDS, QUESTION_SECONDS = 1.5, 1.0, 0.5, 10.0


def status(id_: str, fault: str, code: int, body: dict[str, object], requests: int = 3) -> tuple[Case, Case]:
    """The same fault for good, and once."""
    refusing = Mischief(status=code, body=body)
    return (
        Case(id_, fault, refusing, AT_ALL, seconds=RETRY_SECONDS, requests=requests),
        Case(id_, f"{fault}, once", Mischief(status=code, body=body, times=1), seconds=RETRY_SECONDS, requests=2),
    )


CASES = (
    Case("R01", "refused", where="refused", outcomes=AT_ALL, seconds=RETRY_SECONDS),
    Case("R01", "reset at once", Mischief("reset"), AT_ALL, seconds=RETRY_SECONDS, requests=3),
    Case("R01", "reset at once, once", Mischief("reset", times=1), seconds=RETRY_SECONDS, requests=2),
    *status("R02", "500", 500, BROKE),
    *status("R03", "503 queue full", 503, QUEUE),
    Case("R03", "queue full in the stream", Mischief("error", body=QUEUE), AT_ALL, seconds=RETRY_SECONDS, requests=3),
    Case("R03", "queue full in the stream, once", Mischief("error", body=QUEUE, times=1), seconds=1, requests=2),
    *status("R04", "429", 429, {"error": {"message": "Rate limit reached"}}),
    Case(
        "R04",
        "429 with a Retry-After that is too long",
        Mischief(status=429, headers=("retry-after: 60",)),
        AT_ALL,
        requests=1,
    ),
    *status("R05", "400 context too long", 400, CONTEXT, requests=2),
    Case("R05", "400 for another reason", Mischief(status=400, body={"message": "bad"}), AT_ALL, requests=1),
    Case("R06", "TLS error", where="tls", outcomes=AT_ALL, seconds=RETRY_SECONDS),
    Case("R07", "no answer at all", Mischief("silence"), AT_ALL, seconds=FIRST_TOKEN_SECONDS),
    Case("R07", "stall before the first token", Mischief("stall"), AT_ALL, seconds=FIRST_TOKEN_SECONDS),
    Case("R07", "stall after the role", Mischief("stall", at=1), AT_ALL, seconds=FIRST_TOKEN_SECONDS),
    Case("R08", "stall in the reasoning", Mischief("stall", "thinking"), AT_ALL, seconds=SILENT_SECONDS),
    Case("R08", "stall in the text", Mischief("stall", "text"), KEPT, seconds=SILENT_SECONDS),
    Case("R09", "cut in the reasoning", Mischief("cut", "thinking"), AT_ALL),
    Case("R09", "cut in the text", Mischief("cut", "text"), KEPT),
    Case("R09", "reset in the text", Mischief("reset", "text"), KEPT),
    Case("R09", "cut before the finish", Mischief("cut", "end"), KEPT),
    Case("R09", "finished, without [DONE]", Mischief(without_done=True)),
    Case("R10", "malformed chunk at once", Mischief("garble"), AT_ALL, seconds=RETRY_SECONDS, requests=3),
    Case("R10", "malformed chunk in the text", Mischief("garble", "text"), KEPT),
    Case("R11", "finish abort", Mischief(finish="abort"), KEPT),
    Case("R11", "finish length", Mischief(finish="length"), KEPT),
    Case("R12", "200 with an error in the stream", Mischief("error", body=BROKE), AT_ALL, seconds=1, requests=3),
    Case("R12", "an error in the text", Mischief("error", "text", body=BROKE), KEPT),
    Case(
        "R12",
        "200 with an error as its body",
        Mischief(status=200, body={"error": BROKE}),
        AT_ALL,
        seconds=1,
        requests=3,
    ),
    Case("R13", "usage missing", Mischief(without_usage=True)),
    Case("R14", "server killed in the reasoning", Mischief("kill", "thinking", times=1), AT_ALL),
    Case("R14", "server killed in the text", Mischief("kill", "text", times=1), KEPT),
    Case(
        "R15",
        "reasoning never ends",
        seconds=QUESTION_SECONDS / 2,
        requests=2,
        endless_reasoning=True,
    ),
)
