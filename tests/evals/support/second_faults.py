"""A second set of faults by other rules than mutations.py, and true changes that must raise no alarm.

    python -m tests.evals.support.second_faults

Pages are made of sentence frames with facts drawn for each. An answer repeats a frame with one fact changed (a fault)
or written otherwise (a true change: another unit or notation, rounding, a double denial). A true change is an alarm
when it counts as unsupported or contradicted; a fault is caught when it does not count as supported.
"""

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.support import supports_of
from tests.evals.support.faults import Tally
from tools.page import Webpage

_FRAMES = 12  # pages for each case
TRUE = "true: "


@dataclass(frozen=True, slots=True)
class Case:
    """page and answer: the sentence as the page and as the answer has it; kind: what was changed."""

    kind: str
    page: str
    answer: str


def cases(draw: random.Random) -> Iterator[Case]:
    """One of each kind, with new facts."""
    year, day, hour = draw.randint(1950, 2019), draw.randint(2, 27), draw.randint(13, 98)
    many, few, share = draw.randint(21, 98), draw.randint(3, 9), draw.randint(12, 88)
    cities = draw.sample(("Lisbon", "Oslo", "Nairobi", "Toronto", "Lima", "Prague", "Hanoi"), 2)
    people = draw.sample(("Maria Santos", "John Keller", "Aisha Bello", "Peter Novak", "Linda Chow"), 2)
    places = draw.sample(("成都", "武汉", "西安", "南京", "杭州", "青岛"), 2)
    names = draw.sample(("王建国", "李秀英", "张伟明", "陈思远", "刘海涛"), 2)
    for kind, page, right, wrong in (
        ("day shifted", "The museum opened on {} May " + str(year) + ".", str(day), str(day + 1)),
        ("year shifted", "Construction of the northern bridge was finished in {}.", str(year), str(year + 1)),
        ("month shifted", "The treaty was signed in {} " + str(year) + ".", "March", "October"),
        ("before and after", f"The station was closed {{}} the war of {year}.", "before", "after"),
        ("increase", f"Sales of electric buses {{}} by {share} percent last year.", "increased", "fell"),
        ("superlative", "It is the {} lake of the province, fed by two rivers.", "largest", "smallest"),
        ("city", "The company moved its headquarters to {} after the merger.", *cities),
        ("person", "The expedition was led by {} and lasted four months.", *people),
        ("thousandfold", f"The project cost {many} {{}} dollars.", "million", "billion"),
        ("points", f"Unemployment fell by {few} {{}} within a year.", "percent", "percentage points"),
        ("unit", f"The tunnel is {hour} {{}} long and was dug by hand.", "kilometres", "miles"),
        ("denial", "The vaccine {} recommended for pregnant women.", "is", "is not"),
        ("quantifier", "{} of the patients recovered within a week.", "All", "None"),
        ("order", "{} defeated {} in the final.", f"{people[0]}|{people[1]}", f"{people[1]}|{people[0]}"),
        ("万亿", f"该项目总投资{many}{{}}元。", "万", "亿"),
        ("日期", f"博物馆于{year}年5月{{}}日对外开放。", str(day), str(day + 1)),
        ("年份", "大桥于{}年建成通车。", str(year), str(year - 2)),
        ("百分点", f"失业率下降了{few}{{}}。", "%", "个百分点"),
        ("增减", f"去年新能源汽车销量{{}}了{share}%。", "增长", "下降"),
        ("最", "该湖是全省面积{}的湖泊。", "最大", "最小"),
        ("城市", "合并之后，公司将总部迁至{}。", *places),
        ("人名", "考察队由{}率领，历时四个月。", *names),
        ("前后", "车站在战争爆发{}关闭。", "之前", "之后"),
        ("否定", "孕妇{}接种这种疫苗。", "可以", "不可以"),
        ("单位", f"隧道全长{hour}{{}}，由人工开凿。", "公里", "英里"),
    ):
        yield Case(kind, _filled(page, right), _filled(page, wrong))
    yield from _true(draw, year, many)


