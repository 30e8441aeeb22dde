"""Markdown from the structure of a document: nothing left out, nothing reordered.

For pages whose main content is unmistakable (manuals made by DocBook, Sphinx and their like), where a finder
of main text loses a third, and for pages where such a finder finds next to nothing.
"""

import re
from collections.abc import Callable, Iterator

from lxml.html import HtmlElement

MAX_DEPTH = 60
MAX_ROWSPAN = 200

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = _HEADINGS | frozenset(
    (
        *(
            "address",
            "article",
            "aside",
            "blockquote",
            "body",
            "center",
            "dd",
            "details",
            "dialog",
            "div",
            "dl",
        ),
        *(
            "dt",
            "fieldset",
            "figcaption",
            "figure",
            "footer",
            "form",
            "header",
            "hr",
            "li",
            "main",
            "menu",
            "nav",
        ),
        *("ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
        "caption",
    )
)
_CODE = frozenset({"code", "tt", "kbd", "samp"})
_SILENT = frozenset(
    (
        *("script", "style", "template", "noscript", "button", "select", "option", "textarea", "input"),
        *("svg", "head", "link", "meta"),
    )
)
ADMONITIONS = frozenset({"tip", "note", "warning", "caution", "important", "admonition", "callout"})
_BREAK = "\x1e"
_WIDE = "\u2e80-\u303f\u3040-\u9fff\uf900-\ufaff\uff00-\uffef“”‘’—…"
_WRAPPED = re.compile(rf"(?<=[{_WIDE}])[ \t]*\n\s*(?=[{_WIDE}])")

_STRAY = re.compile("(?<=[\u3040-\u9fff]) +(?=[，。；：！？、）])")


def to_markdown(root: HtmlElement) -> str:
    """root: cleaned of what is hidden and of navigation. "" when there is no text in it."""
    holders = _block_holders(root)
    return "\n\n".join(_blocks(root, holders, 0))


def _block_holders(root: HtmlElement) -> set[HtmlElement]:
    """All elements with a block somewhere below, so that a span around a list is not taken for a phrase."""
    holders: set[HtmlElement] = set()
    for element in root.iter(*_BLOCKS):
        above = element.getparent()
        while above is not None and above not in holders:
            holders.add(above)
            above = above.getparent()
    return holders


def _blocks(element: HtmlElement, holders: set[HtmlElement], depth: int) -> list[str]:
    """The blocks of a container, in order; loose text between blocks is a paragraph of its own."""
    if depth > MAX_DEPTH:
        return _paragraphs(element.text_content())
    made: list[str] = []
    loose: list[str] = [element.text or ""]
    for child in element:
        if child.tag in _BLOCKS or child in holders:
            made += _paragraphs("".join(loose))
            made += _block(child, holders, depth + 1)
            loose = [child.tail or ""]
        else:
            loose += [_phrase(child), child.tail or ""]
    return made + _paragraphs("".join(loose))


def _block(element: HtmlElement, holders: set[HtmlElement], depth: int) -> list[str]:
    if element.tag in _SILENT:
        return []
    if element.tag in _HEADINGS:
        return _heading(element)
    if element.tag == "pre":
        return _fence(element)
    special = _SPECIAL.get(str(element.tag))
    if special is not None:
        return special(element, holders, depth)
    made = _blocks(element, holders, depth)
    if made and _is_title(element) and len(made) == 1 and "\n" not in made[0]:
        return [f"**{made[0].strip('* ')}**"]
    return made


def _heading(element: HtmlElement) -> list[str]:
    text = " ".join(_inline(element).split())
    return [f"{'#' * int(element.tag[1])} {text}"] if text else []


def _is_title(element: HtmlElement) -> bool:
    """Titles that are no headings: of tables, figures, examples, notes."""
    classes = element.get("class", "").split()
    return element.tag in ("caption", "figcaption", "summary") or (
        element.tag in ("p", "div") and ("title" in classes or "admonition-title" in classes)
    )


def _fence(element: HtmlElement) -> list[str]:
    for line_break in element.iter("br"):
        line_break.tail = "\n" + (line_break.tail or "")
    text = element.text_content().replace("\u00a0", " ").strip("\n").rstrip()
    lines = [line.rstrip() for line in text.split("\n")]
    ticks = "````" if "```" in text else "```"
    return ["\n".join([ticks, *lines, ticks])] if text.strip() else []


def _list(element: HtmlElement, holders: set[HtmlElement], depth: int) -> list[str]:
    start = element.get("start", "1")
    number = int(start) if start.isdecimal() and len(start) < 6 else 1
    items: list[str] = []
    for child in element:
        blocks = _block(child, holders, depth + 1) if child.tag in _BLOCKS else _paragraphs(_phrase(child))
        if not blocks:
            continue
        mark = f"{number}. " if element.tag == "ol" else "- "
        number += 1
        items.append(_indented("\n\n".join(blocks), mark))
    loose = any("\n\n" in item for item in items)
    return [("\n\n" if loose else "\n").join(items)] if items else []


def _indented(text: str, mark: str) -> str:
    first, *rest = text.split("\n")
    return "\n".join([mark + first, *(" " * len(mark) + line if line else "" for line in rest)])


def _terms(element: HtmlElement, holders: set[HtmlElement], depth: int) -> list[str]:
    """A list of definitions: the term in bold, and on the next line what it means."""
    made: list[str] = []
    open_term = False
    for child in _flat_terms(element):
        blocks = _blocks(child, holders, depth + 1)
        if child.tag == "dt":
            made += [f"**{' '.join(' '.join(blocks).split())}**"] if blocks else []
        elif open_term and made and blocks and blocks[0][:3] not in ("```", "| -", "- "):
            made[-1] += "\n" + blocks[0]
            made += blocks[1:]
        else:
            made += blocks
        open_term = child.tag == "dt"
    return made


def _flat_terms(element: HtmlElement) -> Iterator[HtmlElement]:
    for child in element:
        if child.tag == "div":
            yield from child
        else:
            yield child


def _quote(element: HtmlElement, holders: set[HtmlElement], depth: int) -> list[str]:
    """A quotation by markup. Manuals also indent with it, so what holds more than text keeps its form."""
    made = _blocks(element, holders, depth)
    if any(block.startswith(("```", "|", "#", "- ", "1. ")) for block in made):
        return made
    return ["\n".join(f"> {line}" for line in block.split("\n")) for block in made]


def _table(element: HtmlElement, holders: set[HtmlElement], depth: int) -> list[str]:
    rows = [row for row in element.iter("tr") if _table_of(row) is element]
    titles = [title for caption in element.findall("caption") for title in _block(caption, holders, depth)]
    if _is_layout(element, rows):
        cells = [cell for row in rows for cell in row if cell.tag in ("td", "th")]
        return titles + [block for cell in cells for block in _layout_cell(cell, holders, depth)]
    grid = _grid(rows)
    grid = [row for row in grid if any(row)]
    if not grid:
        return titles
    width = max(map(len, grid))
    lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in grid]
    return [*titles, "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])]


def _table_of(row: HtmlElement) -> HtmlElement:
    return next(row.iterancestors("table"))


def _is_layout(element: HtmlElement, rows: list[HtmlElement]) -> bool:
    """A table that places things on the page, rather than one that says something in rows and columns."""
    if element.get("role") in ("presentation", "none"):
        return True
    holder = element.getparent()
    if holder is not None and not ADMONITIONS.isdisjoint(holder.get("class", "").split()):
        return True
    if max((len(row) for row in rows), default=0) < 2:
        return True
    return next(element.iter("pre", "h1", "h2", "h3", "h4"), None) is not None or (
        next(element.iterdescendants("table"), None) is not None
    )


def _layout_cell(cell: HtmlElement, holders: set[HtmlElement], depth: int) -> list[str]:
    made = _blocks(cell, holders, depth + 1)
    return [f"**{made[0]}**"] if cell.tag == "th" and len(made) == 1 and "\n" not in made[0] else made


def _grid(rows: list[HtmlElement]) -> list[list[str]]:
    """Cells as text; a cell that spans rows stands in each of them, so that every row can be read alone."""
    grid: list[list[str]] = []
    spanning: dict[int, tuple[int, str]] = {}
    for row in rows:
        line: list[str] = []
        for cell in (cell for cell in row if cell.tag in ("td", "th")):
            _fill(line, spanning)
            text = " ".join(_inline(cell).split()).replace("|", "\\|")
            span = cell.get("rowspan", "1")
            if span.isdecimal() and 1 < int(span[:4]) <= MAX_ROWSPAN:
                spanning[len(line)] = (int(span) - 1, text)
            line.append(text)
        _fill(line, spanning)
        grid.append(line)
    return grid


def _fill(line: list[str], spanning: dict[int, tuple[int, str]]) -> None:
    while (column := len(line)) in spanning and spanning[column][0] > 0:
        left, text = spanning[column]
        spanning[column] = (left - 1, text)
        line.append(text)


def _rule(_element: HtmlElement, _holders: set[HtmlElement], _depth: int) -> list[str]:
    return []


def _phrase(element: HtmlElement, depth: int = 0) -> str:
    """Text within a sentence. Emphasis is left out: it would stand between the words of a quote."""
    if not isinstance(element.tag, str) or element.tag in _SILENT:
        return ""
    if element.tag == "br":
        return _BREAK
    if element.tag == "sup" and "footnote" in element.get("class", ""):
        return ""
    if element.tag == "sup" and _is_power(element):
        return f"^{element.text}"
    return _code(element) if element.tag in _CODE else _inner(element, depth + 1)


def _is_power(element: HtmlElement) -> bool:
    """2<sup>64</sup> is not 264."""
    before = element.getprevious()
    text = before.tail if before is not None else element.getparent().text
    return (text or "")[-1:].isdigit() and (element.text or "").strip().isdigit() and len(element) == 0


def _code(element: HtmlElement) -> str:
    """Code within a sentence, its own white space kept outside of the ticks."""
    text = str(element.text_content())
    code = " ".join(text.split())
    if not code or "`" in code:
        return text
    return f"{' ' if text[0].isspace() else ''}`{code}`{' ' if text[-1].isspace() else ''}"


def _inner(element: HtmlElement, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        return str(element.text_content())
    parts = [element.text or ""]
    for child in element:
        text = _phrase(child, depth)
        # Two blocks within a cell or a heading are two words.
        parts += [f" {text} " if child.tag in _BLOCKS else text, child.tail or ""]
    return "".join(parts)


def _inline(element: HtmlElement) -> str:
    return " ".join(_paragraphs(_inner(element)))


def _paragraphs(text: str) -> list[str]:
    """White space as a browser shows it; `<br>` ends a line, two of them a paragraph; none within Chinese."""
    made: list[str] = []
    for part in re.split(rf"{_BREAK}\s*{_BREAK}[\s{_BREAK}]*", _WRAPPED.sub("", text)):
        lines = [_STRAY.sub("", " ".join(line.split())) for line in part.split(_BREAK)]
        if joined := "\n".join(line for line in lines if line):
            made.append(joined)
    return made


_SPECIAL: dict[str, Callable[[HtmlElement, set[HtmlElement], int], list[str]]] = {
    "ul": _list,
    "ol": _list,
    "menu": _list,
    "dl": _terms,
    "blockquote": _quote,
    "table": _table,
    "hr": _rule,
}
