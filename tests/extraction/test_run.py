"""The benchmark's own measures, on pages small enough to count by hand."""

import gzip
import json
import tarfile
from pathlib import Path

import pytest

from tests.extraction.extractors import twins
from tests.extraction.folders import Sample, form_of, samples
from tests.extraction.measures import Found, chunk_f1, f1, shingle_f1, title_right, without_marks, word_f1
from tests.extraction.run import Result, dates, main

TEXT = "The router keeps its address after a restart because the file names it and the service is enabled. " * 6
PAGE = f"<html><head><title>Routers</title></head><body><article><p>{TEXT}</p></article></body></html>".encode()


def test_each_measure_counts_what_its_set_defines() -> None:
    assert word_f1("a b c d", "A b x") == pytest.approx(2 * 2 / 7)
    assert shingle_f1([("one two three four five", "one two three four")]) == pytest.approx(2 / 3)
    sample = Sample("n", "u", b"", wanted=("red", "green"), unwanted=("blue",))
    assert chunk_f1([(sample, "red blue")]) == pytest.approx(2 / 4)
    assert f1("plain", [(sample, Found("x", "", ""))]) is None


def test_markdown_is_not_counted_as_text() -> None:
    assert without_marks("## A\n\n- **b** *c*\n> d\n| a | b |\n|---|---|").split() == [
        "A",
        "b",
        "c",
        "d",
        "|",
        "a",
        "b",
        "|",
    ]


def test_a_title_is_right_when_one_contains_the_other() -> None:
    assert title_right("Routers", "Routers | Example")
    assert not title_right("Routers", "")


def test_dates_kept_and_invented_are_shares_of_the_right_pages() -> None:
    def result(gold: str | None, ours: str, plain: str) -> Result:
        return Result(Sample("n", "u", b"", date=gold), Found("", "", ours), Found("", "", plain))

    found = [result("2024-01-02", "2024-01-02", "2024-01-02"), result("2024-01-02", "", "2024-01-02")]
    found += [result("", "2024-01-02", ""), result("", "", ""), result(None, "2024-01-02", "")]
    assert dates(found) == (0.5, 0.5)


def test_a_chinese_page_has_a_twin_in_gb18030() -> None:
    body = f"<html><head><meta charset='utf-8'></head><p>{'考证文字' * 50}</p></html>".encode()
    pair = twins(Sample("n", "u", body))
    assert pair is not None
    assert "考证文字" in pair[1].body.decode("gb18030")
    assert twins(Sample("n", "u", PAGE)) is None


def test_the_last_line_of_a_set_is_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "wcxb"
    (folder / "html").mkdir(parents=True)
    (folder / "html" / "1.html.gz").write_bytes(gzip.compress(PAGE))
    gold = {"main_content": TEXT, "title": "Routers", "publish_date": None}
    rows = [{"file_id": name, "url": "https://a.example/one", "ground_truth": gold} for name in ("1", "left-out")]
    (folder / "ground-truth.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    assert form_of(folder) == "wcxb"
    assert [sample.name for sample in samples(folder)] == ["1"]
    assert main([f"{folder}/"]) == 0
    last = capsys.readouterr().out.splitlines()[-1].split()
    assert last[:6] == ["wcxb", "f1", "1.000", "plain", "1.000", "cpu"]
    assert last[7:] == ["dates-kept", "n/a", "dates-invented", "0.00"]


def test_what_is_of_no_known_form_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("x")
    for wrong in (tmp_path, tmp_path / "missing", tmp_path / "notes.txt"):
        assert main([str(wrong)]) == 2
    (tmp_path / "evaldata.json").write_text(
        '{"https://a.example/": {"file": "gone.html", "with": ["a"], "without": []}}'
    )
    assert main([str(tmp_path)]) == 2
    assert "no known form" in (said := capsys.readouterr().err)
    assert "no page" in said


def test_pages_are_found_in_folders_and_archives_plain_or_packed(tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.html").write_bytes(PAGE)
    (folder / "deep" / "two.htm.gz").write_bytes(gzip.compress(PAGE))
    assert [sample.body for sample in samples(folder)] == [PAGE, PAGE]
    with tarfile.open(tmp_path / "pages.tar.gz", "w:gz") as archive:
        archive.add(folder / "one.html", "pages/one.html")
    assert [sample.name for sample in samples(tmp_path / "pages.tar.gz")] == ["pages/one.html"]


def test_a_page_without_text_counts_for_recall_alone() -> None:
    assert shingle_f1([("one two three four", ""), ("one two three four", "one two three four")]) == pytest.approx(
        2 / 3
    )
    sample = Sample("n", "u", b"", wanted=("red  rose",))
    assert chunk_f1([(sample, "a red\nrose")]) == 1.0
