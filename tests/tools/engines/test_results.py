"""What holds for the results of every engine."""

from hypothesis import given
from hypothesis import strategies as st

from tools.engines import tidied, wanted, with_sites
from tools.search import SearchQuery, SearchResult

QUERY = SearchQuery("static address")


def test_titles_are_one_line_and_snippets_bounded() -> None:
    made = tidied([SearchResult("https://a.example/", " a\n\x00b\u202e ", "word " * 400)], QUERY)[0]
    assert "\n" not in made.title
    assert "\x00" not in made.title
    assert len(made.snippet) <= 500


def test_only_addresses_of_the_web_and_of_the_library_come_through() -> None:
    urls = [
        *("javascript:alert(1)", "data:text/html,x", "ftp://a.example/", "http:///x", "", "https://[bad", "/local"),
        *("https://a.example/\nx", "https://a.example/<b>", "https://a.example/ok", "library:guide/ch01.html"),
    ]
    made = tidied([SearchResult(url, "t") for url in urls], QUERY)
    assert [result.url for result in made] == ["https://a.example/ok", "library:guide/ch01.html"]


def test_an_address_comes_once_and_no_more_than_wanted_come() -> None:
    rows = [SearchResult(f"https://a.example/{number // 2}", "t") for number in range(40)]
    assert [result.url[-1] for result in tidied(rows, SearchQuery("x", limit=3))] == ["0", "1", "2"]


def test_a_domain_covers_its_subdomains_and_nothing_else() -> None:
    query = SearchQuery("x", include_domains=("debian.org",), exclude_domains=("lists.debian.org",))
    for url, expected in {
        "https://debian.org/": True,
        "https://www.DEBIAN.org/a": True,
        "https://lists.debian.org/a": False,
        "https://notdebian.org/": False,
        "https://debian.org.evil.example/": False,
        "library://guide/ch01.html": True,
    }.items():
        assert wanted(url, query) is expected, url


def test_domains_become_operators_and_operators_of_the_asker_are_taken_out() -> None:
    query = SearchQuery("!g :de C++ a:b !!x", include_domains=("a.org", "b.org"), exclude_domains=("c.org",))
    assert with_sites(query) == "g de C++ a:b x site:a.org OR site:b.org -site:c.org"


def test_only_dates_of_the_calendar_are_kept() -> None:
    rows = [
        SearchResult(f"https://a.example/{d}", "t", date=d)
        for d in ("2024-02-29T07:00", "2024-02-30", "20240229", "yesterday")
    ]
    assert [result.date for result in tidied(rows, QUERY)] == ["2024-02-29", "", "", ""]


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=700))
def test_no_result_of_any_engine_breaks_what_comes_after(url: str, title: str, snippet: str) -> None:
    for result in tidied([SearchResult(f"https://a.example/{url}", title, snippet)], QUERY):
        for text in (result.url, result.title, result.snippet):
            text.encode("utf-8")
            assert "\n" not in text
