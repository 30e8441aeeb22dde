"""`kaozheng library`: folders of one's own pages."""

import asyncio
from pathlib import Path

from tools.extractor import Extractor
from tools.library import Library
from workers.build import index
from workers.settings import Settings, load_settings
from workers.terminal import say


def add(folder: Path, config: Path | None) -> int:
    """Index a folder, or bring it up to date. Raises SettingsError when it is not there."""
    return asyncio.run(_add(folder, load_settings(config)))


async def _add(folder: Path, settings: Settings) -> int:
    extractor = Extractor()
    try:
        library = _library(settings)
        await index(library, folder, extractor, say)
        say(f"the library holds {await library.pages()} pages")
    finally:
        await extractor.aclose()
    return 0


def show(config: Path | None) -> int:
    """One line a folder: its name, its pages, its path."""
    for folder in asyncio.run(_library(load_settings(config)).folders()):
        print(f"{folder.name}\t{folder.pages} pages\t{folder.root}")
    return 0


def remove(folder: str, config: Path | None) -> int:
    """Forget a folder, by its name or its path."""
    gone = asyncio.run(_library(load_settings(config)).remove(folder))
    say(
        f"{gone} pages removed from the index; the files stay where they are"
        if gone
        else f"the library holds no pages of {folder}; `kaozheng library list` names its folders"
    )
    return 0 if gone else 1


def _library(settings: Settings) -> Library:
    settings.library_index.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Library(settings.library_index)
