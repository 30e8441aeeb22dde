"""The shelf: what R1 is told, read from files. The vendor's files are refused if a byte has changed."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Literal

SHELF = Path(__file__).resolve().parents[1] / "templates"

# sha256 of DeepSeek's own files; the same hashes stand in templates/vendor/deepseek-r1/SOURCE.toml.
VENDOR_SHA256: Mapping[str, str] = MappingProxyType(
    {
        "search_answer_zh.txt": "26520ec2010163d604f8ebd442f391d0a6f26741b00d576b27c3c9bb0385bf1f",
        "search_answer_en.txt": "0626f1984a3ff4d91859ad2cad443e04fcc2b61b6bd4784bfc49b89c05109f52",
        "file.txt": "45e718c209246a85ab9edd367a84854b09a0c6b0afaa08043234a94f7b7341ae",
        "system_zh.txt": "d1372213e7f95091168685d22c7021cb6b68ae478e8ba877900cedd7dad7924a",
    }
)
_FIELD = re.compile(r"\{([a-z_ ]+)\}")
_WEEKDAYS_ZH = "一二三四五六日"
_WEEKDAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS_EN = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class TemplateChanged(Exception):
    """A vendor file is not the vendor's any more: the service does not start."""


@dataclass(frozen=True, slots=True)
class Template:
    """Text with {fields}. Braces that are no known field are text."""

    text: str

    def fill(self, **values: str) -> str:
        """All fields in one pass, so that `{question}` inside a page stays text (decision 13).

        A field whose name has a space (`{current date}`) is given with an underscore.
        Raises KeyError when the template has a field that is not given.
        """
        return _FIELD.sub(lambda match: values[match.group(1).replace(" ", "_")], self.text)


@dataclass(frozen=True, slots=True)
class Templates:
    """Every template, by the name of its file without the ending (`search_answer_zh`, `planner_en` …)."""

    by_name: Mapping[str, Template]

    def __getitem__(self, name: str) -> Template:
        return self.by_name[name]

    @classmethod
    def load(cls, shelf: Path = SHELF) -> "Templates":
        """Raises TemplateChanged when a vendor file is missing or differs in a byte."""
        vendor = {name: _vendor(shelf / "vendor" / "deepseek-r1" / name) for name in VENDOR_SHA256}
        house = {path.name: path.read_bytes().decode("utf-8") for path in (shelf / "house").glob("*.txt")}
        texts = {**house, **vendor}
        return cls(MappingProxyType({name.removesuffix(".txt"): Template(text) for name, text in texts.items()}))


def _vendor(path: Path) -> str:
    if not path.is_file():
        raise TemplateChanged(f"{path.name}: the vendor's template is missing; install kaozheng again")
    raw = path.read_bytes()  # not read_text: that would rewrite line ends
    if hashlib.sha256(raw).hexdigest() != VENDOR_SHA256[path.name]:
        raise TemplateChanged(f"{path.name}: not the vendor's bytes any more; install kaozheng again")
    return raw.decode("utf-8")


def written_date(day: date, language: Literal["zh", "en"]) -> str:
    """As the vendor writes {cur_date}: `2025年5月28日，星期三` and `Wednesday, May 28, 2025`.

    The weekday is computed; the vendor's own example names the wrong one (decision 9). strftime would obey the locale.
    """
    if language == "zh":
        return f"{day.year}年{day.month}月{day.day}日，星期{_WEEKDAYS_ZH[day.weekday()]}"
    return f"{_WEEKDAYS_EN[day.weekday()]}, {_MONTHS_EN[day.month - 1]} {day.day}, {day.year}"
