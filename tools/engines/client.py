"""The HTTP client for operators' endpoints. It is not the guarded one: these addresses come from settings and may be
private (decision 1); it never sees an address from a page."""

import httpx


def engine_client(proxy: str | None, seconds: float) -> httpx.AsyncClient:
    """A client for search engines; whoever opens it closes it. proxy: the operator's, None for none.

    Environment proxies are ignored (decision 2). Bodies are asked for as they are: httpx inflates a small
    compressed body to any size before its reader can count.
    """
    return httpx.AsyncClient(
        trust_env=False,
        proxy=proxy,
        timeout=seconds,
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        limits=httpx.Limits(max_connections=32, max_keepalive_connections=8),
    )
