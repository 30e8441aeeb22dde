"""A log line holds what was named, whatever somebody hands in."""

import json

import pytest
import structlog

from workers.logs import set_up_logs


def test_a_field_that_is_not_named_is_left_out_of_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    set_up_logs("info", "json")
    structlog.get_logger().warning("run_failed", request_id="a", code="model_down", question="a secret question")
    structlog.configure(**before)
    said = capsys.readouterr().err
    line = json.loads(said)
    assert "secret" not in said
    assert (line["event"], line["request_id"], line["left_out"]) == ("run_failed", "a", ["question"])
