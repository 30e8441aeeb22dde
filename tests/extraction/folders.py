"""The page sets in the forms their authors publish them in, as one kind of sample.

aeb              ground-truth.json {sha: {articleBody, url}}, html/SHA.html.gz
trafilatura-eval evaldata.json {url: {with, without, title, date, gz or file}}, html/
wcxb             ground-truth.jsonl.gz {file_id, url, ground_truth: {main_content, title, publish_date}}, html/ID.gz
gne-zh           index.jsonl {file, url}, html/; no gold
any other        a folder with HTML files somewhere below, or a .tar.gz of one; no gold

Each HTML file and each description may be plain or .gz. What is none of this is refused.
"""

import gzip
import json
import tarfile
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


class UnknownForm(Exception):
    """What is measured is neither a page set nor a folder with pages."""


_PAGES = (".html", ".htm", ".xhtml")


def form_of(folder: Path) -> Form:
    """By the file that describes the set. Raises UnknownForm."""
    if folder.is_file():
        if not tarfile.is_tarfile(folder):
            raise UnknownForm(f"{folder} is neither a folder nor an archive of one")
        return "plain"
    if not folder.is_dir():
        raise UnknownForm(f"{folder} is not a folder")
    if (folder / "evaldata.json").exists():
        return "trafilatura-eval"
    if (folder / "ground-truth.json").exists():
        return "aeb"
    if next(folder.glob("ground-truth.jsonl*"), None):
        return "wcxb"
    if not any(path.name.removesuffix(".gz").endswith(_PAGES) for path in folder.rglob("*")):
        raise UnknownForm(f"{folder} is of no known form: no description of a set, and no HTML file below it")
    return "plain"


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
            gold, kind = row["ground_truth"], _page_type(row)
            dates = gold.get("publish_date") or ""
            yield Sample(
                row["file_id"], row["url"], body, gold["main_content"], gold.get("title") or "", dates[:10], group=kind
            )


def _page_type(row: dict[str, Any]) -> str:
    """As the set's own script reads it."""
    named = (row.get("_internal") or {}).get("page_type", {})
    kind = named.get("primary", "article") if isinstance(named, dict) else str(named or "article")
    return "collection" if kind == "category" else kind


def _archived(archive: Path) -> Iterator[Sample]:
    with tarfile.open(archive) as opened:
        for member in opened:
            kept = opened.extractfile(member) if member.isfile() and member.name.endswith(_PAGES) else None
            if kept is not None:
                yield Sample(member.name, f"https://example.org/{member.name}", kept.read())


def _plain(folder: Path) -> Iterator[Sample]:
    if folder.is_file():
        yield from _archived(folder)
        return
    urls: dict[str, str] = {}
    if (index := folder / "index.jsonl").exists():
        rows: list[dict[str, Any]] = [json.loads(line) for line in _read(index).splitlines()]
        urls = {row["file"]: row["url"] for row in rows}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name.removesuffix(".gz").endswith(_PAGES):
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
