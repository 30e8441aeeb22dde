"""Numbers, dates and measures of Chinese and English text, compared by value and not by their letters.

1,361万, 13.61 million and 一千三百六十一万 are one number; 2017年7月21日, July 21, 2017 and 2017-07-21 one date;
5 km is 5,000 米. Signs are not read (the dash of "2018-2019" is no minus). Time is linear in the text.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from agent.numbers_units import CURRENCIES, ENGLISH, HAN_DIGITS, HAN_SCALES, MONTHS, SCALES, UNITS
from tools.text import fold

_ROUNDED = 0.05  # relative: how far "about 1.2亿" may be from the page's number
_CONVERTED = 0.02  # relative: between different units of one dimension ("3 miles" and "4.8 km")
_EXACT = 1e-9
_MOST_COUNTED = 12
_YEAR_WRITTEN = re.compile(r"1\d{3}|20\d\d")


@dataclass(frozen=True, slots=True)
class Quantity:
    """values: what it may mean, in the unit as written (more than one for 05/06/2019); unit: "" when none is named;
    digits: how many significant digits are written; about: "about", "nearly", "more than" stand by it;
    firm: a page must hold it (`one` and `一` often count nothing); counts: a small number written as a word."""

    values: tuple[float, ...]
    unit: str = ""
    digits: int = 1
    about: bool = False
    firm: bool = True
    counts: bool = False


@lru_cache(maxsize=16_384)
def quantities(text: str) -> tuple[Quantity, ...]:
    """All of them, dates first; a date gives its year, its month and its day with the month."""
    folded = _SEAM.sub(" ", _ENUMERATED.sub(" ", _GROUPED.sub("", fold(text))))
    found: list[Quantity] = []
    for pattern, read in _DATES:
        if pattern.search(folded):
            for match in pattern.finditer(folded):
                found += read(match)
            folded = pattern.sub(" ; ", folded)
    literals = [Quantity((), match[0]) for match in _LITERAL.finditer(folded)]
    return (*found, *literals, *_measures(_LITERAL.sub(" ; ", folded)))


def without_measures(text: str) -> str:
    """The folded text without its dates, numbers and units: what is said of them."""
    folded = _SEAM.sub(" ", _GROUPED.sub("", fold(text)))
    for pattern, _ in _DATES:
        folded = pattern.sub(" ", folded)
    return _MEASURE.sub(" ", _LITERAL.sub(" ", folded))


def missing(wanted: Sequence[Quantity], held: Sequence[Quantity]) -> tuple[Quantity, ...]:
    """The firm ones of `wanted` that nothing in `held` agrees with."""
    return tuple(one for one in wanted if one.firm and not any(agree(one, other) for other in held))


def clash(lacking: Sequence[Quantity], wanted: Sequence[Quantity], held: Sequence[Quantity]) -> bool:
    """Whether the page has another number of the same measure where one of `lacking` should stand."""
    free = [one for one in held if one.firm and not any(agree(other, one) for other in wanted)]
    return any(_measure_of(one) == _measure_of(other) for one in lacking for other in free)


def is_year(quantity: Quantity) -> bool:
    return bool(quantity.values) and not quantity.unit and quantity.digits == 4 and 1000 <= quantity.values[0] <= 2100


def _measure_of(quantity: Quantity) -> str:
    if not quantity.values:
        return "literal"
    if is_year(quantity):
        return "year"
    return UNITS[quantity.unit][0] if quantity.unit in UNITS else quantity.unit


def agree(claimed: Quantity, held: Quantity) -> bool:
    """Whether a page that holds the one says the other. A unit that is not named agrees with every unit but dates'."""
    if not claimed.values or not held.values:
        return claimed.unit == held.unit
    if claimed.unit in _CALENDAR or held.unit in _CALENDAR:
        return claimed.unit == held.unit and bool(set(claimed.values) & set(held.values))
    factors = _factors(claimed.unit, held.unit)
    if factors is None:
        return False
    tolerance = _CONVERTED if factors[0] != factors[1] else _EXACT
    return any(_close(a, b, factors, claimed, tolerance) for a in claimed.values for b in held.values)


def _factors(one: str, other: str) -> tuple[float, float] | None:
    """What to multiply each value with, or None when the units measure different things."""
    if not one or not other or one == other:
        return 1.0, 1.0
    (dimension, factor), (other_dimension, other_factor) = UNITS[one], UNITS[other]
    return (factor, other_factor) if dimension == other_dimension else None


def _close(a: float, b: float, factors: tuple[float, float], claimed: Quantity, tolerance: float) -> bool:
    a, b = a * factors[0], b * factors[1]
    largest = max(abs(a), abs(b))
    if abs(a - b) <= (max(tolerance, _ROUNDED) if claimed.about else tolerance) * largest:
        return True
    return claimed.digits >= 2 and largest > 0 and float(f"{b:.{claimed.digits - 1}e}") == a


