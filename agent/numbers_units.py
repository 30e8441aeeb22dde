"""The tables behind agent/numbers.py: numerals, months, scales, and units with their dimension and factor.

Factors are exact or rounded to the digits that a text would give; what is not safely converted (currencies, degrees)
is a dimension of its own.
"""

from types import MappingProxyType
from typing import Final

_DIGITS = zip("零〇一二两三四五六七八九", (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
HAN_DIGITS: Final = MappingProxyType(dict(_DIGITS))
HAN_SCALES: Final = MappingProxyType({"十": 10, "百": 100, "千": 1_000, "万": 10_000, "亿": 100_000_000})
SCALES: Final = MappingProxyType(
    {
        "万亿": 1e12, "千亿": 1e11, "百亿": 1e10, "十亿": 1e9, "千万": 1e7, "百万": 1e6, "十万": 1e5, "hundred": 1e2,
        "thousand": 1e3, "million": 1e6, "millions": 1e6, "mn": 1e6, "billion": 1e9, "billions": 1e9, "bn": 1e9,
        "trillion": 1e12, "k": 1e3,
    }
)  # fmt: skip
_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_ORDINAL = "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
ENGLISH: Final = MappingProxyType(
    {word: float(value) for value, word in enumerate(f"{_SMALL} seventeen eighteen nineteen".split())}
    | {word: 20.0 + 10 * at for at, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())}
    | {word: 3.0 + at for at, word in enumerate(_ORDINAL.split())}
    | {"first": 1.0, "second": 2.0, "hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "dozen": 12.0}
    | {"twice": 2.0, "trillion": 1e12}
)
_MONTH_NAMES = "january february march april may june july august september october november december"
MONTHS: Final = MappingProxyType(
    {name: at for at, name in enumerate(_MONTH_NAMES.split(), 1)}
    | {name[:3]: at for at, name in enumerate(_MONTH_NAMES.split(), 1)}
    | {"sept": 9}
)
CURRENCIES: Final = MappingProxyType(
    {
        "us$": "dollars", "$": "dollars", "usd": "dollars", "€": "euros", "eur": "euros", "£": "pounds sterling",
        "¥": "元", "rmb": "元", "hk$": "港元",
    }
)  # fmt: skip

_TABLE = """
length 1 m米: metre metres meter meters 米 公尺
length 1000: km kilometre kilometres kilometer kilometers kms 公里 千米
length 0.01: cm centimetre centimetres centimeter centimeters 厘米 公分
length 0.001: mm millimetre millimetres millimeter millimeters 毫米
length 1e-6: μm micrometre micrometres micrometer micrometers micron microns 微米
length 1e-9: nm nanometre nanometres nanometer nanometers 纳米
length 1609.344: mile miles mi 英里
length 0.3048: ft foot feet 英尺
length 0.0254: inch inches 英寸
length 0.9144: yard yards 码
length 9.4607e15: light-year light-years 光年
area 1: 平方米 m2 sqm
area 1e6: 平方公里 平方千米 km2
area 1e4: hectare hectares 公顷
area 4046.86: acre acres 英亩
area 2.59e6: sq-mi
area 666.67: 亩
mass 1: kg kilogram kilograms kilo kilos 公斤 千克
mass 0.001: gram grams 克
mass 1e-6: mg milligram milligrams 毫克
mass 1000: ton tons tonne tonnes 吨
mass 0.5: 斤
mass 0.4536: lb lbs pound pounds 磅
mass 0.02835: oz ounce ounces 盎司
volume 1: litre litres liter liters 升
volume 0.001: ml millilitre millilitres milliliter milliliters 毫升
volume 3.785: gallon gallons 加仑
volume 1000: 立方米 m3
duration 1: sec second seconds 秒 秒钟
duration 0.001: ms millisecond milliseconds 毫秒
duration 60: min mins minute minutes 分钟
duration 3600: h hr hrs hour hours 小时 钟头
duration 86400: day days 天
duration 604800: week weeks 周 星期 礼拜
duration 2629800: month months 月
duration 31557600: year years yr yrs 岁 年 周年 year-old years-old
duration 315576000: decade decades
duration 3155760000: century centuries 世纪
bytes 1: bytes byte 字节
bytes 1e3: kb kilobyte kilobytes
bytes 1e6: mb megabyte megabytes mib 兆
bytes 1e9: gb gigabyte gigabytes gib
bytes 1e12: tb terabyte terabytes tib
bits 1e3: kbps kbit
bits 1e6: mbps mbit
bits 1e9: gbps gbit
power 1: w watt watts 瓦
power 1e3: kw kilowatt kilowatts 千瓦
power 1e6: mw megawatt megawatts 兆瓦
power 1e9: gw gigawatt gigawatts 吉瓦
energy 1: kwh 千瓦时
energy 1000: mwh
frequency 1: hz hertz 赫兹
frequency 1e3: khz
frequency 1e6: mhz
frequency 1e9: ghz
celsius 1: °c degrees-celsius 摄氏度 degrees celsius
fahrenheit 1: °f degrees-fahrenheit 华氏度 degrees fahrenheit
share 1: % percent per-cent percentage
share-points 1: percentage-points percentage-point 个百分点 百分点
share 0.1: ‰
voltage 1: v volt volts 伏 伏特
speed 1: km/h kmh kph
speed 1.609: mph
dollars 1: dollar dollars usd 美元 美金
cents 1: cents 美分
euros 1: euro euros 欧元
sterling 1: pounds-sterling 英镑 sterling
yen 1: yen 日元
yuan 1: yuan 元 人民币 rmb
hkd 1: 港元 港币
count 1: 人 名 位 条 项 座 部 台 张 件 只 家 支 届 次 种 people times
rupees 1: rupee rupees 卢比
"""


def _units() -> dict[str, tuple[str, float]]:
    table: dict[str, tuple[str, float]] = {}
    for line in _TABLE.strip().splitlines():
        head, names = line.split(":", 1)
        dimension, factor = head.split()[:2]
        for name in names.split():
            table[name] = (dimension, float(factor))
            table[name.replace("-", " ")] = (dimension, float(factor))
    return table


UNITS: Final = MappingProxyType(_units())
