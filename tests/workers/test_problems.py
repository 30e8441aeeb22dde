"""Problem objects: every error of ours has a row, every row is documented."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import workers.store_errors
from agent.errors import AgentError, BadQuestion, ModelDown
from tools.errors import PageUnreadable, ToolError
from workers.problems import KINDS, UPLOAD_CODES, Problem, problem_of, problem_response, upload_problem

API = Path(__file__).parent.parent.parent / "docs" / "api.md"


def family(error: type[Exception]) -> Iterator[type[Exception]]:
    yield error
    for child in error.__subclasses__():
        yield from family(child)


def test_every_error_of_the_agent_has_its_own_row() -> None:
    codes = [error.code for error in family(AgentError) if issubclass(error, AgentError)]
    assert set(codes) <= set(KINDS)
    assert len(codes) == len(set(codes))


def test_every_error_of_the_store_has_its_own_row() -> None:
    errors = list(family(workers.store_errors.StoreError))
    codes = [error.code for error in errors if issubclass(error, workers.store_errors.StoreError)]
    assert set(codes) <= set(KINDS)
    assert len(codes) == len(set(codes))


def test_every_way_an_upload_can_fail_has_a_code() -> None:
    ours = {error for error in family(ToolError) if error.__module__ == "tools.errors"}
    assert ours == set(UPLOAD_CODES)
    assert set(UPLOAD_CODES.values()) <= set(KINDS)


def test_a_kind_of_error_that_a_tool_adds_has_the_code_of_its_family() -> None:
    class Torn(PageUnreadable):
        """A kind that tools/errors.py does not name."""

    assert upload_problem("a.pdf", Torn("file:a.pdf", "torn")).code == "file_unreadable"


def test_the_asker_gets_4xx_and_we_get_5xx() -> None:
    assert 400 <= problem_of(BadQuestion("question", "it is empty")).kind.status < 500
    assert problem_of(ModelDown("unreachable", "no server")).kind.status >= 500


def test_a_bad_question_names_its_field() -> None:
    assert problem_of(BadQuestion("history", "too long")).field == "history"


def test_where_the_model_server_is_stays_with_the_operator() -> None:
    problem = problem_of(ModelDown("unreachable", "http://sglang:30000 does not answer; start it"))
    assert problem.detail == "the model server does not answer; start it"


@pytest.mark.parametrize("code", KINDS)
def test_a_problem_is_whole_and_fit_for_utf8(code: str) -> None:
    response = problem_response(Problem(code, "half a pair: \ud800"), "5f0c2a9be1d34c77")
    members = json.loads(bytes(response.body).decode("utf-8"))
    assert response.media_type == "application/problem+json"
    assert response.status_code == members["status"] == KINDS[code].status
    assert set(members) == {"type", "title", "status", "code", "detail", "field", "request_id"}
    assert members["detail"] == "half a pair: ?"
    assert ("retry-after" in response.headers) == KINDS[code].retry


def test_an_unreadable_file_is_named() -> None:
    problem = upload_problem("tax.pdf", ToolError("file:tax.pdf", "bad_pdf", "it is encrypted"))
    assert problem.detail == "tax.pdf: it is encrypted"
    assert problem.field == "files"


def test_the_documented_table_of_codes_is_the_one_that_holds() -> None:
    rows = [line.split("|")[1:4] for line in API.read_text("utf-8").splitlines() if line.startswith("| `")]
    rows = [[cell.strip(" `") for cell in row] for row in rows]
    documented = {code: (int(status), title) for code, status, title in rows if status.isdigit()}
    assert documented == {code: (kind.status, kind.title) for code, kind in KINDS.items()}
