import asyncio
import os
import resource
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import pytest

from tools.errors import PageUnreachable, SearchDown
from tools.extraction import Source, extract_page
from tools.library import FolderRefused, Library
from tools.page import Webpage
from tools.search import SearchQuery, SearchResult

STATIC = "# Static addresses\n\nEdit /etc/network/interfaces to configure a static address.\n"
QUOTAS = "# Quotas\n\nLimit the disk space of each user with the quota package.\n"
STATIC_ZH = "# 静态地址\n\n编辑 /etc/network/interfaces 来配置静态地址。\n"

Extract = Callable[[bytes, Source], Awaitable[Webpage]]


async def extract(content: bytes, source: Source) -> Webpage:
    return extract_page(content, source)


class Reader:
    """The real extraction, with a list of what it was given."""

    def __init__(self) -> None:
        self.read: list[str] = []

    async def __call__(self, content: bytes, source: Source) -> Webpage:
        self.read.append(source.name)
        return extract_page(content, source)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "handbook"
    write(made, {"static.md": STATIC, "deep/quotas.md": QUOTAS})
    return made


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "state" / "library.db", busy_seconds=0.2)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


async def found(library: Library, text: str, language: str = "en", **rest: object) -> list[str]:
    """File names of the results."""
    return [result.url.rpartition("/")[2] for result in await results(library, text, language, **rest)]


async def results(library: Library, text: str, language: str = "en", **rest: object) -> list[SearchResult]:
    return await library.search(SearchQuery(text, language, **rest))  # type: ignore[arg-type]


async def test_what_was_added_is_found_and_read(library: Library, folder: Path) -> None:
    done = await library.add(folder, extract)
    assert (done.name, done.added, done.problems) == ("handbook", 2, ())
    (first,) = await results(library, "How do I limit disk space?")
    assert (first.url, first.title, first.engine) == ("library://handbook/deep/quotas.md", "Quotas", "library")
    assert "Limit the disk space of each user with the quota package." in first.snippet
    page = await library.read(first.url)
    assert (page.url, page.title, page.site) == (first.url, "Quotas", "handbook")
    assert page.text == extract_page(QUOTAS.encode(), Source(first.url, name="quotas.md")).text
    assert await library.pages() == 2


async def test_only_what_changed_is_read_again(library: Library, folder: Path) -> None:
    await library.add(folder, extract)
    write(folder, {"static.md": STATIC + "\nThe resolver reads resolv.conf.\n", "new.md": "# New\n\nA nameserver.\n"})
    os.utime(folder / "deep/quotas.md", ns=(1, 1))
    reader = Reader()
    done = await library.add(folder, reader)
    assert sorted(reader.read) == ["new.md", "static.md"]
    assert (done.added, done.changed, done.unchanged, done.removed) == (1, 1, 1, 0)
    assert await found(library, "resolver") == ["static.md"]
    assert (await library.add(folder, reader)).unchanged == 3
    assert len(reader.read) == 2


async def test_what_vanished_is_forgotten(library: Library, folder: Path) -> None:
    await library.add(folder, extract)
    (folder / "static.md").unlink()
    assert (await library.add(folder, extract)).removed == 1
    assert await found(library, "static address") == []
    with pytest.raises(PageUnreachable):
        await library.read("library://handbook/static.md")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
async def test_a_folder_that_cannot_be_listed_is_not_taken_for_empty(library: Library, folder: Path) -> None:
    await library.add(folder, extract)
    (folder / "deep").chmod(0)
    done = await library.add(folder, extract)
    (folder / "deep").chmod(0o755)
    assert [(problem.path, problem.reason) for problem in done.problems] == [("deep", "unreadable_folder")]
    assert (done.removed, await library.pages()) == (0, 2)


async def test_unreadable_files_are_named_and_harm_nothing(library: Library, folder: Path) -> None:
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4 nothing of the kind")
    write(folder, {"empty.txt": " \n"})
    reader = Reader()
    for _ in range(2):
        done = await library.add(folder, reader)
        assert {(problem.path, problem.reason) for problem in done.problems} == {
            ("bad.pdf", "bad_pdf"),
            ("empty.txt", "empty"),
        }
    assert (done.added, done.unchanged) == (0, 2), "only pages are counted"
    assert len(reader.read) == 4, "what is known to be unreadable is not tried again"
    assert await library.pages() == 2
    assert [(known.pages, known.unreadable) for known in await library.folders()] == [(2, 2)]


