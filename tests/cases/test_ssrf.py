"""The address cases hold for the product, and bite when the guard is weak."""

from pathlib import Path

import pytest

from tests.cases.run_ssrf import Case, cases_in, failure_of, failures
from tests.cases.weak_guard import weak_reader

CASES = cases_in(Path(__file__).parent / "ssrf.jsonl")


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
async def test_the_address_guard_holds(case: Case) -> None:
    assert await failure_of(case) == ""


async def test_the_guard_holds_in_variants_of_the_cases() -> None:
    more = cases_in(Path(__file__).parent / "ssrf_more.jsonl")

    assert len(more) > 500
    assert await failures(more) == {}


async def test_a_weak_guard_fails_many_cases() -> None:
    assert len(await failures(CASES, weak_reader)) >= 40


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ({"case": "a", "url": "http://pub.test/", "expect": "block"}, "was read"),
        ({"case": "b", "url": "http://127.0.0.1/", "expect": "allow"}, "refused: ip_private"),
        (
            {"case": "c", "url": "http://a.test/", "expect": "allow", "resolves_to": {"a.test": ["NXDOMAIN"]}},
            "refused: dns",
        ),
        ({"case": "d", "url": "http://a.test/", "expect": "block", "resolves_to": {"a.test": ["TIMEOUT"]}}, ""),
        ({"case": "e", "url": "http://a.test/", "expect": "block", "resolves_to": {"a.test": [["SELF"]]}}, ""),
        ({"case": "f", "url": "http://a.test/", "expect": "block", "redirect_chain": ["http://10.0.0.1/"]}, ""),
        ({"case": "h", "url": "http://a.test/?q=x", "expect": "block", "layer": "provenance"}, ""),
        (
            {
                "case": "i",
                "url": "http://a.test/?q=x",
                "expect": "allow",
                "layer": "provenance",
                "known_urls": ["http://A.test:80/?q=x#b"],
            },
            "",
        ),
        ({"case": "g", "url": "http://a.test/", "expect": "allow", "redirect_chain": ["/b", "/c"]}, ""),
    ],
)
async def test_any_file_of_this_form_is_judged(case: Case, why: str) -> None:
    assert await failure_of(case) == why
