"""Answers put together at random of what could hurt a page: Markdown, HTML, TeX, links, chips, look-alikes."""

from collections.abc import Iterator
from random import Random

from tests.page.hostile import EVIL, MARKDOWN, MARKUP, RUN

SIGNS = (
    *"*_`~[]()<>!#|$\\&;:=\"'{}^-+. \n\t",
    *(
        "\n\n",
        "```",
        "~~~",
        "$$",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "    ",
        "- ",
        "1. ",
        "> ",
        "|---|",
        "](",
        "<!--",
        "-->",
        "&#x",
    ),
)
TEX = (
    f"\\href{{javascript:{RUN}}}{{x}}",
    f"\\url{{{EVIL}}}",
    f"\\includegraphics{{{EVIL}/a.png}}",
    f"\\htmlStyle{{position:fixed;background:url({EVIL})}}{{x}}",
    f"\\htmlData{{a={RUN}}}{{x}}",
    "\\htmlClass{main}{x}",
    "\\htmlId{send}{x}",
    "\\raisebox{900em}{Log in}",
    "\\kern{-900em}Log in\\kern{900em}",
    "\\rule{9999em}{9999em}",
    "\\mathllap{Log in with your key on this page}",
    "\\def\\x{\\x\\x}\\x",
    "\\gdef\\frac#1#2{\\href{javascript:1}{#1}}",
    "\\frac{1}{2}",
    "\\Huge x",
    "\\color{red}\\colorbox{white}{Ask}",
    "\\begin{matrix}a&b\\\\c\\end{matrix}",
    "\\text{<img src=x onerror=window.pwned=1>}",
    "\\unicode{x}",
    '\\char"202e',
)
ODD = (
    "\u202e",
    "\u2066",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\u0000",
    "\ufffd",
    "a" + "\u0301" * 80,
    "\U0001f3f4\u200d\u2620\ufe0f",
    "ｃｉｔａｔｉｏｎ:1",
    "[citation:1]",
    "[citation:2]",
    "[citation:99]",
    "[cіtation:1]",
    "[citation:1",
    "[[citation:1]]",
    "[citation:1](x)",
)
ADDRESSES = (
    "https://tai.example/height",
    "https://tai.example/height#a",
    "https://tai.example@evil.example/",
    "//evil.example",
    "javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "blob:x",
    "file:///etc/passwd",
    f"{EVIL}/x",
    "https://tаi.example/height",
    "/login",
    "#send",
    "mailto:a@b.c",
)
OURS = (
    '<span class="cite">1</span>',
    '<span class="math">\\href{javascript:1}{x}</span>',
    '<div class="wide" id="send">x</div>',
    '<button class="chip supported">1 ✓</button>',
    '<p class="notice" data-say="stopped">x</p>',
    '<input id="key" form="login">',
    '<a href="https://tai.example/height" id=card style="position:fixed;inset:0">x</a>',
    "<style>.chip{display:none}</style>",
)
PARTS = (MARKUP, MARKDOWN, SIGNS, SIGNS, TEX, ODD, ADDRESSES, OURS, ("word ", "词语", "A sentence. ", "x"))


def mixtures(count: int, seed: int) -> Iterator[str]:
    """count texts; the same ones for the same seed."""
    random = Random(seed)
    for _ in range(count):
        yield "".join(wrapped(random, random.choice(random.choice(PARTS))) for _ in range(random.randint(2, 14)))


def wrapped(random: Random, part: str) -> str:
    """Every so often within something else, or cut off."""
    kind = random.randrange(12)
    forms = {
        0: f"[{part}]({random.choice(ADDRESSES)})",
        1: f"**{part}**",
        2: f"$${part}$$",
        3: f"\\({part}\\)",
        4: f"\n- {part}\n",
        5: f"\n| {part} | b |\n|---|---|\n| {part} |\n",
        6: f"`{part}`",
        7: part[: random.randrange(len(part) + 1)],
        8: f"\n> {part}",
        9: f"\n[a]: {random.choice(ADDRESSES)} '{part}'\n[a]",
    }
    return forms.get(kind, part)