async def test_a_file_that_becomes_readable_is_no_problem_any_more(library: Library, folder: Path) -> None:
    write(folder, {"late.txt": " "})
    await library.add(folder, extract)
    write(folder, {"late.txt": "At last there is text.\n"})
    done = await library.add(folder, extract)
    assert (done.problems, done.changed) == ((), 1)


async def test_hidden_large_and_outside_files_are_refused(library: Library, folder: Path, tmp_path: Path) -> None:
    write(tmp_path, {"secret.txt": "the outside secret"})
    write(folder, {".hidden.md": "hidden secret", ".git/x.md": "hidden secret", "program.exe": "secret"})
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "same.md").symlink_to(folder / "static.md")
    os.mkfifo(folder / "pipe.txt")
    with (folder / "large.txt").open("wb") as large:
        large.truncate(20 * 1024 * 1024 + 1)
    done = await library.add(folder, extract)
    assert {(problem.path, problem.reason) for problem in done.problems} == {
        ("large.txt", "too_large"),
        ("link.txt", "link_outside"),
        ("up", "link_outside"),
    }
    assert done.added == 2
    assert await found(library, "secret") == []


async def test_the_sources_that_sphinx_lays_beside_its_pages_are_not_read_a_second_time(
    library: Library, folder: Path
) -> None:
    write(
        folder, {"_static/note.txt": "style", "_sources/quotas.rst.txt": QUOTAS, "other/_sources/own.md": "Own text."}
    )
    reader = Reader()
    await library.add(folder, reader)

    assert "quotas.rst.txt" not in reader.read
    assert "own.md" in reader.read


async def test_a_folder_that_is_none_is_refused(library: Library, folder: Path) -> None:
    with pytest.raises(FolderRefused) as refused:
        await library.add(folder / "nowhere", extract)
    assert refused.value.reason == "missing"
    with pytest.raises(FolderRefused) as refused:
        await library.add(folder / "static.md", extract)
    assert refused.value.reason == "not_a_folder"


async def test_folders_of_one_name_get_addresses_of_their_own(library: Library, tmp_path: Path) -> None:
    for place in ("a", "b", "c"):
        write(tmp_path / place / "Docs", {"page.md": f"# Page {place}\n\nA page about topic{place}.\n"})
        await library.add(tmp_path / place / "Docs", extract)
    assert [known.name for known in await library.folders()] == ["Docs", "Docs-2", "Docs-3"]
    (second,) = await results(library, "topicb")
    assert second.url == "library://Docs-2/page.md"
    assert "topicb" in (await library.read(second.url)).text
    assert "topicb" in (await library.read(second.url.lower())).text, "hosts are compared without case"
    assert await library.remove("Docs-2") == 1
    assert await found(library, "topicb") == []
    assert await library.pages() == 2


async def test_no_address_names_the_machines_folders(library: Library, tmp_path: Path) -> None:
    odd = "读 我?#%/a b&c.md"
    write(tmp_path / "My Docs 手册", {odd: "# Odd\n\nA peculiar page.\n"})
    await library.add(tmp_path / "My Docs 手册", extract)
    (only,) = await results(library, "peculiar")
    assert str(tmp_path) not in only.url
    assert only.url.isascii()
    assert "?" not in only.url
    assert (await library.read(only.url)).url == only.url


@pytest.mark.parametrize(
    "url",
    [
        "library://handbook/../handbook/static.md",
        "library://handbook/",
        "library://x/static.md",
        "library:",
        "http://a/",
    ],
)
async def test_an_unknown_address_is_unreachable(library: Library, folder: Path, url: str) -> None:
    await library.add(folder, extract)
    with pytest.raises(PageUnreachable):
        await library.read(url)


async def test_a_stopped_indexing_is_taken_up_where_it_stopped(library: Library, folder: Path) -> None:
    write(folder, {f"p{number}.txt": f"Page number {number}.\n" for number in range(30)})
    halfway = asyncio.Event()
    task = asyncio.ensure_future(library.add(folder, extract, lambda step: halfway.set() if step.done == 10 else None))
    await halfway.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.5)  # a thread cannot be cancelled: those at work finish their page
    kept = await library.pages()
    assert 10 <= kept < 32
    reader = Reader()
    await library.add(folder, reader)
    assert 32 - kept - 4 <= len(reader.read) <= 32 - kept, "the four at work may still have been finished"
    assert await library.pages() == 32


