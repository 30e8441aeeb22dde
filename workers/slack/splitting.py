"""Long answers in pieces that Slack takes: split between blocks of Markdown, never inside one."""

MARKDOWN_CHARACTERS = 12_000
"""All Markdown of one message together: docs.slack.dev/reference/block-kit/blocks/markdown-block, November 2026."""
MESSAGE_CHARACTERS = 12_800
"""All text of one message. Slack drops what stands beyond 13,202 characters, unsaid: metabase #79908, 2026."""
MOST_PARTS = 4
_FENCES = ("```", "~~~")


def blocks_of(text: str) -> list[str]:
    """Paragraphs, lists, tables, code: what is parted by an empty line outside of a code fence, without that line."""
    blocks: list[list[str]] = [[]]
    fence = ""
    for line in text.strip("\n").split("\n"):
        start = line.lstrip()[:3]
        if fence:
            fence = "" if start == fence else fence
        elif start in _FENCES:
            fence = start
        if not line.strip() and not fence:
            blocks.append([])
        else:
            blocks[-1].append(line)
    return ["\n".join(block) for block in blocks if block]


def split(text: str, most: int) -> list[str] | None:
    """Pieces of at most `most` characters; None where a block is longer than that, or there would be too many."""
    pieces: list[str] = []
    for block in blocks_of(text):
        if len(block) > most:
            return None
        if pieces and len(pieces[-1]) + 2 + len(block) <= most:
            pieces[-1] += "\n\n" + block
        else:
            pieces.append(block)
    return pieces if len(pieces) <= MOST_PARTS else None


def beginning(text: str, most: int) -> str:
    """The first whole blocks of a text that is too long; a part of the first line where not even one block fits."""
    kept = ""
    for block in blocks_of(text):
        if len(kept) + 2 + len(block) > most:
            break
        kept += ("\n\n" if kept else "") + block
    return kept or text.strip().split("\n")[0][: most - 1] + "…"
