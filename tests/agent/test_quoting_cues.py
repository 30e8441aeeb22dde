"""Which wordings of a sentence speak for it, all else being the same."""

import pytest

from agent.question import Question
from agent.quoting_cues import cue, wholeness
from agent.quoting_terms import sought
from tools.text import words


def worth(question: str, sentence: str) -> float:
    asked = sought(Question(question))
    return cue(sentence, asked.forms & set(words(sentence)), asked)


@pytest.mark.parametrize(
    ("question", "better", "worse"),
    [
        ("What is a backport?", "Backports are newer packages.", "Note that a backport can quickly become complex."),
        ("What is LVM?", "LVM, the Logical Volume Manager, is one way.", "While LVM and RAID are two subsystems."),
        ("什么是 Debian？", "Debian 是一个发行版。", "Debian 的维护者众多。"),
        ("What is a backport?", "This is called “backporting”, a backport.", "Some want a backport."),
        ("How much memory is needed?", "It needs 780 MB of memory.", "Section 6.3.1 is about memory."),
        ("安装需要多少内存？", "至少有 780MB 的内存来安装。", "请看第 6.3.1.1 节的内存。"),
        (
            "How many packages are there?",
            "There are 30000 packages.",
            "The packages stand at a place or at another and far away, on 2 sides.",
        ),
        ("Who founded Debian?", "Ian Murdock is the founder of Debian.", "The Debian Installer founded a new way."),
        ("Debian 是谁创建的？", "伊恩·默多克是 Debian 的创建者。", "创建 Debian 的软件包并不难。"),
        ("Why is it slow?", "It is slow because it waits.", "It is slow."),
    ],
)
def test_a_sentence_with_the_marks_of_the_kind_of_answer_is_worth_more(question: str, better: str, worse: str) -> None:
    assert worth(question, better) > 1.15 * worth(question, worse)


def test_a_quantity_counts_most_next_to_what_is_counted() -> None:
    question = "How much memory is needed?"
    far = "It needs memory, and while much could be said of that, its disk has 20 GB."
    assert worth(question, "It has 2 GB of memory.") > worth(question, far) > worth(question, "It needs memory.")


def test_the_parts_of_a_section_number_are_no_quantity() -> None:
    assert worth("How much memory is needed?", "Memory is in Section 6.3.1.") == 1.0


@pytest.mark.parametrize(
    "sentence",
    [
        "See Section 5.4.3, “Querying the database of packages”.",
        "Please refer to the release notes of the next release.",
        "For more information on the disk space, see Appendix D of this guide.",
        "还请参见 第 6.3.1.1 节 “检测可用内存/小内存模式”。",
        "参见第 5 节。关于升级的说明都在那里。",
    ],
)
def test_a_sentence_that_only_points_elsewhere_is_worth_little(sentence: str) -> None:
    assert wholeness(sentence, "sentence", chinese=not sentence.isascii() and "第" in sentence) <= 0.3


@pytest.mark.parametrize(
    "sentence",
    [
        "The package (see Section 5.4.3) is installed with the package manager.",
        "You will see a menu with two entries.",
        "升级系统之前应当备份全部重要的数据（参见 第 4.1 节 “准备”），然后修改软件源，再运行升级命令；"
        "升级需要大约一个小时，期间不要关闭电源，也不要断开网络，以免出错，最后重新启动系统。",
    ],
)
def test_a_sentence_that_answers_and_points_elsewhere_besides_is_whole(sentence: str) -> None:
    assert wholeness(sentence, "sentence", chinese="升" in sentence) == 1.0
