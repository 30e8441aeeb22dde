"""Text of others, fit for Slack: no mention, no link but to a source, no picture; escaped once.

Slack reads `<!channel>`, `<@U1>`, `<#C1>` and `<https://…|…>` in any text, links bare addresses and bare host names by
itself, and in native Markdown links and pictures too. What is not a source is shown, so that it cannot be clicked:
`https://evil.test/x` becomes `evil[.]test/x`. docs.slack.dev/messaging/formatting-message-text, November 2026.
"""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from agent.citations import MARKER
from agent.invisible import visible

MAX_URL_CHARACTERS = 2_900
_MARKDOWN_LINK = re.compile(
    r"!?\[((?:[^\[\]\n]|\[[^\[\]\n]*\])*)\]\(\s*<?([^()\s>]*(?:\([^()\s]*\)[^()\s>]*)*)>?[^()\n]*\)"
)
_REFERENCE = re.compile(r"^[ \t]{0,3}\[[^\]\n]{1,200}\]:[ \t]*\S+.*$", re.MULTILINE)
# What became a reference when links went out of it, in quotations and items too.
_DEFINES = re.compile(r"^([ \t>*+\-0-9.)]{0,30}\[[^\]\n]+\]):", re.MULTILINE)
_REFERRED = re.compile(r"(?<=\])\[(?!citation:\d+\])[^\]\n]{0,200}\]")
_ADDRESS = re.compile(
    r"(?:(?:(?<![a-z0-9])[a-z][a-z0-9+.-]{1,20}|https?):/+|www\.|mailto:|tel:)[^\s<>|`\"'）】」』，。；、]*",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?<![\w@./\[\\])((?:[a-z0-9_][a-z0-9-]{0,62}\.)+[a-z]{2,24})(?![\w-])", re.IGNORECASE | re.ASCII)
_EMAIL = re.compile(r"([\w.+-]{1,64})@((?:[a-z0-9-]{1,63}\.)+[a-z]{2,24})\b", re.IGNORECASE | re.ASCII)
_LINE_START = re.compile(r"^([ \t]*)&gt;", re.MULTILINE)
_NAMED = re.compile(r"@(?=(?:channel|here|everyone|group)\b)", re.IGNORECASE)
# Endings that look like top-level domains and are file names far more often.
_FILE_ENDINGS = frozenset(
    """
py md js ts sh c h rs go txt html css json yml yaml toml conf cfg
list sources log service d deb gz xz zip tar pdf exe java cpp sql xml
docx doc xlsx xls pptx ppt odt rtf epub bin webp heic tiff mp3 mp4 wav
ini lock csv png jpg gif svg iso img env local target socket timer e g
""".split()
)


def escaped(text: str) -> str:
    """For any text field of Slack, once: the three characters that its control sequences are made of."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def line_of(text: str, most: int) -> str:
    """One line of somebody else's text as mrkdwn: no formatting, nothing to click, at most `most` characters."""
    line = " ".join(visible(text).split())
    line = "".join("ˋ" if c == "`" else "∗" if c == "*" else "∼" if c == "~" else "¦" if c == "|" else c for c in line)
    line = _NAMED.sub("＠", _defanged(line, frozenset())).replace("]:", "] :").replace("](", "] (")
    cut = line if len(line) <= most else line[: most - 1] + "…"
    while len(escaped(cut)) > most:
        cut = cut[:-2] + "…"
    return escaped(cut)


def link(url: str, label: str, most: int = 150) -> str:
    """A link of ours in mrkdwn; the label alone where the address is none of the web's."""
    shown = line_of(label, most)
    address = link_address(url)
    return f"<{address}|{shown}>" if address and shown else shown


def link_address(url: str) -> str:
    """The address as it stands between `<` and `|`; "" for one that is not on the web or too long."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.netloc or len(url) > MAX_URL_CHARACTERS:
        return ""
    safe = "".join(f"%{ord(c):02X}" if c in '<>|"`\\^{} ' or ord(c) < 33 else c for c in url if c.isprintable())
    return safe.replace("&", "&amp;")


def markdown(text: str, sources: Collection[str]) -> str:
    """An answer as native Markdown. sources: the addresses that may be clicked; markers become [1]."""
    text = visible(text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _REFERENCE.sub("", text)
    allowed = frozenset(sources)
    pieces: list[str] = []
    last = 0
    for match in _MARKDOWN_LINK.finditer(text):
        pieces.append(_plain(text[last : match.start()], allowed))
        pieces.append(_linked(match, allowed))
        last = match.end()
    return _DEFINES.sub(r"\1 :", "".join((*pieces, _plain(text[last:], allowed))))


def _linked(match: re.Match[str], allowed: frozenset[str]) -> str:
    words = match[1].strip("[]")
    label = _plain(words, frozenset()).replace("[", "(").replace("]", ")")
    picture = match[0].startswith("!")
    address = link_address(match[2]) if match[2] in allowed and not picture else ""
    return f"[{label}]({address.replace('(', '%28').replace(')', '%29')})" if address and label else label


def _plain(text: str, allowed: frozenset[str]) -> str:
    """Without anything that Slack makes a link or a mention of by itself."""
    text = MARKER.sub(r"[\1]", _REFERRED.sub("", text))
    text = _NAMED.sub("＠", _defanged(text, allowed))
    return _LINE_START.sub(r"\1>", escaped(text.replace("](", "] (")))  # a quotation stays one


def _defanged(text: str, allowed: frozenset[str]) -> str:
    hosts = {urlsplit(url).hostname for url in allowed if url.startswith(("http://", "https://"))}
    text = _ADDRESS.sub(lambda match: _shown_address(match[0], allowed), text)
    text = _EMAIL.sub(lambda match: f"{match[1]} (at) {_dotless(match[2])}", text)
    return _HOST.sub(lambda match: _shown_host(match[1], hosts), text)


def _shown_address(url: str, allowed: frozenset[str]) -> str:
    bare = url.rstrip(".,;:!?)]}*_~")
    if bare in allowed and link_address(bare) == bare.replace("&", "&amp;"):
        return url
    return " ".join(
        _without_link(part)
        for part in re.split(r"[a-z][a-z0-9+.-]{0,20}:/+|mailto:|tel:|www\.", url, flags=re.I)
        if part
    )


def _without_link(part: str) -> str:
    host, slash, path = part.partition("/")
    return f"{_dotless(host)}{slash}{path}"


def _shown_host(host: str, hosts: Collection[str | None]) -> str:
    """A name that a source has may stand; one that looks like a file or like an abbreviation is none."""
    ending = host.rpartition(".")[2].lower()
    if ending in _FILE_ENDINGS or host.lower() in hosts or len(ending) < 2:
        return host
    return _dotless(host)


def _dotless(host: str) -> str:
    return re.sub(r"[\[\]()]", "", host).replace(".", "[.]")
