"""Asking again for a page that we hold: by its validators (RFC 9110, 8.8 and 13.1), so that a site need not send what
has not changed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{1,200}"')
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")
_NOT_SHARED = re.compile(r"(?:^|[\s,])(?:no-store|private)(?:$|[\s,=])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Validators:
    """By what a site knows which version of a page we hold. They go back to the address that sent them and to no other.

    url: that address; etag, last_modified: the headers as they came, "" without, at least one of them
    """

    url: str
    etag: str = ""
    last_modified: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for what is no header value of this kind: they come from strangers and from the store."""
        well_formed = all(
            not value or form.fullmatch(value) for value, form in ((self.etag, _ETAG), (self.last_modified, _DATE))
        )
        if not well_formed or not (self.etag or self.last_modified):
            raise ValueError("no validators of a page")

    @property
    def headers(self) -> dict[str, str]:
        """For the request; a site that knows entity tags ignores the date."""
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in named.items() if value}


def validators_of(url: str, headers: Mapping[str, str]) -> Validators | None:
    """What a response offers, None when that is nothing well-formed. headers: found by name in any case."""
    etag, last_modified = headers.get("etag", "").strip(), headers.get("last-modified", "").strip()
    etag = etag if _ETAG.fullmatch(etag) else ""
    last_modified = last_modified if _DATE.fullmatch(last_modified) else ""
    return Validators(url, etag, last_modified) if etag or last_modified else None


def may_be_shared(headers: Mapping[str, str]) -> bool:
    """Whether the site lets a cache of several readers keep the response (Cache-Control, RFC 9111, 5.2.2)."""
    return not _NOT_SHARED.search(headers.get("cache-control", ""))