async def test_two_programs_may_index_at_once(library: Library, folder: Path, tmp_path: Path) -> None:
    write(folder, {f"p{number}.txt": f"Page number {number}.\n" for number in range(30)})
    program = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom tools.extraction import extract_page\n"
        "from tools.library import Library\n"
        "async def extract(content, source): return extract_page(content, source)\n"
        "asyncio.run(Library(Path(sys.argv[1])).add(Path(sys.argv[2]), extract))\n"
    )
    index = tmp_path / "state" / "library.db"
    arguments = (sys.executable, "-c", program, str(index), str(folder))
    root = Path(__file__).parents[2]
    programs = [await asyncio.create_subprocess_exec(*arguments, cwd=root) for _ in range(2)]
    codes = await asyncio.gather(*(program.wait() for program in programs))
    assert codes == [0, 0]
    assert await library.pages() == 32
    assert (await library.add(folder, extract)).unchanged == 32
    assert await found(library, "number 17") == ["p17.txt"] or "p17.txt" in await found(library, "17")


async def test_progress_counts_every_file_once(library: Library, folder: Path) -> None:
    steps: list[tuple[int, int]] = []
    await library.add(folder, extract, lambda step: steps.append((step.done, step.total)))
    assert steps == [(1, 2), (2, 2)]


async def test_a_library_that_cannot_answer_is_down_not_empty(library: Library, folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "state" / "library.db"
    with pytest.raises(SearchDown) as down:
        await found(library, "anything")
    assert down.value.reason == "missing"
    await library.add(folder, extract)
    with sqlite3.connect(index) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SearchDown) as down:
        await found(library, "anything")
    assert (down.value.reason, "update the program" in down.value.detail) == ("newer_version", True)
    index.write_bytes(b"not a database at all " * 500)
    with pytest.raises(SearchDown) as down:
        await found(library, "anything")
    assert down.value.reason == "broken"
    with pytest.raises(SearchDown):
        await library.add(folder, extract)