def _filled(frame: str, facts: str) -> str:
    return frame.format(*facts.split("|"))


def _true(draw: random.Random, year: int, many: int) -> Iterator[Case]:
    """The same facts, written otherwise."""
    day, exact = draw.randint(13, 27), draw.randint(1_120, 9_880)
    for kind, page, answer in (
        ("metres", f"The tunnel is {many} km long.", f"The tunnel is {many * 1000:,} metres long."),
        ("hours", f"The flight takes {many * 60} minutes.", f"The flight takes {many} hours."),
        ("notation", f"The museum opened on {day} May {year}.", f"The museum opened on May {day}, {year}."),
        ("iso date", f"The museum opened on {day} May {year}.", f"The museum opened on {year}-05-{day}."),
        ("million", f"The city has {many},400,000 inhabitants.", f"The city has {many}.4 million inhabitants."),
        ("rounded", f"The bridge is {exact} metres long.", f"The bridge is about {round(exact, -2)} metres long."),
        ("percent", f"The share rose to {many} percent.", f"The share rose to {many}%."),
        ("double denial", "The vaccine is safe for adults.", "The vaccine is not unsafe for adults."),
        ("passive", "Maria Santos founded the school.", "The school was founded by Maria Santos."),
        ("万", f"该市有{many}0000名居民。", f"该市有{many}万名居民。"),
        ("公里", f"隧道全长{many}公里。", f"隧道全长{many * 1000}米。"),
        ("约", f"大桥全长{exact}米。", f"大桥全长约{round(exact, -2)}米。"),
        ("日", f"博物馆于{year}年5月{day}日开放。", f"{year}-05-{day}，博物馆开放。"),
        ("汉字", f"该校有{many}名教师。", f"该校共有{_han(many)}名教师。"),
        ("百分之", f"比例上升到{many}%。", f"比例上升到百分之{_han(many)}。"),
        ("双重否定", "成年人都可以接种这种疫苗。", "成年人不是不可以接种这种疫苗。"),
    ):
        yield Case(TRUE + kind, page, answer)


def _han(number: int) -> str:
    digits = "零一二三四五六七八九"
    return f"{digits[number // 10]}十{digits[number % 10] if number % 10 else ''}"


_AROUND = {
    False: ("The region lies by the sea and has mild winters.", "Many visitors come in spring."),
    True: ("该地区濒临大海，冬季温和。", "春天游客众多。"),
}


def rates(seed: int = 3) -> dict[str, Tally]:
    """By kind."""
    draw, counted = random.Random(seed), dict[str, Tally]()
    for _ in range(_FRAMES):
        for case in cases(draw):
            before, behind = _AROUND["。" in case.page]
            page = Webpage("https://page.example/1", "", f"{before} {case.page} {behind}")
            verdicts = [one.verdict for one in supports_of(f"{case.answer}[citation:1]", [page])]
            counted.setdefault(case.kind, Tally()).add(verdicts)
    return counted


def shares(counted: dict[str, Tally]) -> dict[str, tuple[int, int]]:
    """faults: (caught, planted); true changes: (alarms, answers), (partial, answers)."""
    found = {"faults": [0, 0], "alarms": [0, 0], "partial": [0, 0]}
    for kind, tally in counted.items():
        for name, count in _counts(kind, tally):
            found[name][0] += count
            found[name][1] += tally.answers
    return {name: (count, of) for name, (count, of) in found.items()}


def _counts(kind: str, tally: Tally) -> Sequence[tuple[str, int]]:
    if kind.startswith(TRUE):
        return ("alarms", tally.alarms), ("partial", tally.partial)
    return (("faults", tally.caught),)


def main() -> int:
    counted = rates()
    for kind, tally in counted.items():
        said = ", ".join(f"{name} {count} of {tally.answers}" for name, count in _counts(kind, tally))
        print(f"{kind:22} {said}")
    print(", ".join(f"{name} {count} of {of}" for name, (count, of) in shares(counted).items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
