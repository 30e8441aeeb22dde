"""The request as each kind of server reads it."""

from dataclasses import replace

from agent.profile import Profile, Quirks
from agent.prompt import Message, Prompt
from agent.question import Question
from agent.request import request_body


def test_a_tenant_is_named_to_a_server_that_keeps_caches_apart_and_only_by_its_hash() -> None:
    asked = Prompt(Question("q?", tenant="alice"), (Message("user", "q?"),))
    salted = Profile("p", "P", quirks=Quirks(cache_salt=True))
    other = replace(asked, question=Question("q?", tenant="bob"))

    salt = str(request_body(asked, "m", salted)["cache_salt"])
    assert salt == request_body(asked, "m", salted)["cache_salt"] != request_body(other, "m", salted)["cache_salt"]
    assert "alice" not in salt
    assert "cache_salt" not in request_body(asked, "m")
    assert "cache_salt" not in request_body(replace(asked, question=Question("q?")), "m", salted)
