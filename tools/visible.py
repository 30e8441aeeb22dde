"""Taking out of a page what its reader does not see: hidden text is where instructions to a model are put.

Only the page itself is read: inline styles, `<style>` elements, attributes and the usual class names. What an
outside style sheet or a script hides stays out of reach.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml.etree import XPath
from lxml.html import HtmlElement

MAX_STYLE_CHARS = 200_000
MAX_STYLE_DEPTH = 8

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
_ZERO = r"(?:0+(?:\.0*)?|\.0+)(?:px|pt|r?em|%|vw|vh)?"
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
_CANDIDATES = XPath("//*[@style or @hidden or @class or @id or self::dialog]")
_NO_PANEL = frozenset({"dialog", "alertdialog", "menu", "menubar", "navigation", "search", "tooltip"})
PAGE_CHARS = 1500
PAGE_SHARE = 0.6
"""A block with so much of all text, in or around the main part, is the page: a script shows it once it is loaded."""
_TELLING = re.compile(
    r"display|visibility|opacity|font-size\s*:\s*[01.]|text-indent\s*:\s*-|clip|absolute|fixed"
    r"|overflow\s*:\s*hid|transform\s*:\s*scale|color\s*:\s*transparent|color\s*:.*background|background.*color\s*:",
    re.IGNORECASE | re.DOTALL,
)
_DESK = re.compile(
    r"^@(?:layer\b|media\s*(?:only\s+)?(?:(?:screen|all)(?:\s+and\s+|$))?"
    r"(?:\(\s*(?:min-width\s*:|width\s*>=?)\s*(?:(?:\d{1,3}|1[0-2]\d\d)(?:\.\d+)?px|[1-7]?\d(?:\.\d+)?r?em)\s*\)\s*)?$)",
    re.IGNORECASE,
)
"""At-rules that hold on the screen of a desk, whose reader is the one that is meant."""
_SIMPLE = re.compile(r"^(?:([a-z][a-z0-9]*)?)((?:[.#](?:[\w-]|\\[^\w\s])+){1,4})$", re.IGNORECASE)
_MARK = re.compile(r"[.#](?:[\w-]|\\[^\w\s])+")
_DISPLAY = re.compile(r"(?:^|;)(display|visibility|opacity|font-size):")


@dataclass(frozen=True, slots=True)
class Rule:
    """One style rule with a simple selector. tag: "" for any; marks: `.class`, `#id`; hides: or shows;
    weight: specificity as CSS counts it, then its place."""

    tag: str
    marks: frozenset[str]
    hides: bool
    weight: tuple[int, int]


def drop_hidden(tree: HtmlElement) -> int:
    """Remove, in place, what is not shown and what is never text. The number of characters hidden.

    What a script puts in its place, what a tab or an accordion unfolds, and the page as a whole stay.
    """
    rules = style_rules(" ".join(map(_css, tree.iter("style")))[:MAX_STYLE_CHARS])
    told: dict[str, bool] = {}
    _show_late_parts(tree)
    for element in list(tree.iter(*_NEVER_TEXT)):
        _drop(element)
    panels, hidden, chars = _panels(tree), 0, 0
    for element in [element for element in _CANDIDATES(tree) if _may_hide(element, rules, told)]:
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
    if "/*" not in style and not _TELLING.search(style):
        return False
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
    """The rules that hide something, or show it again, by one of their classes or ids."""
    made: dict[tuple[str, frozenset[str]], Rule] = {}
    for place, (selectors, body) in enumerate(_flat_rules(_uncommented(css))):
        simple = [found for part in selectors.split(",") if (found := _SIMPLE.match(part.strip()))]
        if not simple:
            continue
        hiding = hides(body)
        if not hiding and not _DISPLAY.search(re.sub(r"\s", "", body)):
            continue
        for found in simple:
            marks = frozenset(mark.replace("\\", "") for mark in _MARK.findall(found.group(2)))
            tag = (found.group(1) or "").lower()
            weight = sum(10 if mark[0] == "." else 100 for mark in marks) + bool(tag)
            made[tag, marks] = Rule(tag, marks, hiding, (weight, place))  # the last one for a selector holds
    by_mark: dict[str, list[Rule]] = {}
    for rule in made.values():
        by_mark.setdefault(min(rule.marks), []).append(rule)
    return by_mark


def _css(style: HtmlElement) -> str:
    """The rules of a style element, within an @media where the element is for some screens only."""
    css, media = style.text or "", style.get("media", "all").strip().lower()
    return css if media in ("", "all", "screen") else f"@media {media}{{{css}}}"


def _flat_rules(css: str) -> Iterator[tuple[str, str]]:
    """Selectors and body of each rule that tells of visibility on the screen of a desk. One pass, however the
    braces stand."""
    above: list[str] = []
    for part in css.split("}"):
        *opening, body = part.split("{")
        if not opening:
            above = above[:-1]
            continue
        selectors = opening.pop().rpartition(";")[2].strip()
        above += [at_rule.rpartition(";")[2].strip()[:200] for at_rule in opening[:MAX_STYLE_DEPTH]]
        if _TELLING.search(body) and selectors[:1] != "@" and all(map(_DESK.match, above)):
            yield selectors[:2000], body[:2000]


def _uncommented(css: str) -> str:
    first, *rest = css.split("/*")
    return first + "".join(part.partition("*/")[2] for part in rest)


def _may_hide(element: HtmlElement, rules: dict[str, list[Rule]], told: dict[str, bool]) -> bool:
    """Whether a closer look is worth its time. told: for each value of `class` whether one of its names counts."""
    names = element.get("class")
    if names is not None:
        if names not in told:
            classes = names.split()
            told[names] = not _READER_ONLY.isdisjoint(classes) or any(f".{name}" in rules for name in classes)
        if told[names]:
            return True
    if element.get("style") or element.get("hidden") is not None or element.tag == "dialog":
        return True
    name = element.get("id")
    return name is not None and f"#{name}" in rules


def _is_hidden(element: HtmlElement, rules: dict[str, list[Rule]]) -> bool:
    if element.tag == "dialog" and "open" not in element.attrib:
        return True
    if (hidden := element.get("hidden")) is not None and hidden.lower() != "until-found":
        return True
    if (style := element.get("style")) and hides(style):
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
    verdict, weight = False, (0, 0)
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