_CALENDAR = frozenset(("month", "month-day", "month-date"))
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ENUMERATED = re.compile(r"(?<![\w.,/(-])\(?\d{1,2}\)(?=\s?[^\W\d])|\[\d{1,3}\]")  # 1) or (2) before words, [3]
_SEAM = re.compile(r"(?<=[统唯专单同逐])一(?=[二三四五六七八九十百千万亿])")  # 统一六国 holds no 16
_LITERAL = re.compile(r"(?<![\d.])\d+(?:[.]\d+){2,}|(?<!\d)\d{1,2}:\d\d(?::\d\d)?(?!\d)")
_MONTH = "(?P<month>" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\b\.?"
_HAN = f"[{''.join(HAN_DIGITS)}{''.join(HAN_SCALES)}]"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?(?![\d.])"
_YEAR = r"(?P<year>[12]\d{3})(?!\d)"


def _of_date(year: str | None, month: int | None, day: int | None) -> list[Quantity]:
    parts = [Quantity((float(year),), digits=4)] if year else []
    if month and day:
        parts += [Quantity((month * 100.0 + day,), "month-day"), Quantity((float(month),), "month", firm=False)]
        return [*parts, Quantity((float(day),), "month-date", firm=False)]
    if month:
        parts.append(Quantity((float(month),), "month"))
    return [*parts, Quantity((float(day),), "month-date")] if day else parts


def _written(match: re.Match[str]) -> list[Quantity]:
    groups = match.groupdict()
    year, month, day = groups.get("year"), groups.get("month"), groups.get("day")
    number = _of_month(month) if month else None
    return _of_date(year, number, int(_han_or_int(day)) if day else None)


def _of_month(month: str) -> int:
    return MONTHS[month] if month in MONTHS else int(_han_or_int(month))


def _han_or_int(text: str) -> float:
    return float(text) if text.isdigit() else han_value(text)


def _either_order(match: re.Match[str]) -> list[Quantity]:
    """05/06/2019: which of the two is the month depends on the country."""
    first, second = int(match[1]), int(match[2])
    values = tuple(float(m * 100 + d) for m, d in ((first, second), (second, first)) if m <= 12 and d <= 31)
    return [Quantity((float(match[3]),), digits=4), Quantity(values or (0.0,), "month-day")]


def _han_year(match: re.Match[str]) -> list[Quantity]:
    return [Quantity((float("".join(str(HAN_DIGITS[c]) for c in match[1])),), digits=4)]


_D = r"(?:\d{1,2}|[一二三四五六七八九十]{1,3})"
_DATES = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (r"(?<!\d)(?P<year>[12]\d{3})([-/.])(?P<month>0?\d|1[0-2])\2(?P<day>[0-3]?\d)(?!\d)", _written),
        (r"(?<!\d)(\d{1,2})[/.](\d{1,2})[/.]([12]\d{3})(?!\d)", _either_order),
        (r"([一二三四五六七八九][〇零一二三四五六七八九]{3})年", _han_year),
        (rf"(?P<year>[12]\d{{3}})\s*年\s*(?P<month>{_D})\s*月(?:\s*(?P<day>{_D})\s*[日号])?", _written),
        (rf"(?P<month>{_D})\s*月\s*(?P<day>{_D})\s*[日号]", _written),
        (rf"(?<!\w){_MONTH}\s*{_DAY},?\s+{_YEAR}", _written),
        (rf"(?<!\w)(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH},?(?:\s+{_YEAR})?", _written),
        (rf"(?<!\w){_MONTH},?\s+{_YEAR}", _written),
        (rf"(?<!\w){_MONTH}\s*{_DAY}", _written),
        (rf"(?<![\w个])(?P<month>{_D})\s*月(?!球|亮|饼|份?期)", _written),
        (r"(?<![\d一-鿿])(?P<day>\d{1,2})\s*[日号](?![\d线楼院])", _written),
        (r"\b(?P<month>january|february|april|june|july|august|september|october|november|december)\b", _written),
    )
)

