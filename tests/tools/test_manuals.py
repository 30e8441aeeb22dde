"""Manuals of known makes are read from the element that holds their text, without what leads through them."""

import pytest

from tools.extraction import Source, extract_page

TEXT = "<h1>Networks<a class='headerlink' href='#n'>¶</a></h1><p>Edit the <code>interfaces</code> file.</p>"
AROUND = "<p>Sponsored by nobody.</p>"
MAKES = {
    "Sphinx": f"<div class='related'>next</div>{AROUND}<div class='documentwrapper'><div class='bodywrapper'>"
    f"<div class='body' role='main'>{TEXT}</div></div></div><div class='sphinxsidebar'>Contents</div>",
    "Read the Docs": f"{AROUND}<div class='rst-content'><div role='main' class='document'>"
    f"<div itemprop='articleBody'>{TEXT}</div></div></div>",
    "MkDocs": f"{AROUND}<article class='md-content__inner md-typeset'><nav>up</nav>{TEXT}</article>",
    "Docusaurus": f"{AROUND}<div class='theme-doc-markdown markdown'>{TEXT}</div>",
    "LibreOffice": f"{AROUND}<div id='DisplayArea' itemprop='softwareHelp'>{TEXT}"
    "<div class='relatedtopics'>See also</div></div>",
    "Doxygen": f"{AROUND}<div class='header'><div class='headertitle'></div></div><div class='contents'>{TEXT}</div>",
    "rustdoc": f"{AROUND}<section id='main-content' class='content'>{TEXT}</section>",
    "DocBook": f"{AROUND}<div class='sect1'><div class='titlepage'></div><div class='toc'>1. Net</div>{TEXT}</div>",
    "man page": f"<div class='nav-panel'>Up</div>{TEXT}",
}


@pytest.mark.parametrize("make", MAKES)
def test_a_manual_is_read_from_where_its_text_is(make: str) -> None:
    head = "<meta name='Generator' content='GNU texi2any 7.0'>" if make == "man page" else ""
    opening = "<body class='rustdoc mod'>" if make == "rustdoc" else "<body>"
    page = f"<!doctype html><html><head>{head}<title>T</title></head>{opening}{MAKES[make]}</body></html>"
    made = extract_page(page.encode(), Source("https://docs.example.org/net.html", "text/html"))
    assert made.text == "# Networks\n\nEdit the `interfaces` file."
    assert made.title == "Networks"


def test_a_page_of_nothing_but_a_table_of_contents_keeps_its_heading() -> None:
    page = "<div class='chapter'><div class='titlepage'><h1>Chapter 5</h1></div><div class='toc'>5.1. A</div></div>"
    assert extract_page(page.encode(), Source("file:a.html", name="a.html")).text == "# Chapter 5"


def test_a_class_called_section_does_not_make_a_manual() -> None:
    sentence = "The service keeps its address after a restart, because the file names it. "
    page = f"<div class='section'>Ad</div><article><h1>News</h1><p>{sentence * 8}</p></article>"
    made = extract_page(page.encode(), Source("https://a.example/", "text/html"))
    assert sentence.strip() in made.text


def test_the_first_part_that_a_site_calls_an_article_s_body_is_not_a_manual() -> None:
    sentence = "The service keeps its address after a restart, because the file names it. "
    teaser = "<div class='card' itemprop='articleBody'>What inspires someone?</div>"
    page = f"<main role='main'><article><h1>News</h1><p>{sentence * 8}</p></article>{teaser}</main>"
    made = extract_page(f"<!doctype html><title>t</title>{page}".encode(), Source("https://a.example/b", "text/html"))
    assert sentence.strip() in made.text
