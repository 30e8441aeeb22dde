"""Requests that no client should send: broken JSON, wrong types, numbers without end, surrogates, junk in headers."""

import json
import random
from dataclasses import dataclass
from typing import Any

POSTS = (
    "/v1/answers",
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/responses/resp_x/cancel",
    "/v1/answers/x/cancel",
    "/v1/files",
    "/v1/verify",
    "/v1/batches",
    "/v1/batches/batch_x/cancel",
    "/v1/batches/batch_x/retry",
    "/v1/answers/x/shares",
    "/async/chat/completions",
    "/login",
    "/mcp",
)
FORMS = ("/v1/answers", "/v1/files")
GETS = (
    "/v1/answers/{}",
    "/v1/answers/{}/events",
    "/v1/answers/{}/sources",
    "/v1/answers/{}/sources/{}",
    "/v1/models/{}",
    "/v1/responses/{}",
    "/async/chat/completions/{}",
    "/v1/files/{}",
    "/v1/files/{}/content",
    "/v1/batches/{}",
    "/v1/batches/{}/table?after={}",
    "/v1/batches?after={}&limit={}",
    "/v1/answers/{}/shares",
    "/v1/answers/{}/shares/{}",
    "/v1/shared/{}",
    "/v1/shared/{}/sources/{}",
    "/async/chat/completions?limit={}",
    "/v1/batches/{}/rows?after={}",
    "/v1/files?after={}&limit={}&order=asc",
    "/v1/responses/{}?stream=true&starting_after={}",
)
JUNK = (
    "%00",
    "%ff",
    "%F0%9F%8F%94",
    "..%2f..%2fetc",
    "-1",
    "0",
    "1e9",
    "9" * 400,
    "*",
    "%0d%0aX-A:%20b",
    "resp_",
    "resp_%00",
)
WELL: dict[str, dict[str, Any]] = {
    "/v1/answers": {
        "question": "How high is Mount Tai?",
        "depth": "quick",
        "history": [],
        "files": [{"file_id": "file-0"}],
    },
    "/v1/verify": {
        "text": "It is 1,545 m high[1].",
        "sources": [{"number": 1, "url": "https://a.example/", "title": "A", "text": "It is 1,545 m high."}],
    },
    "/v1/chat/completions": {
        "model": "kaozheng",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "How high is Mount Tai?"},
                    {"type": "file", "file": {"file_data": "data:text/plain;base64,SGk=", "filename": "a.txt"}},
                ],
            }
        ],
        "stream": False,
        "stream_options": {"include_usage": True},
        "search_domain_filter": ["a.example"],
        "search_after_date_filter": "01/01/2025",
    },
    "/async/chat/completions": {
        "request": {"model": "sonar", "messages": [{"role": "user", "content": "How high is it?"}]},
        "idempotency_key": "a",
    },
    "/v1/batches": {
        "input_file_id": "file-0",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"a": "b"},
        "kaozheng": {"not_before": 0, "night": "22:00-06:00 Asia/Shanghai", "ceiling_tokens": 5, "dry_run": True},
    },
    "/v1/answers/x/shares": {"days": 7, "anybody": False},
    "/login": {"key": "kz_x"},
    "/v1/responses": {
        "model": "kaozheng",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "How high is it?"},
                    {"type": "input_file", "file_data": "SGk=", "filename": "a.txt"},
                ],
            }
        ],
        "tools": [{"type": "web_search", "filters": {"allowed_domains": ["a.example"]}}],
        "metadata": {"a": "b"},
        "include": ["web_search_call.action.sources"],
    },
}
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**63,
    -(2**63),
    10**18,
    1.5,
    1e308,
    "",
    " ",
    "\x00",
    "\ud800",
    "\u2028",
    "x" * 9_000,
    "[" * 500,
    [],
    {},
    [[]],
    [None],
    {"": None},
    ["\ud800"],
    {"\ud800": 1},
    [{}] * 200,
    "resp_" + "z" * 32,
    "null",
    "🏔" * 300,
)
HEADERS = (
    ("Content-Type", "application/json; charset=utf-16"),
    ("Content-Type", "text/plain"),
    ("Content-Type", ""),
    ("Content-Type", "multipart/form-data"),
    ("Content-Type", "multipart/form-data; boundary=x"),
    ("Content-Encoding", "gzip"),
    ("Authorization", "Bearer"),
    ("Authorization", "Basic \xff\xfe"),
    ("X-API-Key", "\xe9"),
    ("Last-Event-ID", "x:-1"),
    ("Last-Event-ID", "\xff"),
    ("Accept", "q=;;,"),
    ("Origin", "null"),
    ("Origin", "http://["),
    ("Host", "["),
    ("Idempotency-Key", "\xff" * 300),
    ("Forwarded", "for=1.1.1.1"),
    ("X-Request-Id", "a" * 5_000),
    ("traceparent", "00-\xff"),
    ("Range", "bytes=9-1"),
    ("If-None-Match", '"'),
    ("Cookie", "kaozheng=\xff; =;;"),
    ("X-CSRF-Token", "\xff"),
)


