"""Pages come through tools/http.py only: no other file may reach the network by itself.

Gradio's guard was sound, and one bare `httpx.get` beside it was the hole (GHSA-3xvj-7669-6whx).
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NETWORK = frozenset(
    {"httpx", "httpx2", "httpcore", "requests", "aiohttp", "urllib3", "urllib.request", "http.client", "socket"}
    | {"ftplib", "smtplib", "telnetlib", "primp", "curl_cffi", "pycurl", "asyncssh", "websockets"}
)
ALLOWED = {
    "tools/http.py": {"httpx", "httpcore"},
    "tools/dialling.py": {"httpcore"},
    "tools/browser_proxy.py": {"httpcore"},  # a tunnel for Chromium, dialled by the door's own backend
    "tools/resolver.py": {"socket", "getaddrinfo"},
}
OPERATOR_ENDPOINTS = ("tools/engines/", "tools/operator.py", "agent/model.py", "workers/")
"""These reach addresses that come from settings, never from a page; they have clients of their own."""
CALLS = frozenset({"open_connection", "create_connection", "getaddrinfo", "urlopen"})


def reaching(source: str) -> set[str]:
    """Network modules that a file imports and connecting functions that it calls."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update({node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)})
        elif isinstance(node, ast.Attribute) and node.attr in CALLS:
            found.add(node.attr)
    return found & (NETWORK | CALLS)


@pytest.mark.parametrize("folder", ["agent", "tools"])
def test_only_the_door_reaches_the_network(folder: str) -> None:
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(OPERATOR_ENDPOINTS):
            assert reaching(path.read_text("utf-8")) <= ALLOWED.get(name, set()), name


@pytest.mark.parametrize(
    "source",
    ["import httpx", "from urllib.request import urlopen", "from urllib import request", "a.open_connection()"],
)
def test_a_second_door_would_be_seen(source: str) -> None:
    assert reaching(source)