async def test_a_disk_without_room_is_said_and_harms_nothing(library: Library, folder: Path, tmp_path: Path) -> None:
    await library.add(folder, extract)
    write(folder, {f"more{number}.md": f"# More {number}\n\n" + "word " * 2_000 for number in range(20)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    written = max(file.stat().st_size for file in (tmp_path / "state").iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (written + 4_096, hard))
    try:
        with pytest.raises(SearchDown) as down:
            await library.add(folder, extract)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert down.value.reason in ("full", "unwritable"), down.value.detail
    assert "damaged" not in down.value.detail
    assert "quotas.md" in await found(library, "quota")
    assert (await library.add(folder, extract)).added > 0


async def test_a_locked_index_is_down_after_the_time_it_was_given(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    await library.add(folder, extract)
    other = sqlite3.connect(tmp_path / "state" / "library.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await found(library, "quota") == ["quotas.md"], "who writes does not keep others from searching"
    write(folder, {"new.md": "# New\n\nSomething.\n"})
    with pytest.raises(SearchDown) as down:
        await library.add(folder, extract)
    assert down.value.reason == "locked"
    other.execute("ROLLBACK")
    other.close()
    assert (await library.add(folder, extract)).added == 1


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "?", "the of and", "什么是的", '"', "'", '"quota', "quota AND", "NEAR(quota, 2)", "quota*",
        "body:quota", "(quota", "quota -disk", "^quota", "{quota}", "\\", "\x00quota", "\ud800quota", "quota " * 1300,
        "配" * 8000, "a-b-c-d.e/f@g:h+i#j", "😀", "%s {} $1 ; DROP TABLE page", "c++ c#", "\u202equota",
    ],
)  # fmt: skip
async def test_no_text_of_a_query_breaks_the_search(library: Library, folder: Path, text: str) -> None:
    await library.add(folder, extract)
    names = await found(library, text)
    assert names == (["quotas.md"] if "quota" in text.lower() else names)


async def test_a_question_of_eight_thousand_characters_is_searched_by_its_rare_words(
    library: Library, folder: Path
) -> None:
    write(folder, {f"p{number}.txt": f"The common page number{number}.\n" for number in range(40)})
    await library.add(folder, extract)
    filler = " ".join(f"number{number}" for number in range(40)) + " common page" * 500
    assert (await found(library, f"{filler} zebra static"))[0] in {"static.md", *(f"p{n}.txt" for n in range(40))}
    assert "static.md" in await found(library, f"common page {filler[:200]} static interfaces", limit=50)


async def test_pages_in_the_language_of_the_question_come_first(library: Library, folder: Path) -> None:
    write(folder, {"static.zh.md": STATIC_ZH})
    await library.add(folder, extract)
    assert await found(library, "/etc/network/interfaces", "zh") == ["static.zh.md", "static.md"]
    assert await found(library, "/etc/network/interfaces", "en") == ["static.md", "static.zh.md"]
    assert await found(library, "quota 是什么", "zh") == ["quotas.md"], "the other language is better than nothing"


async def test_traditional_full_width_and_single_characters_find(library: Library, folder: Path) -> None:
    write(folder, {"static.zh.md": STATIC_ZH, "cat.md": "# 动物\n\n猫吃鱼。\n"})
    await library.add(folder, extract)
    assert await found(library, "靜態地址如何設定", "zh") == ["static.zh.md"]
    assert await found(library, "ＱＵＯＴＡ") == ["quotas.md"]
    assert await found(library, "猫", "zh") == ["cat.md"]


async def test_the_same_text_comes_once(library: Library, tmp_path: Path) -> None:
    names = ("alpha", "beta", "gamma")
    parts = {name: " ".join(f"{name}{number} word" for number in range(300)) for name in names}
    split = {f"{name}.md": f"# {name}\n\nAll about {name}. {text}\n" for name, text in parts.items()}
    write(tmp_path / "docs", {**split, "one-page.md": "\n".join(split.values()), "copy.md": split["beta.md"]})
    await library.add(tmp_path / "docs", extract)
    hits = await found(library, "all about beta")
    assert len({"beta.md", "copy.md", "one-page.md"} & set(hits)) == 1


async def test_length_is_neither_merit_nor_fault(library: Library, tmp_path: Path) -> None:
    other = "\n\n".join(f"# Part {number}\n\nSome words about disks and mail." for number in range(2_000))
    written = {
        "long.md": f"{other}\n\n# Printers\n\nUse cups to configure a printer.\n\n{other}",
        "weak.md": "# Mail\n\nA printer may be mentioned. " + "Mail is delivered by a server. " * 20,
        "often.md": "# Words\n\n" + "configure this. " * 3000,
    }
    write(tmp_path / "docs", written)
    await library.add(tmp_path / "docs", extract)
    assert (await found(library, "how to configure a printer"))[0] == "long.md"


async def test_a_table_of_contents_comes_after_what_it_lists(library: Library, tmp_path: Path) -> None:
    contents = "\n\n".join(f"**{number}. Configuring a printer with cups**" for number in range(9))
    text = "# Printing\n\n" + "Cups serves printers. To configure a printer, open its page. " * 9
    write(tmp_path / "docs", {"contents.md": f"# Configuring\n\n{contents}\n", "text.md": text})
    await library.add(tmp_path / "docs", extract)
    assert await found(library, "configuring a printer with cups") == ["text.md", "contents.md"]


async def test_filters_hold_as_far_as_a_page_tells(tmp_path: Path, folder: Path) -> None:
    async def dated(content: bytes, source: Source) -> Webpage:
        day, site, text = content.decode().split("|")
        return Webpage(source.url, "", text, site, day)

    library = Library(tmp_path / "library.db", today=lambda: date(2026, 11, 21))
    written = {
        "new.txt": "2026-11-20|docs.debian.org|topic one",
        "old.txt": "2020-01-01|debian.org|topic two",
        "none.txt": "||topic three",
    }
    write(tmp_path / "dated", written)
    await library.add(tmp_path / "dated", dated)
    assert set(await found(library, "topic", recency="week")) == {"new.txt", "none.txt"}
    assert set(await found(library, "topic", include_domains=("debian.org",))) == {"new.txt", "old.txt"}
    assert set(await found(library, "topic", exclude_domains=("docs.debian.org",))) == {"old.txt", "none.txt"}
    assert set(await found(library, "topic", include_domains=("dated",))) == set(written)
    assert len(await found(library, "topic", limit=1)) == 1


async def test_a_snippet_is_short_plain_text(library: Library, tmp_path: Path) -> None:
    rows = "\n".join(f"| `row{number}` | **bold** |" for number in range(400))
    table = f"# Table\n\n| a | b |\n|---|---|\n{rows}\n"
    write(tmp_path / "docs", {"t.md": table, "l.txt": "needle " + "x" * 5000})
    await library.add(tmp_path / "docs", extract)
    for result in await results(library, "row77") + await results(library, "needle"):
        assert 0 < len(result.snippet) <= 500
        assert not set("|`*\n") & set(result.snippet)
    assert "row77" in (await results(library, "row77"))[0].snippet