@dataclass(frozen=True)
class Sent:
    """target: path and query, percent-encoded; headers: in latin-1."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def malformed(random_: random.Random) -> Sent:
    """One request; most of them have exactly one fault."""
    if random_.random() < 0.2:
        path = random_.choice(GETS)
        target = path.format(*(random_.choice(JUNK) for _ in range(2)))
        return Sent(random_.choice(("GET", "DELETE", "HEAD")), target.encode(), _headers(random_), b"")
    if random_.random() < 0.15:
        return _form(random_)
    path = random_.choice(POSTS)
    well = WELL.get(path, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "answer"}})
    text = json.dumps(_with_fault(well, random_))
    body = _broken(text, random_) if random_.random() < 0.5 else text.encode("utf-8", "surrogatepass")
    headers = _headers(random_) or ((b"Content-Type", b"application/json"),)
    return Sent("POST", path.encode(), headers, body)


def _form(random_: random.Random) -> Sent:
    """multipart/form-data with a fault in its parts, its boundary or its end."""
    path, boundary = random_.choice(FORMS), random_.choice((b"x", b"x" * 80, b"\xff", b"", b"x y"))
    said = json.dumps(_with_fault({"question": "How high is it?", "depth": "quick"}, random_))
    strange = random_.choice(("form-data", "", "form-data; name", "x; name=" + "y" * 9_000, 'form-data; name="\xe9"'))
    parts = [
        ('form-data; name="request"', said.encode("utf-8", "surrogatepass")),
        ('form-data; name="files"; filename="a.txt"', b"Mount Tai"),
        ('form-data; name="file"; filename="\xff\x00/../a.jsonl"', b'{"custom_id": 1}\n'),
        ('form-data; name="purpose"', random_.choice((b"batch", b"user_data", b"", b"\xff"))),
        ('form-data; name="expires_after[seconds]"', random_.choice((b"3600", b"-1", b"9" * 400))),
        (strange, b"z"),
    ]
    chosen = random_.sample(parts, random_.randrange(len(parts) + 1))
    pieces = [b"--x\r\nContent-Disposition: " + head.encode("latin-1") + b"\r\n\r\n" + body for head, body in chosen]
    whole = b"\r\n".join([*pieces, random_.choice((b"--x--\r\n", b"--x--", b"--x", b""))])
    kind = b"multipart/form-data; boundary=" + (b"x" if random_.random() < 0.8 else boundary)
    return Sent("POST", path.encode(), ((b"Content-Type", kind),), whole[: random_.randrange(len(whole) + 1) or None])


def _headers(random_: random.Random) -> tuple[tuple[bytes, bytes], ...]:
    if random_.random() < 0.8:
        return ()
    name, value = random_.choice(HEADERS)
    return ((name.encode(), value.encode("latin-1")),)


def _with_fault(value: Any, random_: random.Random) -> Any:
    """The same value; somewhere in it stands one that does not belong there."""
    if isinstance(value, dict) and value and random_.random() < 0.9:
        name = random_.choice(sorted(value))
        if random_.random() < 0.1:
            return {key: each for key, each in value.items() if key != name}
        return {**value, name: _with_fault(value[name], random_)}
    if isinstance(value, list) and value and random_.random() < 0.6:
        return [_with_fault(value[0], random_), *value[1:]]
    return random_.choice(VALUES)


def _broken(text: str, random_: random.Random) -> bytes:
    whole = text.encode("utf-8", "surrogatepass")
    at = random_.randrange(len(whole) + 1)
    match random_.randrange(8):
        case 0:
            return whole[:at]
        case 1:
            return whole[:at] + bytes([random_.randrange(256)]) + whole[at:]
        case 2:
            return whole.replace(b"null", b"NaN") + b" "
        case 3:
            return b'{"a":' * random_.choice((10, 500, 900, 990, 1_100, 30_000)) + whole
        case 4:
            deep = random_.choice((100, 480, 700, 950, 20_000))
            return whole[:-1] + b', "zz": ' + b"[" * deep + b"]" * deep + b"}"
        case 5:
            return whole[:-1] + b', "zz": 1' + b"0" * random_.choice((20, 5_000)) + b"}"
        case 6:
            return text.encode(random_.choice(("utf-16", "utf-32", "utf-8-sig")), "surrogatepass")
        case _:
            return whole + whole
