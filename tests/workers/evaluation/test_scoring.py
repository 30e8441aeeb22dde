"""What counts as right: folded, without punctuation, at the borders of words."""

import pytest

from workers.evaluation.scoring import contains, correctness, touches


@pytest.mark.parametrize(
    ("answer", "gold", "held"),
    [
        ("It began in 1993. [citation:1]", [["1993"]], True),
        ("There are 170 seats.", [["70"]], False),
        ("共有70个议席", [["70"]], True),
        ("It cost 1,234 dollars", [["1234"]], True),
        ("It grew by 6.4 %", [["6.4%"]], True),
        ("It grew by 16.4 %", [["6.4%"]], False),
        ("The U.S. won", [["the US", "U.S."]], True),
        ("Tadej Pogacar", [["Tadej Pogačar"]], True),
        ("臺灣的首都", [["台湾"]], True),
        ("Ａpple", [["apple"]], True),
        ("Sydney and Melbourne", [["Sydney"], ["Perth"]], False),
        ("Sydney and Perth", [["Sydney"], ["Perth", "珀斯"]], True),
        ("anything", [], False),
        ("", [["x"]], False),
        ("anything", [["。"]], False),
    ],
)
def test_an_answer_holds_the_gold_answer(answer: str, gold: list[list[str]], held: bool) -> None:
    assert contains(answer, gold) is held


def test_a_page_helps_when_it_holds_one_part_of_an_answer() -> None:
    assert touches("In Sydney.", [["Sydney"], ["Perth"]])
    assert not touches("In Brisbane.", [["Sydney"], ["Perth"]])


def test_f1_counts_words_in_english_and_characters_in_chinese() -> None:
    assert correctness("the Ian Murdock", [["Ian Murdock"]]).exact
    assert correctness("by Ian Murdock himself", [["Ian Murdock"]]).f1 == pytest.approx(2 * 2 / (4 + 2))
    assert correctness("北京市", [["北京"]]).f1 == pytest.approx(2 * 2 / (3 + 2))
    assert correctness("nothing of it", [["Ian Murdock"]]).f1 == 0.0


def test_an_answer_of_several_parts_is_compared_with_all_of_them() -> None:
    assert correctness("Sydney Perth", [["Sydney"], ["Perth"]]).exact
    assert not correctness("Sydney", [["Sydney"], ["Perth"]]).contains
