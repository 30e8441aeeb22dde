"""One page that was read: the noun that every reader (web, library, upload) makes."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Webpage:
    """The main text of a page.

    url:       the address after redirects; `file:NAME` for an upload, the file's own address for a library page
    title:     one line, "" when the page has none
    text:      main text as Markdown, NFC, without lone surrogates, never empty
    site:      name or host of the site, "" when unknown
    date:      YYYY-MM-DD as the page itself states it, "" when it does not
    truncated: why the text is not whole (`size`, `disconnect`, `pages` …), "" when it is
    read:      when it was read, ISO 8601 in UTC, "" when nobody noted it; two readings of one text are one page
    """

    url: str
    title: str
    text: str
    site: str = ""
    date: str = ""
    truncated: str = ""
    read: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.url or not self.text.strip():
            raise ValueError("a page has an address and a text")

    @property
    def sha256(self) -> str:
        """Hash of the text as it was read, so that a quote can be checked years later."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()
