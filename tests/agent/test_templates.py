"""The vendor's templates are the vendor's bytes, and stay so on the way to the model."""

import hashlib
import shutil
import tomllib
from datetime import date
from pathlib import Path

import pytest

from agent.templates import SHELF, VENDOR_SHA256, Template, TemplateChanged, Templates, written_date

VENDOR = SHELF / "vendor" / "deepseek-r1"


@pytest.mark.parametrize("name", VENDOR_SHA256)
def test_every_vendor_file_has_the_hash_that_its_source_names(name: str) -> None:
    source = tomllib.loads((VENDOR / "SOURCE.toml").read_text(encoding="utf-8"))

    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == source["sha256"][name] == VENDOR_SHA256[name]


def test_one_changed_byte_is_refused_at_the_start(tmp_path: Path) -> None:
    shelf = tmp_path / "templates"
    shutil.copytree(SHELF, shelf)
    path = shelf / "vendor" / "deepseek-r1" / "search_answer_en.txt"
    path.write_bytes(path.read_bytes() + b"\n")

    with pytest.raises(TemplateChanged, match=r"search_answer_en\.txt"):
        Templates.load(shelf)


def test_a_missing_vendor_file_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(TemplateChanged, match="missing"):
        Templates.load(tmp_path)


@pytest.mark.parametrize("name", ["search_answer_zh", "search_answer_en"])
def test_filling_a_template_with_its_own_fields_gives_its_bytes_back(name: str) -> None:
    template = Templates.load()[name]

    filled = template.fill(search_results="{search_results}", cur_date="{cur_date}", question="{question}")

    assert filled.encode() == (VENDOR / f"{name}.txt").read_bytes()


def test_fields_are_filled_in_one_pass() -> None:
    """`{question}` inside a page stays text (decision 13)."""
    filled = Template("{search_results}|{question}").fill(search_results="{question}", question="{search_results}")

    assert filled == "{question}|{search_results}"


def test_a_field_that_is_not_given_is_an_error() -> None:
    with pytest.raises(KeyError):
        Template("{question}").fill()


@pytest.mark.parametrize(
    ("day", "zh", "en"),
    [
        (date(2025, 5, 28), "2025年5月28日，星期三", "Wednesday, May 28, 2025"),
        (date(2026, 11, 22), "2026年11月22日，星期日", "Sunday, November 22, 2026"),
        (date(2024, 2, 29), "2024年2月29日，星期四", "Thursday, February 29, 2024"),
    ],
)
def test_dates_are_written_as_the_vendor_writes_them_with_the_true_weekday(day: date, zh: str, en: str) -> None:
    assert written_date(day, "zh") == zh
    assert written_date(day, "en") == en


def test_no_house_template_ends_in_a_newline_or_holds_a_carriage_return() -> None:
    for path in (SHELF / "house").glob("*.txt"):
        raw = path.read_bytes()
        assert raw
        assert not raw.endswith(b"\n"), path.name
        assert b"\r" not in raw, path.name
