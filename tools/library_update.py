"""Brings the index up to date with one folder: reads what is new or changed, forgets what vanished."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import PageTooLarge, PageUnreadable, ToolError
from tools.library_files import FoundFile, Problem, Walk, read_file, walk
from tools.library_index import Index, Known, address
from tools.page import Webpage

if TYPE_CHECKING:
    from tools.extraction import Source

CONCURRENT_FILES = 4
PASSING_REASONS = frozenset({"extract_timeout", "extract_closed", "extract_broken"})
"""Why an extraction may fail today and succeed tomorrow: such a file is read again next time."""

Extract = Callable[[bytes, "Source"], Awaitable[Webpage]]
"""Raises ToolError for a file that is no page."""


class FolderRefused(ToolError):
    """The folder cannot be indexed: `missing` or `not_a_folder`."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """What was done. name: the folder's name in addresses; the counts are pages; problems: files without a page."""

    name: str
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    problems: tuple[Problem, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class IndexStep:
    """How far it is: `done` of `total` files that are new or may have changed; path: the last one."""

    done: int
    total: int
    path: str


@dataclass(slots=True)
class Update:
    """One pass over one folder. Each file is one short transaction, so that a stopped pass can be taken up again."""

    index: Index
    root: Path
    name: str
    walk: Walk
    known: dict[str, Known]
    todo: list[FoundFile]
    started: float
    unread: list[Problem] = field(default_factory=list)
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    done: int = 0

    @classmethod
    def start(cls, index: Index, folder: Path) -> "Update":
        """Look at the names and time stamps only. Raises FolderRefused."""
        started = time.monotonic()
        if not folder.exists():
            raise FolderRefused(folder.name, "missing", "there is no such folder")
        if not folder.is_dir():
            raise FolderRefused(folder.name, "not_a_folder", "it is a file; add the folder that it lies in")
        root = folder.resolve()
        name = index.folder_for(root).name
        known, found = index.known(name), walk(root)
        todo = [file for file in found.files if not _is_known(file, known)]
        same = {file.path for file in found.files} - {file.path for file in todo}
        unchanged = sum(not known[path].reason for path in same)
        return cls(index, root, name, found, known, todo, started, unchanged=unchanged)

    async def run(self, extract: Extract, progress: Callable[[IndexStep], None]) -> None:
        """Read and index the files of `todo`, CONCURRENT_FILES at once. Raises SearchDown."""
        files = iter(self.todo)
        workers = [self._work(files, extract, progress) for _ in range(min(CONCURRENT_FILES, len(self.todo)))]
        tasks = [asyncio.ensure_future(worker) for worker in workers]
        try:
            await asyncio.gather(*tasks)
        finally:  # one failed, or the caller left: none may go on alone
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def finish(self) -> Indexed:
        """Forget what is no longer there; a folder that could not be listed is not taken for empty."""
        there = {file.path for file in self.walk.files}
        gone = [path for path in self.known if path not in there and not self._is_unseen(path)]
        gone += [problem.path for problem in self.unread if problem.path in self.known]
        if gone:
            self.index.forget(self.name, gone)
        return Indexed(
            self.name,
            self.added,
            self.changed,
            self.unchanged,
            len(gone),
            tuple(self._problems()),
            time.monotonic() - self.started,
        )

    async def _work(self, files: Iterator[FoundFile], extract: Extract, progress: Callable[[IndexStep], None]) -> None:
        for file in files:
            await self._take(file, extract)
            self.done += 1
            progress(IndexStep(self.done, len(self.todo), file.path))

    async def _take(self, file: FoundFile, extract: Extract) -> None:
        try:
            content = await asyncio.to_thread(read_file, self.root, file.path)
        except OSError as error:
            self.unread.append(Problem(file.path, "unreadable_file", error.strerror or str(error)))
            return
        digest = hashlib.sha256(content).digest()
        known = self.known.get(file.path)
        if known and known.hash == digest:
            await asyncio.to_thread(self.index.touch, self.name, file)
            self.unchanged += not known.reason
            return
        page = await self._extracted(content, file, extract)
        if isinstance(page, Problem) and page.reason in PASSING_REASONS:
            self.unread.append(page)
            return
        await asyncio.to_thread(self.index.put, self.name, file, digest, page)
        if isinstance(page, Problem):
            self.known[file.path] = Known(file.mtime, file.size, digest, page.reason, page.detail)
            return
        self.known.pop(file.path, None)
        self.added += known is None
        self.changed += known is not None

    async def _extracted(self, content: bytes, file: FoundFile, extract: Extract) -> Webpage | Problem:
        from tools.extraction import Source  # imports trafilatura, which a search does not need

        name = file.path.rpartition("/")[2]
        try:
            return await extract(content, Source(address(self.name, file.path), name=name))
        except (PageUnreadable, PageTooLarge) as error:
            return Problem(file.path, error.reason, error.detail)

    def _is_unseen(self, path: str) -> bool:
        return any(folder == "." or path.startswith(folder + "/") for folder in self.walk.unseen)

    def _problems(self) -> Iterator[Problem]:
        yield from self.walk.problems
        yield from self.unread
        there = {file.path for file in self.walk.files}
        for path, known in self.known.items():
            if known.reason and path in there:
                yield Problem(path, known.reason, known.detail)


def _is_known(file: FoundFile, known: dict[str, Known]) -> bool:
    earlier = known.get(file.path)
    return earlier is not None and (earlier.mtime, earlier.size) == (file.mtime, file.size)
