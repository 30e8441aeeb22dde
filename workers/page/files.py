"""The page's own files, read once, and how they go out: compressed, checked by their hash, under a strict policy."""

import gzip
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workers.problems import Problem
from workers.sources import prefers_html

FOLDER = Path(__file__).parent / "static"
TYPES = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".svg": "image/svg+xml",
        ".woff2": "font/woff2",
        ".txt": "text/plain; charset=utf-8",
    }
)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types dompurify"
)
"""Nothing inline, nothing from elsewhere; markup can be parsed by DOMPurify alone."""
UNLISTED = MappingProxyType({"X-Robots-Tag": "noindex, nofollow, noarchive", "Referrer-Policy": "no-referrer"})
"""For what a link leads to: no search engine keeps it, no other site learns of it."""
ABOUT = MappingProxyType(
    {"service": "kaozheng", "ask": "POST /v1/answers", "description": "/openapi.json", "health": "/readyz"}
)


@dataclass(frozen=True, slots=True)
class PageFile:
    """zipped: the same with gzip, b"" where that is no shorter; tag: an HTTP entity tag."""

    type: str
    content: bytes
    zipped: bytes
    tag: str


@dataclass(frozen=True, slots=True)
class Page:
    """Serves `/` and `/page/…`; files: by their path below the folder. Nothing else of the disk can be asked for."""

    files: Mapping[str, PageFile]

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "Page":
        """Raises OSError."""
        paths = sorted(path for path in folder.rglob("*") if path.suffix in TYPES and path.is_file())
        return cls({path.relative_to(folder).as_posix(): _page_file(path) for path in paths})

    async def index(self, request: Request) -> Response:
        """The page for browsers; for programs, where to go from here."""
        if prefers_html(request.headers.get("accept", "")):
            return self._sent(request, "index.html")
        return JSONResponse(dict(ABOUT), headers={"Vary": "Accept"})

    def page_of(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        """What serves a further page; all that it shows, it has to ask for with a key."""

        async def page(request: Request) -> Response:
            return self._sent(request, f"{name}.html")

        return page

    async def shared(self, request: Request) -> Response:
        """The same page for the reader of a link, whose token stands behind the `#` and so never comes here."""
        response = self._sent(request, "index.html")
        response.headers.update(UNLISTED)
        return response

    async def file(self, request: Request, path: str) -> Response:
        """One of the files that the page is made of."""
        if path not in self.files:
            raise Problem("not_found", "the page has no such file")
        return self._sent(request, path)

    def _sent(self, request: Request, name: str) -> Response:
        file = self.files[name]
        headers = {
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-cache",
            "ETag": file.tag,
            "Vary": "Accept, Accept-Encoding" if name == "index.html" else "Accept-Encoding",
        }
        if file.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if file.zipped and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.zipped, 200, {**headers, "Content-Encoding": "gzip"}, file.type)
        return Response(file.content, 200, headers, file.type)


def _page_file(path: Path) -> PageFile:
    content = path.read_bytes()
    zipped = gzip.compress(content, 9, mtime=0)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    kind = TYPES[PurePosixPath(path.name).suffix]
    return PageFile(kind, content, zipped if len(zipped) < len(content) else b"", tag)
