"""What the errors of model servers mean, in the words of each server."""

from email.utils import formatdate
from time import time

import pytest

from agent.refusals import error_in_stream, refused, retry_after

SGLANG = "The input (170004 tokens) is longer than the model's context length (163840 tokens)."
SGLANG_TOTAL = (
    "Requested token count exceeds the model's maximum context length of 163840 tokens. You requested a total of "
    "200008 tokens: 8 tokens from the input messages and 200000 tokens for the completion."
)
SGLANG_POOL = (
    "Input length (70004 tokens) exceeds the maximum allowed length (65530 tokens). Use a shorter input or enable "
    "--allow-auto-truncate."
)
VLLM = (
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4500 in the messages, 500 "
    "in the completion). Please reduce the length of the messages or completion."
)
VLLM_PROMPT = (
    "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that `max_model_len` "
    "is no smaller than the number of text tokens."
)
OPENAI = (
    "{'message': \"This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens. "
    "Please reduce the length of the messages.\", 'code': 'context_length_exceeded'}"
)
LLAMA = (
    "{'code': 400, 'message': 'the request exceeds the available context size, try increasing it', "
    "'type': 'exceed_context_size_error', 'n_prompt_tokens': 5000, 'n_ctx': 4096}"
)
LLAMA_NUMBERS = "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it"


@pytest.mark.parametrize("words", [SGLANG, SGLANG_TOTAL, SGLANG_POOL, VLLM, VLLM_PROMPT, OPENAI, LLAMA, LLAMA_NUMBERS])
def test_a_prompt_that_is_too_long_is_known_by_each_servers_words(words: str) -> None:
    assert refused(400, words, "the server").reason == "context_overflow"


@pytest.mark.parametrize(
    "words",
    [
        "max_tokens must be at least 1, got -1.",
        "Tool 'x' not found in tools list.",
        "Assistant tool call function.arguments must be valid JSON.",
        "Out of memory even after retracting all other requests in the decode batch.",
        "/usr/lib/python3/serving.py: field required",
    ],
)
def test_other_errors_are_not_taken_for_an_overflow(words: str) -> None:
    assert refused(400, words, "the server").reason == "http_400"
    assert refused(500, words, "the server").reason == "http_500"


@pytest.mark.parametrize(
    ("words", "numbers"), [(SGLANG, "170004, 163840"), (VLLM, "4096, 5000"), (LLAMA_NUMBERS, "5000, 4096")]
)
def test_an_overflow_repeats_the_servers_numbers_and_nothing_else(words: str, numbers: str) -> None:
    assert f"(tokens: {numbers})" in str(refused(400, words, "the server"))


def test_an_error_object_in_a_stream_means_what_its_code_says() -> None:
    assert error_in_stream({"message": "The request queue is full.", "code": 503}, "it").reason == "http_503"
    assert error_in_stream({"message": SGLANG_POOL, "code": "400"}, "it").reason == "context_overflow"
    assert error_in_stream("broke", "it").reason == "server_error"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "soon"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "inf"}, 0.0),
        ({"retry-after": "nan"}, 0.0),
        ({"retry-after": formatdate(0, usegmt=True)}, 0.0),
    ],
)
def test_retry_after_is_a_number_of_seconds_whatever_a_server_writes(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers) == seconds
    assert refused(503, "", "it", headers).retry_after == seconds


def test_retry_after_may_be_a_date() -> None:
    assert 20 < retry_after({"retry-after": formatdate(time() + 30, usegmt=True)}) <= 30
