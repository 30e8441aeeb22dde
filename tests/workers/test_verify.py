"""`kaozheng verify`: a stored answer is judged again; whoever wrote it, the same faults are found and named."""

import json
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from agent.answer import Answer
from agent.rejudging import normal_markers, rejudged
from tests.fakes import CHAOXI, SUN, TIDES
from workers.cli_verify import Form, run
from workers.problems import Problem
from workers.verify_input import read_given

MOON = "The moon pulls the sea twice a day"
SOURCES = [{"url": page.url, "title": page.title, "text": page.text} for page in (TIDES, SUN, CHAOXI)]


def judged(text: str, sources: object = SOURCES, **more: object) -> Answer:
    return rejudged(read_given(json.dumps({"text": text, "sources": sources, **more}).encode()))


def verdicts(answer: Answer) -> list[tuple[int, str]]:
    return [(support.number, support.verdict) for support in answer.supports]


def ran(path: Path, fields: object, form: Form = "text") -> int:
    path.write_text(json.dumps(fields), encoding="utf-8")
    return run(str(path), form)


@pytest.mark.parametrize(
    "text",
    [f"{MOON}[1]. Bread is baked in ovens[2].", f"{MOON} [citation:1]. Bread is baked in ovens[citation: 2].",
     f"{MOON}【1】. Bread is baked in ovens【2】.", f"{MOON}[^1]. Bread is baked in ovens[2](https://b.example/sun)."],
    ids=["numbers", "ours", "lenticular", "footnote and link"],
)  # fmt: skip
def test_markers_of_other_systems_are_read(text: str) -> None:
    answer = judged(text)

    assert verdicts(answer) == [(1, "supported"), (2, "unsupported")]
    assert [answer.text[f.start : f.end] for f in answer.flaws] == ["Bread is baked in ovens[citation:2]."]
    assert answer.report.citation_precision == 0.5


def test_several_numbers_in_one_marker_are_several_citations() -> None:
    assert normal_markers("A[1, 3]。B[2，3]") == "A[citation:1][citation:3]。B[citation:2][citation:3]"


@pytest.mark.parametrize("text", ["```\na[1] = 2\n```", "Use `a[1]`.", "In [2024] and [x].", "[]", "    a[1]\n"])
def test_code_and_years_hold_no_marker(text: str) -> None:
    assert normal_markers(text) == text


def test_a_source_that_is_not_there_is_an_invented_one() -> None:
    answer = judged(f"{MOON}[7].")

    assert verdicts(answer) == [(7, "unsupported")]
    assert {flaw.rule for flaw in answer.flaws} == {"unknown_source", "unsupported"}


def test_a_source_without_a_text_is_unavailable_and_no_fault() -> None:
    answer = judged(f"{MOON}[1]. Bread is baked in ovens[2].", [SOURCES[0], {"url": "https://dead.example/"}])

    assert verdicts(answer) == [(1, "supported"), (2, "unavailable")]
    assert answer.flaws == ()


def test_the_exit_code_tells_whether_a_claim_is_not_supported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(tmp_path / "good.json", {"text": f"{MOON}[1].", "sources": SOURCES}) == 0
    assert ran(tmp_path / "bad.json", {"text": "Bread is baked in ovens[1].", "sources": SOURCES}) == 6
    out = capsys.readouterr().out
    assert f"✓ supported    {MOON}" in out
    assert "✗ unsupported  Bread is baked in ovens" in out
    assert "1 of 1 cited sentences supported · 1 pages cited · citation precision 1.00, recall 1.00" in out


