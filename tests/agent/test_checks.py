"""What breaks a rule of the template is found, what keeps them all is not."""

import pytest

from agent.checks import flaws_of
from agent.question import Question

GOOD = "The moon pulls the sea[citation:1]. The sun adds to it[citation:2]. Both act together[citation:1][citation:2]."


@pytest.mark.parametrize(
    ("question", "text", "rules"),
    [
        ("Why tides?", GOOD, []),
        ("Why tides?", "", ["empty", "uncited"]),
        ("Why tides?", "[citation:1]", ["empty"]),
        ("Why tides?", "The moon pulls the sea, and so it goes.", ["uncited"]),
        ("Why tides?", "One is so. Two is so. Three is so. Four is so.[citation:1][citation:2]", ["clustered"]),
        ("Why tides?", "One is so[citation:1]. Two is so. Three is so. Four is so.[citation:2]", []),
        ("Why tides?", " ".join(f"Fact {n}[citation:1]." for n in range(5)), ["repeated"]),
        ("Why tides?", "潮汐由月球引力引起，满月时出现大潮，每天涨潮两次，这是常识。[citation:1]", ["language"]),
        ("为什么有潮汐？", "The moon pulls the sea twice a day, everywhere on earth.[citation:1]", ["language"]),
        ("为什么有潮汐？", "潮汐由月球引力引起，满月时出现大潮，每天涨潮两次。[citation:1]", []),
        ("为什么有潮汐？", "执行 apt-get update 和 apt-get upgrade 命令即可完成升级。[citation:1]", []),
    ],
)
def test_broken_rules_are_named(question: str, text: str, rules: list[str]) -> None:
    assert [flaw.rule for flaw in flaws_of(Question(question), text, pages=2)] == rules


def test_without_pages_no_citation_is_asked_for() -> None:
    assert flaws_of(Question("Why tides?"), "The moon pulls the sea.", pages=0) == ()


def test_one_page_may_be_cited_over_and_over_when_it_is_the_only_one() -> None:
    text = " ".join(f"Fact {n}[citation:1]." for n in range(5))

    assert flaws_of(Question("Why tides?"), text, pages=1) == ()
