"""A log line holds what was named, whatever somebody hands in; nobody's text, unless the operator wants it."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from workers.logs import set_up_logs
from workers.runs import End


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    configured, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    yield
    structlog.configure(**configured)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_field_that_is_not_named_is_left_out_of_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("info", "json")
    structlog.get_logger().warning("run_failed", request_id="a", code="model_down", page="a secret page")
    (line,) = lines(capsys)
    assert "secret" not in str(line)
    assert (line["event"], line["request_id"], line["left_out"]) == ("run_failed", "a", ["page"])


@pytest.mark.parametrize(("texts", "there"), [(False, False), (True, True)])
def test_a_question_stands_there_only_where_texts_are_wanted(
    texts: bool, there: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("info", "json", texts=texts)
    structlog.get_logger().info("question_ended", question="泰山有多高？")
    (line,) = lines(capsys)
    assert ("泰山有多高？" in str(line)) is there
    assert "left_out" not in line


@pytest.mark.parametrize(("texts", "there"), [(False, False), (True, True)])
@pytest.mark.parametrize("form", ["json", "console"])
def test_an_unexpected_error_s_message_stands_there_only_where_texts_are_wanted(
    form: str, texts: bool, there: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("info", form, texts=texts)
    try:
        _break("hunter2")
    except ExceptionGroup:
        structlog.get_logger().exception("run_broke")
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    said = capsys.readouterr().err
    assert said.count("ValueError") >= 2
    assert said.count("_break") >= 2
    assert ("hunter2" in said) is there


def _break(message: str) -> None:
    try:
        raise ValueError(message)
    except ValueError as cause:
        raise ExceptionGroup(message, [KeyError(message)]) from cause


def test_a_library_s_words_are_a_line_like_any_other_without_what_lets_somebody_in(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs("info", "json")
    logging.getLogger("redis").warning("cannot reach redis://u:hunter2@cache:6379/0?password=hunter2\nhunter2")
    structlog.get_logger().warning("store_error", detail="https://u:hunter2@h/p?key=hunter2#hunter2 is down")
    library, ours = lines(capsys)
    assert library["detail"] == "cannot reach redis://cache:6379/0"
    assert (library["event"], library["logger"], library["level"]) == ("library", "redis", "warning")
    assert ours["detail"] == "https://h/p is down"


def test_a_command_that_set_up_no_log_has_no_line_of_a_question_on_its_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    structlog.reset_defaults()
    End().tell("r", "泰山有多高？")
    assert capsys.readouterr() == ("", "")


def test_no_escape_sequence_reaches_the_operator_s_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("info", "console")
    structlog.get_logger().warning("run_failed", detail="\x1b]0;owned\x07 \u202e")
    assert "\x1b]" not in (said := capsys.readouterr().err)
    assert "\u202e" not in said