def test_json_and_markdown_carry_the_same_verdicts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fields = {"text": f"{MOON}[1]. Bread <script> is baked in ovens[2].", "sources": SOURCES}
    assert ran(tmp_path / "a.json", fields, "json") == 6
    printed = json.loads(capsys.readouterr().out)
    assert [one["verdict"] for one in printed["supports"]] == ["supported", "unsupported"]
    assert ran(tmp_path / "a.json", fields, "markdown") == 6
    markdown = capsys.readouterr().out
    assert (
        f"  - [1]({TIDES.url}#:~:text=The%20moon%20pulls%20the%20sea%20twice%20a%20day) supported: “{MOON}”" in markdown
    )
    assert "<script>" not in markdown


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"), (b"[]", "body"), (b"{", "body"), (b"\xff", "body"), (b'{"text":1,"sources":[]}', "text"),
        (b'{"sources":[]}', "text"), (b'{"text":" ","sources":[]}', "text"), (b'{"text":"a"}', "sources"),
        (b'{"text":"a","sources":[3]}', "sources.0"), (b'{"text":"a","sources":[{"text":3}]}', "sources.0.text"),
        (b'{"text":"a","sources":[{"url":3,"text":"x"}]}', "sources.0.url"),
        (b'{"text":"a","sources":[{"number":0,"text":"x"}]}', "sources.0.number"),
        (b'{"text":"a","sources":[{"number":true,"text":"x"}]}', "sources.0.number"),
        (b'{"text":"a","sources":[{"number":2,"text":"x"},{"text":"y"}]}', "sources"),
        (b'{"text":"a","sources":[{"url":"https://a.example/"}]}', "sources.0.text"),
        (b'{"text":"a","sources":[{"text":"x","sha256":"00"}]}', "sources.0.sha256"),
        (b'{"text":"a\\ud800","sources":[]}', "text"),
        (b'{"text":"a","text":"b","sources":[]}', "body"),
        (b'{"text":"' + b"a" * 400_001 + b'","sources":[]}', "text"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused_by_the_name_of_its_field(body: bytes, field: str) -> None:
    with pytest.raises(Problem) as refused:
        read_given(body)

    assert refused.value.field == field


def test_a_file_that_is_not_there_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("no/such/file.json", "text") == 2
    assert "no/such/file.json" in capsys.readouterr().err


def test_what_ask_prints_can_be_verified(tmp_path: Path) -> None:
    """Through the real commands, as a user would; and a changed number is found."""
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "tai.txt").write_text("Mount Tai is 1,545 m high.", encoding="utf-8")
    root = Path(__file__).parents[2]
    environment = {"KAOZHENG_DATA_DIR": str(tmp_path / "data"), "PATH": "", "PYTHONPATH": str(root), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "workers.cli", "ask", "How high is Mount Tai?", "--json"]
    command += ["--library", str(tmp_path / "pages")]
    asked = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root, timeout=120)
    assert asked.returncode == 0, asked.stderr
    answer: dict[str, Any] = json.loads(asked.stdout)

    assert ran(tmp_path / "a.json", answer) == 0
    assert ran(tmp_path / "a.json", {**answer, "text": answer["text"].replace("1,545", "9,545")}) == 6
    answer["evidence"][0]["text"] += "x"
    assert ran(tmp_path / "a.json", answer) == 2


HOSTILE = {
    "long": f"{MOON}[citation:1]. " * 2_200,
    "no full stop": "潮" * 100_000 + "[citation:1]",
    "many citations": MOON + "".join(f"[citation:{n}]" for n in range(1, 501)),
    "code": f"```\n{MOON}[citation:1]\n" * 500,
    "table": f"| {MOON}[citation:1] | b |\n|---|---|\n" * 500,
    "formula": r"$$\frac{a[1]}{b} \leq [citation:1]$$ " * 500,
    "brackets": "[" * 50_000 + "citation:1" + "]" * 50_000,
    "mixed": "The 月球 moon 引力 pulls ﷽ [citation:3] " * 1_000,
    "nothing": "[citation:1]" * 500,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_answers_are_judged_in_bounded_time(text: str) -> None:
    started = time.process_time()
    given = read_given(json.dumps({"text": "a", "sources": SOURCES}).encode())
    answer = rejudged(replace(given, text=text))

    assert time.process_time() - started < 60, "not quadratic"
    for support in answer.supports:
        assert 0 <= support.claim_start <= support.claim_end <= len(answer.text)
    assert json.dumps(asdict(answer))
