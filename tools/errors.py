"""What can go wrong when we reach out.

ToolError
├── PageRefused       we decline to fetch this address, whatever is behind it
├── PageUnreachable   the site did not deliver
├── PageUnreadable    the site delivered, but no text could be taken from it
├── PageTooLarge      the site delivered more than we take
└── SearchDown        a search engine gave no answer; never the same as "nothing found"

`reason` is a word for programs (`ip_private`, `timeout`, `bad_pdf` …), `detail` a clause for people.
Neither ever holds text of the page: an error must not be citable.
"""


class ToolError(Exception):
    """A tool could not do its work; the agent may go on without it."""

    def __init__(self, subject: str, reason: str, detail: str = "") -> None:
        """subject: the URL, file name or engine; reason: one snake_case word; detail: what to tell a person."""
        super().__init__(f"{subject}: {detail or reason}")
        self.subject, self.reason, self.detail = subject, reason, detail

    def __reduce__(self) -> tuple[type["ToolError"], tuple[str, str, str]]:
        """Pickled by its three parts, so that it comes back whole from another process."""
        return type(self), (self.subject, self.reason, self.detail)


class PageRefused(ToolError):
    """We decline to fetch this address (scheme, host, port, address, robots.txt, provenance)."""


class PageUnreachable(ToolError):
    """The site did not deliver: DNS, connection, time-out, or an HTTP status of 400 and more."""


class PageUnreadable(ToolError):
    """The site delivered, but no main text could be taken from it."""


class PageTooLarge(ToolError):
    """More bytes, pages or decoded bytes than the limits allow."""


class SearchDown(ToolError):
    """A search engine is broken, blocked or out of reach. An empty list means "nothing found", this means "broken"."""
