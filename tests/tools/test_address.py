"""The guard's laws, over strings and numbers alone; the whole path is tested by the cases."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.address import AddressPolicy, Verdict, canonical, classify, for_log, parse_target, without_userinfo
from tools.errors import PageRefused

POLICY = AddressPolicy()


def reason_of(url: str, policy: AddressPolicy = POLICY) -> str:
    """The word with which the guard refuses, "" when it does not."""
    try:
        parse_target(url, policy)
    except PageRefused as refused:
        return refused.reason
    return ""


@pytest.mark.parametrize(
    "address",
    [
        *(
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.0.1",
        ),
        *("192.0.0.8", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1"),
        *("192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.1", "224.0.0.1"),
        *("239.1.1.1", "240.0.0.1", "255.255.255.255", "168.63.129.16", "100.100.100.200", "172.16.0.0"),
        *("::", "::1", "::127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "100::1"),
        *("64:ff9b:1::1", "2001::1", "2001:1ff::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "3fff:fff::1"),
        *("4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "1fff::1"),
    ],
)
def test_an_address_outside_the_public_web_is_never_dialled(address: str) -> None:
    assert not POLICY.allows(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
        *("128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0"),
        *("192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "8.8.8.8"),
        *("168.63.129.15", "168.63.129.17", "2000::1", "2001:200::1", "2001:db7::1", "2001:db9::1"),
        *("2001:4860:4860::8888", "2003::1", "2606:4700::1111", "3ffe::1", "3fff:1000::1"),
    ],
)
def test_a_public_address_is_dialled(address: str) -> None:
    assert classify(ipaddress.ip_address(address)) is Verdict.PUBLIC


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_passes_in_an_ipv6_disguise(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    disguises = [number, 0xFFFF << 32 | number, 0xFFFF << 48 | number, 0x64FF9B << 96 | number]
    disguises += [0x2002 << 112 | number << 80, 0x20010000 << 96 | (number ^ 0xFFFFFFFF)]
    assert not any(POLICY.allows(ipaddress.IPv6Address(disguise)) for disguise in disguises)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://pub.test/" + "a" * 8_200, "malformed_url"),
        ("http://pub.test/a b", "malformed_url"),
        ("http://pub.test/\x7f", "malformed_url"),
        ("http://1.1.1.1\\@127.0.0.1/", "malformed_url"),
        ("http://pub.test/\ud800", "malformed_url"),
        ("ftp://pub.test/", "scheme"),
        ("http\u017f://pub.test/", "scheme"),
        ("http:/pub.test/", "scheme"),
        ("//pub.test/", "scheme"),
        ("/etc/passwd", "scheme"),
        ("", "scheme"),
        ("http://user:word@pub.test/", "userinfo"),
        ("http://%31.test/", "host"),
        ("http:///x", "host"),
        ("http://pub..test/", "host"),
        ("http://-a.test/", "host"),
        ("http://xn--/", "host"),
        ("http://xn--a.test/", "host"),
        ("http://redis/", "host"),
        ("http://a.LOCALHOST/", "host"),
        ("http://x.svc.cluster.local./", "host"),
        ("http://1.0.0.127.in-addr.arpa/", "host"),
        ("http://pub.test../", "host"),
        (f"http://{'a.' * 126}test/", "host"),
        (f"http://{'a' * 64}.test/", "host"),
        ("http://\uff11\uff12\uff17.0.0.1/", "host"),
        ("http://\u212aelvin.test/", "host"),
        ("http://pub\u3002test/", "host"),
        ("http://pub\u200btest.test/", "host"),
        ("http://0x7f.1/", "host"),
        ("http://1.2.3.4.5/", "host"),
        ("http://a.0x1/", "host"),
        ("http://8.8.8.8./", "host"),
        ("http://08.8.8.8/", "host"),
        ("http://134744072/", "host"),
        ("http://[2606:4700::1111%251]/", "host"),
        ("http://[::1/", "host"),
        ("http://pub.test:80:81/", "host"),
        ("http://pub.test:-1/", "host"),
        ("http://pub.test:\uff18\uff10/", "host"),
        ("http://pub.test:99999/", "host"),
        ("http://pub.test:080/", "host"),
        ("http://\u06f1\u06f2\u06f7.0.0.1/", "host"),
        ("http://\u0967.test/", "host"),
        ("http://xn--e4b.test/", "host"),
        ("http://pub.test:6379/", "port"),
        ("http://127.0.0.1/", "ip_private"),
        ("http://[::ffff:127.0.0.1]/", "ip_private"),
        ("http://[64:ff9b::1]/", "ip_private"),
    ],
)
def test_a_hostile_url_is_refused_with_its_reason(url: str, reason: str) -> None:
    assert reason_of(url) == reason


@pytest.mark.parametrize(
    ("url", "wire"),
    [
        ("HTTP://Pub.Test", "http://pub.test/"),
        ("https://pub.test.:443/a?b=1#c", "https://pub.test/a?b=1"),
        ("https://pub.test:8443/a?b=/../@x:1", "https://pub.test:8443/a?b=/../@x:1"),
        ("https://例子.test/中?文=“”", "https://xn--fsqu00a.test/%E4%B8%AD?%E6%96%87=%E2%80%9C%E2%80%9D"),
        ("https://r3---sn-a.pub.test/", "https://r3---sn-a.pub.test/"),
        ("https://my_site.pub.test/", "https://my_site.pub.test/"),
        ("http://pub.test/%0d%0aX-A:%201", "http://pub.test/%0d%0aX-A:%201"),
        ("http://8.8.8.8:8080/", "http://8.8.8.8:8080/"),
        ("http://[2606:4700:0:0::1111]/", "http://[2606:4700::1111]/"),
        ("http://3com.test/", "http://3com.test/"),
    ],
)
def test_an_ordinary_url_is_read_in_its_one_spelling(url: str, wire: str) -> None:
    assert parse_target(url, POLICY).url == wire


PRIVATE = "localhost local localdomain internal intranet private corp home lan home.arpa in-addr.arpa onion"


@pytest.mark.parametrize("suffix", PRIVATE.split())
def test_a_name_under_a_private_suffix_is_refused_and_its_look_alike_is_not(suffix: str) -> None:
    assert reason_of(f"http://a.{suffix}/") == "host"
    assert reason_of(f"http://a.not{suffix.replace('.', '')}/") == ""


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "http://pub.test", "http://[", "//"]))
def test_any_string_is_a_target_or_a_refusal(text: str, prefix: str) -> None:
    try:
        target = parse_target(prefix + text, POLICY)
    except PageRefused:
        return
    assert target.url.isascii()
    assert parse_target(target.url, POLICY) == target


def test_a_named_internal_host_may_be_private_and_no_other() -> None:
    policy = AddressPolicy(internal_hosts=frozenset({"wiki", "10.0.0.5:9000"}))
    assert parse_target("http://wiki/a", policy).internal
    assert parse_target("http://10.0.0.5:9000/", policy).internal
    assert reason_of("http://10.0.0.5/", policy) == "ip_private"
    assert reason_of("http://wiki:9000/", policy) == "port"
    assert reason_of("http://wiki2/", policy) == "host"
    assert not parse_target("http://pub.test/", policy).internal


def test_even_an_internal_host_never_reaches_the_metadata_service() -> None:
    policy = AddressPolicy(internal_hosts=frozenset({"169.254.169.254", "wiki"}))
    assert reason_of("http://169.254.169.254/", policy) == "ip_private"
    assert policy.allows(ipaddress.ip_address("10.1.2.3"), internal=True)
    for address in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "0.0.0.0", "::"):
        assert not policy.allows(ipaddress.ip_address(address), internal=True)


def test_a_network_that_the_operator_denies_is_not_dialled() -> None:
    policy = AddressPolicy(denied_networks=(ipaddress.ip_network("151.101.0.0/16"),))
    assert reason_of("http://151.101.1.140/", policy) == "ip_private"
    assert reason_of("http://151.100.1.140/", policy) == ""


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("HTTPS://Pub.Test:443/a/./b/../c#d", "https://pub.test/a/c"),
        ("http://pub.test?", "http://pub.test/"),
        ("http://pub.test./%7eann/%e4%bd%A0/你", "http://pub.test/~ann/%E4%BD%A0/%E4%BD%A0"),
        ("http://pub.test/?utm_source=x&b=2&gclid=3&a=1&fbclid=z", "http://pub.test/?b=2&a=1"),
        ("http://pub.test/?UTM_Medium=x&UTM%5fterm=1", "http://pub.test/"),
        ("http://pub.test/?q=a%2fb&utm=kept", "http://pub.test/?q=a%2Fb&utm=kept"),
        ("http://例子.test:8080/", "http://xn--fsqu00a.test:8080/"),
        ("http://pub.test/a/..", "http://pub.test/"),
        ("http://pub.test/../..//b/", "http://pub.test//b/"),
        ("http://127.0.0.1:80/x", "http://127.0.0.1/x"),
        ("ftp://pub.test/A#b", "ftp://pub.test/A#b"),
        ("file:notes.pdf", "file:notes.pdf"),
    ],
)
def test_spellings_of_one_page_have_one_canonical_form(url: str, same: str) -> None:
    assert canonical(url) == same


@given(st.text(alphabet="abZ./%~?&=#:@é中2fF_-+", max_size=40))
def test_the_canonical_form_is_its_own_canonical_form(tail: str) -> None:
    once = canonical(f"https://pub.test/{tail}")
    assert canonical(once) == once


def test_neither_a_log_nor_an_error_holds_user_names() -> None:
    secret = "https://ann:pw5ecret@pub.test/a?token=secret&b=c#part"
    assert without_userinfo(secret) == "https://pub.test/a?token=secret&b=c#part"
    assert for_log(secret) == "https://pub.test/a?token&b"
    with pytest.raises(PageRefused) as refused:
        parse_target(secret, POLICY)
    assert "pw5ecret" not in str(refused.value)


@given(st.text(max_size=40))
def test_what_a_log_shows_has_no_control_characters(tail: str) -> None:
    assert not any(ord(c) < 0x21 for c in for_log("http://a:b@pub.test/" + tail))


def test_the_c_library_would_have_read_these_as_loopback() -> None:
    """Why numeric hosts are refused and never handed to getaddrinfo."""
    assert socket.inet_aton("0x7f.1") == socket.inet_aton("127.0.0.1")


def test_a_url_has_at_most_8192_characters() -> None:
    longest = "http://pub.test/".ljust(8_192, "a")
    assert reason_of(longest) == ""
    assert reason_of(longest + "a") == "malformed_url"


def test_a_shown_url_has_at_most_2000_characters() -> None:
    assert len(without_userinfo("http://pub.test/" + "a" * 5_000)) == 2_000


def test_a_name_has_at_most_253_characters() -> None:
    longest = ".".join(["a" * 63] * 3 + ["a" * 56, "test"])
    assert len(longest) == 253
    assert reason_of(f"http://{longest}/") == ""
    assert reason_of(f"http://{longest.replace('.test', 'a.test')}/") == "host"


@pytest.mark.parametrize("dot", ["\u3002", "\uff0e", "\uff61"])
def test_a_foreign_full_stop_is_named_as_the_reason(dot: str) -> None:
    with pytest.raises(PageRefused) as refused:
        parse_target(f"http://redis{dot}test/", POLICY)
    assert refused.value.detail == "a full stop that is not a dot"


@pytest.mark.parametrize(
    "inside", ["10.1.2.3", "172.16.0.1", "192.168.0.1", "127.0.0.1", "100.64.0.1", "::1", "fd12::1"]
)
def test_an_internal_host_may_have_any_private_address(inside: str) -> None:
    assert POLICY.allows(ipaddress.ip_address(inside), internal=True)
    assert not POLICY.allows(ipaddress.ip_address(inside))


@pytest.mark.parametrize("host", ["256.1.1.1", "[1::2::3]", "1.2.3", "0x"])
def test_a_number_that_is_no_address_is_named_as_the_reason(host: str) -> None:
    with pytest.raises(PageRefused) as refused:
        parse_target(f"http://{host}/", POLICY)
    assert refused.value.detail in ("a number that is no address", "host and port can be read in two ways")
