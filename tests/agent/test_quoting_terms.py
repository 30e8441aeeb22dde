"""What is taken from a question before any page is looked at."""

import pytest

from agent.question import Question, Turn
from agent.quoting_terms import Kind, kind_of, sought
from tools.text import words


def first_forms(text: str) -> list[str]:
    return [term.forms[0] for term in sought(Question(text)).terms]


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How do I upgrade?", "how_to"),
        ("如何升级？", "how_to"),
        ("Who founded it?", "who"),
        ("谁创立了它？", "who"),
        ("When was it released?", "when"),
        ("什么时候发布的？", "when"),
        ("How many packages are there?", "how_many"),
        ("有多少软件包？", "how_many"),
        ("How often is it released?", "how_long"),
        ("多久发布一次？", "how_long"),
        ("Why is it slow?", "why"),
        ("What is a kernel?", "definition"),
        ("什么是内核？", "definition"),
        ("static IP address", "other"),
    ],
)
def test_the_kind_of_answer_is_told_from_the_words_that_ask(question: str, kind: Kind) -> None:
    assert kind_of(question) == kind


def test_asking_words_are_no_terms() -> None:
    assert first_forms("How do I configure the static address?") == ["configur", "static", "address"]
    assert first_forms("如何配置静态地址？") == ["配置", "置静", "静态", "态地", "地址"]


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("What is another term for rotors?", ["rotor"]),
        ("What is the name given to a fixed rotor?", ["fix", "rotor"]),
        ("What is another way of referring to stators?", ["stator"]),
        ("According to the manual, what do stators generally hold?", ["manual", "stator", "hold"]),
        ("What does the term stator mean?", ["term", "stator", "mean"]),
    ],
)
def test_what_only_frames_an_english_question_is_no_term(question: str, terms: list[str]) -> None:
    assert first_forms(question) == terms


def test_a_word_that_holds_an_asking_character_stays_whole() -> None:
    assert "请假" in first_forms("请假要提前几天？")
    assert "启用" in first_forms("如何启用服务？")
    assert "对象" in first_forms("什么是对象？")


def test_a_compound_is_one_term_with_its_parts() -> None:
    (term,) = sought(Question("apt-get")).terms
    assert (term.forms[0], term.parts) == ("apt-get", ("apt", "get"))


def test_a_word_is_found_by_its_synonym_in_both_chinese_vocabularies() -> None:
    assert "删除" in sought(Question("卸载")).terms[0].forms
    assert "网络" in sought(Question("網路")).terms[0].forms


def test_names_are_told_from_words() -> None:
    named = {term.forms[0] for term in sought(Question("How do I install Photoshop on Windows 11?")).terms if term.name}
    assert named == {"photoshop", "window", "11"}
    assert sought(Question("How do I upgrade Windows 11?")).numbered == ((1, 2),)


def test_literal_strings_are_kept_as_they_are() -> None:
    assert sought(Question("What does dpkg --configure do to /etc/fstab?")).literals == ("--configure", "/etc/fstab")


def test_only_a_short_question_takes_up_the_one_before_and_at_half_weight() -> None:
    history = (Turn("How do I configure the network?", "So."),)
    short = sought(Question("And on a laptop?", history=history))
    assert [(term.forms[0], term.weight) for term in short.terms if term.forms[0] in ("laptop", "network")] == [
        ("laptop", 1.0),
        ("network", 0.5),
    ]
    long = sought(Question("How do I burn a disk image to an optical medium?", history=history))
    assert "network" not in long.forms


def test_a_long_question_is_searched_by_its_ends() -> None:
    text = "Beginning " + "middle " * 1_000 + "ending"
    assert {"begin", "end"} <= set(first_forms(text))
    assert len(sought(Question("word%d " * 1_000 % tuple(range(1_000)))).terms) < 150


def test_what_is_counted_stands_right_behind_the_asking_words() -> None:
    assert "memori" in sought(Question("How much memory does it need?")).counted
    assert "内存" in sought(Question("安装需要多少内存？")).counted
    assert not sought(Question("What is memory?")).counted


def test_neighbouring_words_may_be_written_as_one() -> None:
    first, second = sought(Question("How do I add a user?")).terms
    assert set(first.joined) & set(second.joined) & set(words("adduser"))
    assert set(first.joined) <= sought(Question("How do I add a user?")).forms


def test_generic_words_count_in_full_when_the_question_holds_no_others() -> None:
    weights = {term.forms[0]: term.weight for term in sought(Question("How do I add a user in Debian?")).terms}
    assert weights["add"] == weights["user"] > 0.8
    assert {term.weight for term in sought(Question("How do I add a printer user?")).terms} == {1.0, 0.35}
