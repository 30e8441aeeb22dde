"""Taking out of a page what its reader does not see: hidden text is where instructions to a model are put.

Only the page itself is read: inline styles, `<style>` elements, attributes and the usual class names. What an
outside style sheet or a script hides stays out of reach.
"""

import re
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
    rf"|opacity:{_ZERO}|font-size:(?:{_ZERO}|[01](?:\.\d+)?px)|text-indent:(?:{_FAR})"
    r"|color:transparent|transform:scale\(0[,)0.]"
    r"|clip:rect\((?:0|1px)|clip-path:(?:inset\((?:50|100)%|circle\(0)"
    r")(?:[\s;,!)]|$)"
)
_AWAY = re.compile(rf"(?:^|;)(?:left|top|right|bottom|margin-left|margin-top):(?:{_FAR})(?:[\s;!]|$)")
_COLOUR = re.compile(r"(?:^|;)color:([^;!]+)")
_BACKGROUND = re.compile(r"(?:^|;)background(?:-color)?:([^;!]+)")
_SIZE = re.compile(r"(?:^|;)(?:max-)?(?:height|width):[01](?:px)?(?:[;!]|$)")
_RULE = re.compile(r"([^{}]{1,2000})\{([^{}]{0,2000})\}")
_NESTED = re.compile(r"@[^{};]{0,300}\{(?:[^{}]{0,5000}\{[^{}]{0,5000}\}){0,400}\s*\}")
_SIMPLE = re.compile(r"^(?:([a-z][a-z0-9]*)?)((?:[.#][\w-]+){1,4})$", re.IGNORECASE)
_DISPLAY = re.compile(r"(?:^|;)(display|visibility|opacity|font-size):")


@dataclass(frozen=True, slots=True)
class Rule:
    """One style rule with a simple selector. tag: "" for any; marks: `.class`, `#id`; hides: or shows."""

    tag: str
    marks: frozenset[str]
    hides: bool


def drop_hidden(tree: HtmlElement) -> int:
    """Remove, in place, what is not shown and what is never text. The number of characters hidden."""
    rules = style_rules(" ".join(style.text or "" for style in tree.iter("style"))[:MAX_STYLE_CHARS])
    for element in list(tree.iter(*_NEVER_TEXT)):
        _drop(element)
    hidden = 0
    for element in tree.xpath("//*[@style or @hidden or @class or @id or self::dialog]"):
        if (
            element.tag not in ("html", "body")
            and element.getparent() is not None
            and _is_hidden(element, rules)
        ):
            hidden += len(element.text_content())
            _drop(element)
    return hidden


def hides(style: str) -> bool:
    """Whether an inline style makes text invisible. style: as written in the attribute."""
    plain = re.sub(r"\s*([:;,(!])\s*", r"\1", re.sub(r"/\*.{0,500}?\*/", "", style.lower())).strip()
    if _HIDING.search(plain):
        return True
    if ("position:absolute" in plain or "position:fixed" in plain) and _AWAY.search(plain):
        return True
    if "overflow:hidden" in plain and _SIZE.search(plain):
        return True
    colour, behind = _COLOUR.search(plain), _BACKGROUND.search(plain)
    return bool(colour and behind and _colour(colour.group(1)) == _colour(behind.group(1)))


def style_rules(css: str) -> tuple[Rule, ...]:
    """The rules outside of @media that hide something, or show it again, by class or id."""
    plain = _NESTED.sub("", re.sub(r"/\*.{0,5000}?\*/", "", css, flags=re.DOTALL))
    made: list[Rule] = []
    for selectors, body in _RULE.findall(plain):
        hiding = hides(body)
        if not hiding and not _DISPLAY.search(re.sub(r"\s", "", body)):
            continue
        for selector in selectors.split(","):
            if found := _SIMPLE.match(selector.strip()):
                marks = frozenset(re.findall(r"[.#][\w-]+", found.group(2)))
                made.append(Rule((found.group(1) or "").lower(), marks, hiding))
    return tuple(made[:2000])


def _is_hidden(element: HtmlElement, rules: tuple[Rule, ...]) -> bool:
    if element.tag == "dialog" and "open" not in element.attrib:
        return True
    if "hidden" in element.attrib and element.get("hidden", "").lower() != "until-found":
        return True
    if hides(element.get("style", "")):
        return True
    classes = element.get("class", "").split()
    if not _READER_ONLY.isdisjoint(classes):
        return True
    return bool(rules) and _hidden_by_rule(element, classes, rules)


def _hidden_by_rule(element: HtmlElement, classes: list[str], rules: tuple[Rule, ...]) -> bool:
    """The most specific rule decides, the later one among equals."""
    marks = {f".{name}" for name in classes} | ({f"#{element.get('id')}"} if element.get("id") else set())
    verdict, weight = False, 0
    for rule in rules:
        if rule.marks <= marks and rule.tag in ("", element.tag):
            own = sum(10 if mark[0] == "." else 100 for mark in rule.marks) + bool(rule.tag)
            if own >= weight:
                verdict, weight = rule.hides, own
    return verdict


def _colour(value: str) -> str:
    """One spelling for the colours that pages use to write white on white and black on black."""
    plain = value.strip().replace(" ", "")
    plain = {"white": "#fff", "black": "#000", "rgb(255,255,255)": "#fff", "rgb(0,0,0)": "#000"}.get(
        plain, plain
    )
    if re.fullmatch(r"#([0-9a-f])\1([0-9a-f])\2([0-9a-f])\3", plain):
        return "#" + plain[1] + plain[3] + plain[5]
    return plain


def _drop(element: HtmlElement) -> None:
    if element.getparent() is not None:
        element.drop_tree()
