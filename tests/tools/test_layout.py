"""Pages whose markup is not what it looks like."""

from lxml.html import document_fromstring

from tools.extraction import Source, extract_page
from tools.layout import drop_popular, gather
from tools.page import Webpage

SENTENCE = "本市气象台今天发布消息，未来三天将有中到大雨，请市民减少外出，注意交通安全。"
PARAGRAPHS = "".join(f"<p>第{n}段：{SENTENCE * 3}</p>" for n in range(6))


def read(body: str) -> Webpage:
    page = f"<!doctype html><html><head><meta charset='utf-8'><title>题目</title></head>{body}"
    return extract_page(page.encode(), Source("https://www.example.org/a/1"))


def test_what_follows_an_early_end_of_the_body_is_read() -> None:
    made = read(f"<body><div>首页 | 登录</div></body><div class='content'><h1>题目</h1>{PARAGRAPHS}</div></html>")
    assert all(f"第{n}段" in made.text for n in range(6))
    made = read(
        f"<body><div>首页 | 登录</div></html><div class='content'><h1>题目</h1>{PARAGRAPHS}</div></body></html>"
    )
    assert all(f"第{n}段" in made.text for n in range(6))
    tree = document_fromstring("<html><body><p>one</p></body></html>")
    gather(tree)
    assert [child.tag for child in tree] == ["body"]


def test_what_others_read_is_not_the_text_of_a_page() -> None:
    popular = "<div class='most-read'><h2>热门推荐</h2><h4>别的消息</h4><p>二十四万人读过</p></div>"
    made = read(f"<body><div class='box'><h2>题目</h2>{PARAGRAPHS}{popular}</div></body>")
    assert "第5段" in made.text
    assert "二十四万人" not in made.text


def test_a_page_of_popular_pages_stays() -> None:
    tree = document_fromstring(f"<body><h1>x</h1><div class='most-read'>{PARAGRAPHS * 3}</div></body>")
    drop_popular(tree)
    assert "第5段" in tree.text_content()
