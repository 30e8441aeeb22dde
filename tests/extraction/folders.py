"""The page sets in the forms their authors publish them in, as one kind of sample.

aeb              ground-truth.json {sha: {articleBody, url}}, html/SHA.html.gz
trafilatura-eval evaldata.json {url: {with, without, title, date, gz or file}}, html/
wcxb             ground-truth.jsonl.gz {file_id, url, ground_truth: {main_content, title, publish_date}}, html/ID.gz
gne-zh           index.jsonl {file, url}, html/; no gold
any other        a folder with HTML files somewhere below; no gold
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Form = Literal["aeb", "trafilatura-eval", "wcxb", "plain"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One page with what its set says of it. body: as served; text: gold, None without; title, date: gold, ""
    when the page has none, None when the set does not say; wanted, unwanted: chunks; group: type of page."""

    name: str
    url: str
    body: bytes
    text: str | None = None
    title: str | None = None
    date: str | None = None
    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    group: str = ""


def form_of(folder: Path) -> Form:
    """By the file that describes the set."""
    if (folder / "evaldata.json").exists():
        return "trafilatura-eval"
    if (folder / "ground-truth.json").exists():
        return "aeb"
    return "wcxb" if next(folder.glob("ground-truth.jsonl*"), None) else "plain"


def samples(folder: Path) -> Iterator[Sample]:
    """All pages of a set whose file is there, in the set's order."""
    return {"aeb": _aeb, "trafilatura-eval": _chunks, "wcxb": _wcxb, "plain": _plain}[form_of(folder)](folder)


def _aeb(folder: Path) -> Iterator[Sample]:
    for name, gold in json.loads(_read(folder / "ground-truth.json")).items():
        if body := _page(folder, name):
            yield Sample(name, gold.get("url", ""), body, text=gold["articleBody"])


def _chunks(folder: Path) -> Iterator[Sample]:
    for url, gold in json.loads(_read(folder / "evaldata.json")).items():
        body = _page(folder, gold.get("gz") or gold["file"])
        if not body:
            continue
        said = [None if gold.get(key) is None else str(gold[key]) for key in ("title", "date")]
        chunks = tuple(gold.get("with") or ()), tuple(gold.get("without") or ())
        yield Sample(gold["file"], url, body, None, *said, *chunks)


def _wcxb(folder: Path) -> Iterator[Sample]:
    path = next(folder.glob("ground-truth.jsonl*"))
    for row in map(json.loads, _read(path).splitlines()):
        if body := _page(folder, row["file_id"]):
            gold, kind = row["ground_truth"], row.get("_internal", {}).get("page_type", {}).get("primary", "")
            dates = gold.get("publish_date") or ""
            yield Sample(
                row["file_id"], row["url"], body, gold["main_content"], gold.get("title") or "", dates[:10], group=kind
            )


def _plain(folder: Path) -> Iterator[Sample]:
    urls: dict[str, str] = {}
    if (index := folder / "index.jsonl").exists():
        rows: list[dict[str, Any]] = [json.loads(line) for line in _read(index).splitlines()]
        urls = {row["file"]: row["url"] for row in rows}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name.removesuffix(".gz").endswith((".html", ".htm", ".xhtml")):
            name = str(path.relative_to(folder))
            url = urls.get(path.name, f"https://example.org/{name.removesuffix('.gz')}")
            yield Sample(name, url, _bytes(path))


def _page(folder: Path, name: str) -> bytes:
    """b"" when a half of the set leaves the page out."""
    for path in (folder / "html" / name, folder / "html" / f"{name}.html.gz", folder / "html" / f"{name}.html"):
        if path.is_file():
            return _bytes(path)
    return b""


def _bytes(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def _read(path: Path) -> str:
    return _bytes(path).decode("utf-8")
