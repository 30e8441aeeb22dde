"""What a refusal says: the user reads these words in the list of sources that could not be read."""

import pytest

from tools.address import AddressPolicy, canonical, for_log, parse_target, without_userinfo
from tools.errors import PageRefused

SAID = {
    "http://a.example/" + "x" * 8_200: ("malformed_url", "longer than 8192 characters"),
    "http://a.example/a b": ("malformed_url", "a space, control character or backslash in the address"),
    "ftp://a.example/": ("scheme", "only http:// and https:// addresses are read"),
    "http://u:p@a.example/": ("userinfo", "an address with a user name or password is not read"),
    "http://a.example:99999999/": ("host", "no well-formed host and port"),
    "http://[::1/": ("host", "no well-formed host and port"),
    "http://a.example:22/": ("port", "port 22 is not one of the web's"),
    "http://a.example:70000/": ("host", "host and port can be read in two ways"),
    "http://127.0.0.1/": ("ip_private", "the address is not a public one"),
    "http://127.0.0.1./": ("host", "an address written in an unusual way"),
    "http://1.2.3.999/": ("host", "a number that is no address"),
    "http://[1:2]/": ("host", "host and port can be read in two ways"),
    "http://a。example/": ("host", "a full stop that is not a dot"),
    "http://ａ.example/": ("host", "characters that stand for others"),
    "http://" + ".".join(["a" * 60] * 5) + ".example/": ("host", "a name of more than 253 characters"),
    "http://-a.example/": ("host", "a label that no host name may have"),
    "http://printer/": ("host", "a name without a dot is not on the public web"),
    "http://printer.local/": ("host", "a name that is not on the public web"),
}


@pytest.mark.parametrize("url", SAID, ids=lambda url: ascii(url)[:60])
def test_a_refusal_says_in_words_what_is_wrong(url: str) -> None:
    reason, detail = SAID[url]
    with pytest.raises(PageRefused) as refused:
        parse_target(url, AddressPolicy())

    assert (refused.value.reason, refused.value.detail) == (reason, detail)
    assert refused.value.subject == without_userinfo(url)


def test_a_target_keeps_the_literal_that_was_checked() -> None:
    assert str(parse_target("http://8.8.8.8/", AddressPolicy()).literal) == "8.8.8.8"
    assert str(parse_target("http://[2606:4700::ABCD]/", AddressPolicy()).literal) == "2606:4700::abcd"
    assert parse_target("http://a.example/", AddressPolicy()).literal is None


def test_what_is_shown_hides_controls_and_passwords() -> None:
    assert without_userinfo("HTTPS://u:p@a.example/\x1bx") == "HTTPS://a.example/\ufffdx"


def test_a_log_holds_neither_values_nor_fragments() -> None:
    assert for_log("http://a.example/?q=1=2&r=?3#a#b?c") == "http://a.example/?q&r"
    assert for_log("http://a.example/x#y") == "http://a.example/x"
    assert for_log("http://a.example/x") == "http://a.example/x"


def test_one_spelling_for_paths_escapes_and_empty_parameters() -> None:
    assert canonical("http://a.example/%41%7a%5B%5d/b/..") == "http://a.example/Az%5B%5D/"
    assert canonical("http://a.example/a/.") == "http://a.example/a/"
    assert canonical("http://a.example/?utm_source=&a=&=b&c") == "http://a.example/?a=&=b&c"
    assert canonical("http://printer:8080/") == "http://printer:8080/"
