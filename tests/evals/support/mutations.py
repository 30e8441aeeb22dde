"""Faults that a model makes, planted into a sentence.

Each returns the changed sentence, or None where it finds no place for its fault.
"""

import random
import re
from collections.abc import Callable, Sequence

Mutation = Callable[[str, random.Random], str | None]

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\w]*[a-zA-Z\d])")
_HAN_NUMBER = re.compile(r"[二三四五六七八九](?=[十百千万亿个年月天名次种岁位])")
_UNITS = tuple(
    tuple(line.split("/"))
    for line in """
million/billion
billion/million
thousand/million
kilometres/miles
miles/kilometers
km/miles
kg/pounds
metres/feet
meters/feet
feet/metres
years/months
months/years
days/weeks
hours/minutes
minutes/hours
weeks/days
percent/per mille
%/‰
$/€
£/$
°C/°F
inches/feet
tons/kilograms
万/亿
亿/万
公里/米
米/公里
千克/克
公斤/克
美元/欧元
人民币/美元
分钟/小时
小时/分钟
个月/年
吨/公斤
厘米/毫米
英里/公里
英尺/米
升/毫升
岁/个月
天/周
元/万元
""".split("\n")[1:-1]
)
_DISTORTED = tuple(
    tuple(line.split("/"))
    for line in """
increase/decrease
increased/decreased
rise/fall
rose/fell
more/fewer
before/after
after/before
largest/smallest
highest/lowest
first/last
oldest/youngest
most/least
always/never
north/south
south/north
east/west
northern/southern
southern/northern
eastern/western
western/eastern
won/lost
high/low
large/small
larger/smaller
higher/lower
lower/higher
above/below
allowed/forbade
supported/opposed
accepted/rejected
success/failure
early/late
增加/减少
增长/下降
上升/下降
下降/上升
提高/降低
降低/提高
减少/增加
最大/最小
最高/最低
最早/最晚
之前/之后
以前/以后
之后/之前
支持/反对
成功/失败
允许/禁止
北部/南部
南部/北部
东部/西部
西部/东部
开始/结束
优势/劣势
简单/复杂
容易/困难
高于/低于
超过/低于
重要/次要
""".split("\n")[1:-1]
)
_NEGATED = (
    (r"\b(is|are|was|were|can|could|will|would|has|have|had|did|does|do|must|should|may)\b(?! not)", r"\1 not"),
    (r"(?<![不没])(可以|能够|能|是|会|应该|需要|属于|包括|允许|支持)(?!否)", r"不\1"),
    (r"(?<!没)有(?=[\u4e00-\u9fff])", "没有"),
)


def number(sentence: str, draw: random.Random) -> str | None:
    """Another number in the same place: a digit changed, ten times as much, or a little more."""
    places = list(_NUMBER.finditer(sentence))
    if places:
        place = draw.choice(places)
        return sentence[: place.start()] + _other_number(place[0], draw) + sentence[place.end() :]
    if han := list(_HAN_NUMBER.finditer(sentence)):
        place = draw.choice(han)
        other = draw.choice([c for c in "二三四五六七八九" if c != place[0]])
        return sentence[: place.start()] + other + sentence[place.end() :]
    return None


def _other_number(written: str, draw: random.Random) -> str:
    at = draw.choice([i for i, c in enumerate(written) if c.isdigit()])
    digit = draw.choice([c for c in "123456789" if c != written[at]])
    return draw.choice(
        (written[:at] + digit + written[at + 1 :], written + "0" if "," not in written else "7" + written)
    )


def unit(sentence: str, draw: random.Random) -> str | None:
    """Another unit behind (or before) a number."""
    places = [found for pair in _UNITS for found in _beside_number(sentence, pair)]
    if not places:
        return None
    start, end, other = draw.choice(places)
    return sentence[:start] + other + sentence[end:]


def _beside_number(sentence: str, pair: Sequence[str]) -> list[tuple[int, int, str]]:
    old, new = pair
    if old in "$£":
        return [(m.start(), m.end(), new) for m in re.finditer(re.escape(old) + r"(?=\d)", sentence)]
    edge = r"(?![a-zA-Z])" if old[-1].isascii() and old[-1].isalpha() else ""
    numeral = r"(?<=[\d二三四五六七八九十百千万亿])\s?"
    pattern = rf"{numeral}(?P<unit>{re.escape(old)}){edge}"
    return [(m.start("unit"), m.end("unit"), new) for m in re.finditer(pattern, sentence)]


def negation(sentence: str, draw: random.Random) -> str | None:
    fits = [(pattern, new) for pattern, new in _NEGATED if re.search(pattern, sentence)]
    if not fits:
        return None
    pattern, new = draw.choice(fits)
    return re.sub(pattern, new, sentence, count=1)


def distortion(sentence: str, draw: random.Random) -> str | None:
    """The opposite word in an otherwise unchanged sentence."""
    fits = [pair for pair in _DISTORTED if re.search(_whole(pair[0]), sentence)]
    if not fits:
        return None
    old, new = draw.choice(fits)
    return re.sub(_whole(old), new, sentence, count=1)


def _whole(word: str) -> str:
    return rf"\b{word}\b" if word.isascii() else word


def name(sentence: str, names: Sequence[str], draw: random.Random) -> str | None:
    """One of `names` that stands in the sentence replaced by one that does not."""
    inside = [one for one in names if re.search(_whole(re.escape(one)), sentence)]
    outside = [
        one for one in names if one not in sentence and not any(one in other or other in one for other in inside)
    ]
    if not inside or not outside:
        return None
    return re.sub(_whole(re.escape(draw.choice(inside))), lambda _: draw.choice(outside), sentence, count=1)