_SCALE = "|".join(sorted((*SCALES, *HAN_SCALES), key=len, reverse=True))
_UNIT = "|".join(
    re.escape(unit) + ("(?![a-z])" if unit[-1].isascii() and unit[-1].isalpha() else "")
    for unit in sorted(UNITS, key=len, reverse=True)
)
_ENGLISH = "|".join(sorted(ENGLISH, key=len, reverse=True))
_MEASURE = re.compile(
    r"(?P<about>(?:约|大约|近|超过?|逾|多达|将近|接近|about|around|nearly|almost|approximately|some|over|more than"
    r"|roughly|up to|at least|~|≈)\s*)?(?P<percent>百分之)?(?P<ordinal>第)?"
    r"(?P<money>us\$|hk\$|\$|€|£|¥|rmb|usd|eur)?\s?"
    rf"(?:(?P<digits>\d+(?:\.\d+)?)|(?P<han>{_HAN}+(?:点[零一二三四五六七八九]+)?)"
    rf"|(?<![a-z])(?P<english>(?:{_ENGLISH})(?:(?:\s+and\s+|[\s-]+)(?:{_ENGLISH}))*)(?![a-z]))"
    rf"(?P<th>(?:st|nd|rd|th)(?![a-z]))?(?P<more>[多余]|\+)?"
    rf"\s?-?(?P<scale>(?:{_SCALE})(?![a-z]))?\s?-?个?(?P<unit>{_UNIT})?"
)
_RANGE = re.compile(r"\s?(?:to|-|–|—|~|至|到|and|或|、)\s?")  # "0.3 to 0.6 °C": the unit is of both
_FRACTION = re.compile(rf"(?P<whole>{_HAN}{{1,20}}|\d{{1,20}})分之(?P<part>{_HAN}{{1,20}}|\d{{1,20}})")
_COUNTED = re.compile(r"[个年月日周天名人次种届岁位条项座部台张件只所家支场集章层倍级元米吨]")


def _measures(text: str) -> Iterator[Quantity]:
    for match in _FRACTION.finditer(text):
        whole = _han_or_int(match["whole"])
        if match["whole"] != "百" and whole:
            yield Quantity((100 * _han_or_int(match["part"]) / whole,), "%", digits=2)
    text = _FRACTION.sub(lambda m: m[0] if m["whole"] == "百" else " ; ", text)
    before: tuple[Quantity, int] | None = None
    for match in _MEASURE.finditer(text):
        found = _measured(match, text)
        if before:
            ranged = not before[0].unit and _RANGE.fullmatch(text, before[1], match.start())
            yield replace(before[0], unit=found.unit) if ranged else before[0]
        before = found, match.end()
    if before:
        yield before[0]


def _measured(match: re.Match[str], text: str) -> Quantity:
    value, firm = _value(match, text)
    scale = match["scale"] or ""
    factor = SCALES.get(scale) or float(HAN_SCALES.get(scale, 1))
    unit = match["unit"] or (CURRENCIES.get(match["money"], "") if match["money"] else "")
    if match["percent"]:
        unit = "%"
    if match["digits"] and scale and not match["unit"] and scale in ("k", "m"):
        unit = ""
    written = match["digits"] or "1"
    digits = len(written.replace(".", "").strip("0")) or 1
    if not unit and not scale and _YEAR_WRITTEN.fullmatch(written):  # 1990 is no rounded 1991
        digits = 4
    worded = not match["digits"] and not match["percent"] and value * factor <= _MOST_COUNTED
    counts = worded and (not unit or UNITS.get(unit, ("",))[0] == "count")
    return Quantity((value * factor,), unit, digits, bool(match["about"] or match["more"]), firm, counts)


def _value(match: re.Match[str], text: str) -> tuple[float, bool]:
    if match["digits"]:
        return float(match["digits"]), True
    if match["english"]:
        return english_value(match["english"]), match["english"] not in ("one", "a", "first", "second")
    han = match["han"]
    sure = len(han) > 1 or (han not in "一百千万亿" and bool(match["unit"] or _COUNTED.match(text, match.end("han"))))
    sure = sure or (han in "百千万" and bool(match["unit"]))
    return han_value(han), (sure and han not in ("千万", "万一", "一一", "十一")) or bool(match["percent"])


def han_value(numeral: str) -> float:
    """一千三百六十一万 -> 13610000.0; 二〇二一 -> 2021.0; 三点五 -> 3.5."""
    whole, _, fraction = numeral.partition("点")
    if len(whole) > 1 and all(c in HAN_DIGITS for c in whole):
        return float("".join(str(HAN_DIGITS[c]) for c in whole))
    total, section, digit = 0.0, 0.0, 0.0
    for character in whole:
        if character in HAN_DIGITS:
            digit = float(HAN_DIGITS[character])
            continue
        scale = HAN_SCALES[character]
        if scale < 10_000:
            section, digit = section + (digit or 1.0) * scale, 0.0
        else:
            total, section, digit = (total + section + digit or 1.0) * scale, 0.0, 0.0
    tail = float("0." + "".join(str(HAN_DIGITS[c]) for c in fraction)) if fraction else 0.0
    return total + section + digit + tail


def english_value(numeral: str) -> float:
    """two hundred and fifty -> 250.0; twenty-one -> 21.0; three million -> 3000000.0."""
    total, section = 0.0, 0.0
    for word in re.findall(r"[a-z]+", numeral):
        value = ENGLISH.get(word)
        if value is None:
            continue
        if value == 100:
            section = (section or 1) * 100
        elif value >= 1_000:
            total, section = total + (section or 1) * value, 0.0
        else:
            section += value
    return total + section
