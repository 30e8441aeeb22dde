"""The table of whole questions: what R1 says in each planner turn, in its answer and when it is asked to mend it.

Read twice, as cases.py is. Standard library only. A new talk is a new row. The pages are those of tests/fakes.py:
[webpage 1] tides and the moon, [webpage 2] the sun.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from cases import PAGE_CALL, call, calling, thought

ENOUGH = thought("Enough.", "enough")
MOON = "The moon pulls the sea twice a day"
SUN = "The sun adds to the tides at new moon"
SEARCH = call("web_search", '{"query": "tides moon"}')
OPEN = call("open_page", '{"url": "https://b.example/sun"}')


@dataclass(frozen=True)
class Talk:
    """plans: R1's raw output turn by turn, then `enough`. answer and repair: raw output, too.

    Expected: queries of the first plan, status and text of the answer (None: not said), dropped markers, rules
    that stay broken, supports as (number, verdict) or all of them supported.
    """

    name: str
    answer: str | Callable[[str], str]
    plans: tuple[str, ...] = (thought("Search.", calling(SEARCH)),)
    repair: str = thought("I cannot.", "")
    queries: tuple[str, ...] = ("tides moon",)
    status: str = "answered"
    text: str | None = None
    dropped: int = 0
    flaws: tuple[str, ...] = ()
    supports: tuple[tuple[int, str], ...] | None = None
    all_supported: bool = False
    fallback: str = ""
    degraded: str = ""
    question: str = "Why are there tides?"

    def says(self, prompt: str) -> str:
        """The reply to a rendered prompt: a planner's, the answer's or the repair's."""
        if "You have the following functions available" in prompt:
            turn = prompt.count("<｜tool▁outputs▁begin｜>")
            return self.plans[turn] if turn < len(self.plans) else ENOUGH
        if "breaks these rules" in prompt or "违反了以下规则" in prompt:
            return self.repair
        return self.answer(prompt) if callable(self.answer) else self.answer


def quoting(prompt: str) -> str:
    """An answer from the pages in the prompt itself: the first plain sentence of each, cited."""
    blocks = re.findall(r"\[webpage (\d+) begin\].*?\n\n(.*?)\n\[webpage \d+ end\]", prompt, re.DOTALL)
    said = [f"{sentence}[citation:{number}]{stop}" for number, text in blocks for sentence, stop in _plain(text)[:1]]
    return thought("Quote them.", "\n\n".join(said[:4]))


def _plain(text: str) -> list[tuple[str, str]]:
    """Sentences that stand on one line without markup, with their full stops."""
    return re.findall(r"^([A-Z\u4e00-\u9fff][^.。`*#|\[\]‹\n]{12,300})(。|\.(?=\s|$))", text, re.MULTILINE)


def from_the_moons_page(prompt: str) -> str:
    """Cites the page that says so under whatever number it has here."""
    number = re.findall(r"\[webpage (\d+) begin\]", prompt.split("潮汐由月球引力引起")[0])[-1]
    return thought("想。", f"潮汐由月球引力引起[citation:{number}]。满月时出现大潮[citation:{number}]。")


GOOD = f"{MOON}[citation:1]. {SUN}[citation:2]."
BOTH = ((1, "supported"), (2, "supported"))

TALKS = {
    talk.name: talk
    for talk in (
        Talk("good", thought("Two pages.", GOOD), text=GOOD, supports=BOTH),
        Talk("good-zh", from_the_moons_page, question="为什么会有潮汐？", all_supported=True),
        Talk(
            "two-calls-in-one-turn",
            thought("Two pages.", GOOD),
            plans=(thought("Both.", calling(SEARCH, OPEN)),),
            text=GOOD,
        ),
        Talk(
            "two-rounds",
            thought("Two pages.", GOOD),
            plans=(thought("First.", calling(SEARCH)), thought("Then.", calling(OPEN))),
            text=GOOD,
        ),
        Talk(
            "markers-of-all-kinds",
            thought("Hm.", f"{MOON}【citation:1】. {SUN} [citation: 2]. Both[citation:1,2]. Full［citation：１］."),
            text=f"{MOON}[citation:1]. {SUN} [citation:2]. Both[citation:1][citation:2]. Full[citation:1].",
        ),
        Talk(
            "bad-markers",
            thought("Hm.", f"{MOON}[citation:1]. {SUN}[citation:2]. Gold[citation:9]. Lead[citation:0]."),
            text=f"{MOON}[citation:1]. {SUN}[citation:2]. Gold. Lead.",
            dropped=2,
        ),
        Talk(
            "unsupported",
            thought("Hm.", f"{MOON}[citation:1]. Bananas grow in Iceland since 1950[citation:2]."),
            supports=((1, "supported"), (2, "unsupported")),
        ),
        Talk("uncited-then-mended", thought("Hm.", f"{MOON}. {SUN}."), repair=thought("Mend.", GOOD), text=GOOD),
        Talk("uncited-for-good", thought("Hm.", f"{MOON}. {SUN}."), status="uncited", flaws=("uncited",)),
        Talk("call-in-the-reasoning", thought("Hm.", GOOD), plans=("<think>\nI call " + calling(SEARCH),), text=GOOD),
        Talk(
            "no-call",
            thought("Hm.", GOOD),
            plans=(ENOUGH,),
            queries=("Why are there tides? talk:no-call",),
            fallback="no_call",
            text=GOOD,
        ),
        Talk(
            "broken-call",
            thought("Hm.", GOOD),
            plans=(thought("Hm.", calling(call("web_search", '{"query": "tides moon"'))),),
            queries=("Why are there tides? talk:broken-call",),
            fallback="no_call",
            text=GOOD,
        ),
        Talk("reasoning-never-closed", f"<think>\n{GOOD}", text=GOOD),
        Talk("call-in-the-answer", thought("Hm.", GOOD + calling(PAGE_CALL)), text=GOOD),
        Talk("no-text-twice", thought("Only this."), degraded="model_misbehaved"),
        Talk("cut-by-max-tokens", thought("Hm.", f"{MOON}[citation:1]. " * 60), status="partial"),
        Talk(
            "debian",
            quoting,
            plans=(thought("Search.", calling(call("web_search", '{"query": "upgrade Debian next stable release"}'))),),
        ),
        Talk(
            "debian-zh",
            quoting,
            plans=(thought("搜索。", calling(call("web_search", '{"query": "Debian 静态 IP 地址 配置"}'))),),
        ),
        Talk("from-the-pages", quoting, supports=BOTH),
    )
}
