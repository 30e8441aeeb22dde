"""Taking out of a page what its reader does not see: hidden text is where instructions to a model are put.

Only the page itself is read: inline styles, `<style>` elements, attributes and the usual class names. What an
outside style sheet or a script hides stays out of reach.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml.html import HtmlElement

MAX_STYLE_CHARS = 200_000

_NEVER_TEXT = ("script", "style", "template", "svg", "object", "embed", "iframe", "audio", "video")
_READER_ONLY = frozenset(
    (
        *("sr-only", "screen-reader-text", "screen-reader-only", "screenreader-only", "visually-hidden"),
        *("visuallyhidden", "u-visually-hidden", "u-hidden-visually", "is-visually-hidden", "a-offscreen"),
        *("element-invisible", "offscreen"),
    )
)
_FAR = (
    r"-\s*(?:[5-9]\d{2}|\d{4,})(?:\.\d+)?(?:px|pt)?"
    r"|-\s*(?:[3-9]\d|\d{3,})(?:\.\d+)?(?:r?em|ch|vw|vh)|-\s*\d{3,}%"
)
_ZERO = r"0*\.?0*(?:px|pt|r?em|%|vw|vh)?"
_HIDING = re.compile(
    r"(?:^|;)(?:"
    r"display:none|visibility:(?:hidden|collapse)|content-visibility:hidden"
    rf"|font-size:(?:{_ZERO}|[01](?:\.\d+)?px)|text-indent:(?:{_FAR})"
    r"|color:transparent|transform:scale\(0[,)0.]"
    r"|clip:rect\((?:0|1px)|clip-path:(?:inset\((?:50|100)%|circle\(0)"
    r")(?:[\s;,!)]|$)"
)
_FADED = re.compile(rf"(?:^|;)opacity:{_ZERO}(?:[\s;!]|$)")
_FADES_IN = re.compile(r"(?:^|;)(?:transform|will-change|transition|animation)[\w-]*:")
_AWAY = re.compile(rf"(?:^|;)(?:left|top|right|bottom|margin-left|margin-top):(?:{_FAR})(?:[\s;!]|$)")
_COLOUR = re.compile(r"(?:^|;)color:([^;!]+)")
_BACKGROUND = re.compile(r"(?:^|;)background(?:-color)?:([^;!]+)")
_SIZE = re.compile(r"(?:^|;)(?:max-)?(?:height|width):[01](?:px)?(?:[;!]|$)")
_SWITCHED = "//*[@class='switchinline' or @class='switch']/*[@hidden and starts-with(@id, 'default')]"
"""LibreOffice's help shows the words of the reader's system by a script; these are those for most systems."""
_LATE = "//*[@hidden and starts-with(@id, 'S:')]"
_SWITCHES = "//*[self::a or self::button or @role='tab' or @role='button'][@aria-controls or @data-target]"
_NO_PANEL = frozenset({"dialog", "alertdialog", "menu", "menubar", "navigation", "search", "tooltip"})
PAGE_CHARS = 1500
PAGE_SHARE = 0.6
"""A block with so much of all text, in or around the main part, is the page: a script shows it once it is loaded."""
_BRACE = re.compile(r"[{}]")
_TELLING = re.compile(r"display|visibility|opacity|font-size|indent|color|clip|overflow|transform|position", re.I)
_SIMPLE = re.compile(r"^(?:([a-z][a-z0-9]*)?)((?:[.#][\w-]+){1,4})$", re.IGNORECASE)
_DISPLAY = re.compile(r"(?:^|;)(display|visibility|opacity|font-size):")


@dataclass(frozen=True, slots=True)
class Rule:
    """One style rule with a simple selector. tag: "" for any; marks: `.class`, `#id`; hides: or shows;
    weight: specificity as CSS counts it."""

    tag: str
    marks: frozenset[str]
    hides: bool
    weight: int


def drop_hidden(tree: HtmlElement) -> int:
    """Remove, in place, what is not shown and what is never text. The number of characters hidden.

    What a script puts in its place, what a tab or an accordion unfolds, and the page as a whole stay.
    """
    rules = style_rules(" ".join(style.text or "" for style in tree.iter("style"))[:MAX_STYLE_CHARS])
    _show_late_parts(tree)
    for element in list(tree.iter(*_NEVER_TEXT)):
        _drop(element)
    panels, hidden, chars = _panels(tree), 0, 0
    for element in tree.xpath("//*[@style or @hidden or @class or @id or self::dialog]"):
        if not _is_hidden(element, rules) or element.tag in ("html", "body") or element.getparent() is None:
            continue
        text = element.text_content()
        if len(text) >= PAGE_CHARS:
            chars = chars or _chars(tree.text_content())
        if _is_panel(element, panels) or (len(text) >= PAGE_CHARS and _is_page(element, text, chars)):
            _show(element, rules)
        else:
            hidden += len(text)
            _drop(element)
    return hidden


def _show_late_parts(tree: HtmlElement) -> None:
    """React sends late parts of a page at its end, and a script puts them in their places, which `template`s keep;
    LibreOffice's help shows the words for the reader's system."""
    scripted = any("$RC=" in (script.text or "") for script in tree.iter("script"))
    if scripted or tree.xpath("//template[starts-with(@id, 'B:') or starts-with(@id, 'P:')]"):
        for element in tree.xpath(_LATE):
            del element.attrib["hidden"]
    for element in tree.xpath(_SWITCHED):
        del element.attrib["hidden"]


def _panels(tree: HtmlElement) -> frozenset[str]:
    """Ids of what the reader unfolds by a tab, a button or a link with text."""
    switches = [switch for switch in tree.xpath(_SWITCHES) if switch.text_content().strip()]
    named = (switch.get("aria-controls") or switch.get("data-target", "").lstrip("#") for switch in switches)
    return frozenset(named) - {""}


def _is_panel(element: HtmlElement, panels: frozenset[str]) -> bool:
    """Also what a tab with text in it names, the other way round."""
    if element.get("role") == "tabpanel" and (tab := element.get("aria-labelledby")):
        return any(named.text_content().strip() for named in element.xpath("id($tab)", tab=tab))
    return element.get("id") in panels and element.get("role") not in _NO_PANEL and element.tag != "dialog"


def _is_page(element: HtmlElement, text: str, chars: int) -> bool:
    """chars: of all text of the page."""
    if _chars(text) < PAGE_SHARE * chars:
        return False
    inner = next(element.iter("h1", "main"), None)
    return inner is not None or next(element.iterancestors("main"), None) is not None


def _show(element: HtmlElement, rules: dict[str, list[Rule]]) -> None:
    """So that nothing that comes later takes it for hidden; nor what the same rule hides."""
    for name in ("hidden", "style", "aria-hidden"):
        element.attrib.pop(name, None)
    for mark in _marks(element):
        rules.pop(mark, None)


def _chars(text: str) -> int:
    return len(" ".join(text.split()))


def hides(style: str) -> bool:
    """Whether a style makes text invisible. What is transparent only until it fades in is not hidden."""
    plain = re.sub(r"\s*([:;,(!])\s*", r"\1", _uncommented(style[:2000].lower())).strip()
    if _HIDING.search(plain) or (_FADED.search(plain) and not _FADES_IN.search(plain)):
        return True
    if ("position:absolute" in plain or "position:fixed" in plain) and _AWAY.search(plain):
        return True
    if "overflow:hidden" in plain and _SIZE.search(plain):
        return True
    colour, behind = _COLOUR.search(plain), _BACKGROUND.search(plain)
    return bool(colour and behind and _colour(colour.group(1)) == _colour(behind.group(1)))


def style_rules(css: str) -> dict[str, list[Rule]]:
    """The rules outside of @media that hide something, or show it again, by one of their classes or ids."""
    made: dict[tuple[str, frozenset[str]], Rule] = {}
    for selectors, body in _flat_rules(_uncommented(css)):
        if not _TELLING.search(body):
            continue
        simple = [found for part in selectors.split(",") if (found := _SIMPLE.match(part.strip()))]
        if not simple:
            continue
        hiding = hides(body)
        if not hiding and not _DISPLAY.search(re.sub(r"\s", "", body)):
            continue
        for found in simple:
            marks = frozenset(re.findall(r"[.#][\w-]+", found.group(2)))
            tag = (found.group(1) or "").lower()
            weight = sum(10 if mark[0] == "." else 100 for mark in marks) + bool(tag)
            made[tag, marks] = Rule(tag, marks, hiding, weight)  # the last one for a selector holds
    by_mark: dict[str, list[Rule]] = {}
    for rule in made.values():
        by_mark.setdefault(min(rule.marks), []).append(rule)
    return by_mark


def _flat_rules(css: str) -> Iterator[tuple[str, str]]:
    """Selectors and body of each rule that is not within an @-rule. One pass, however the braces stand."""
    start, depth, selectors = 0, 0, ""
    for brace in _BRACE.finditer(css):
        if brace.group() == "{":
            if depth == 0:
                selectors = css[start : brace.start()].rpartition(";")[2].strip()
            depth += 1
        else:
            if depth == 1 and not selectors.startswith("@"):
                yield selectors[:2000], css[start : brace.start()][:2000]
            depth = max(0, depth - 1)
        start = brace.end()


def _uncommented(css: str) -> str:
    first, *rest = css.split("/*")
    return first + "".join(part.partition("*/")[2] for part in rest)


def _is_hidden(element: HtmlElement, rules: dict[str, list[Rule]]) -> bool:
    if element.tag == "dialog" and "open" not in element.attrib:
        return True
    if "hidden" in element.attrib and element.get("hidden", "").lower() != "until-found":
        return True
    if "style" in element.attrib and hides(element.get("style", "")):
        return True
    classes = element.get("class", "").split()
    if not _READER_ONLY.isdisjoint(classes):
        return True
    return bool(rules) and _hidden_by_rule(element, rules)


def _marks(element: HtmlElement) -> set[str]:
    """Its classes and its id, as a selector writes them."""
    names = {f".{name}" for name in element.get("class", "").split()}
    return names | {f"#{element.get('id')}"} if element.get("id") else names


def _hidden_by_rule(element: HtmlElement, rules: dict[str, list[Rule]]) -> bool:
    """The most specific rule decides."""
    marks = _marks(element)
    verdict, weight = False, 0
    for rule in (rule for mark in marks for rule in rules.get(mark, ())):
        if rule.marks <= marks and rule.tag in ("", element.tag) and rule.weight >= weight:
            verdict, weight = rule.hides, rule.weight
    return verdict


def _colour(value: str) -> str:
    """One spelling for the colours that pages use to write white on white and black on black."""
    plain = value.strip().replace(" ", "")
    plain = {"white": "#fff", "black": "#000", "rgb(255,255,255)": "#fff", "rgb(0,0,0)": "#000"}.get(plain, plain)
    if re.fullmatch(r"#([0-9a-f])\1([0-9a-f])\2([0-9a-f])\3", plain):
        return "#" + plain[1] + plain[3] + plain[5]
    return plain


def _drop(element: HtmlElement) -> None:
    if element.getparent() is not None:
        element.drop_tree()
