"""Markdown keeps what a document says, in its order, and nothing of how one leafs through it."""

from lxml.html import fragment_fromstring

from tools.extraction import Source, extract_page
from tools.markdown import to_markdown

DOCBOOK = """<?xml version="1.0" encoding="UTF-8"?>
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>第 5 章 网络设置</title>
<link rel="home" href="index.html" title="Debian 参考手册"/></head><body>
<div class="navheader"><table><tr><th>第 5 章</th></tr><tr><td><a href="x">上一页</a></td></tr></table></div>
<div class="chapter"><div class="titlepage"><h1 class="title"><a id="net"/>第 5 章 网络设置</h1></div>
<div class="toc"><p><strong>目录</strong></p><dl><dt><a href="#a">5.1. 地址</a></dt></dl></div>
<div class="note"><table summary="Note"><tr><td rowspan="2"><img alt="[注意]"/></td><th>注意</th></tr>
<tr><td><p>先备份。</p></td></tr></table></div>
<div class="section"><h2 class="title">5.1. 地址</h2><p>编辑 <code class="filename">/etc/network/interfaces</code>
文件<sup class="footnote">[3]</sup>，设置<span class="emphasis"><em>静态</em></span>
地址。</p>
<pre class="screen">auto eth0
iface eth0 inet <em>static</em></pre>
<div class="table"><p class="title"><strong>表 5.1. 地址类别</strong></p>
<table><tr><th>类别</th><th>网络</th></tr><tr><td rowspan="2">A</td><td>10.0.0.0</td></tr>
<tr><td>a|b</td></tr></table></div>
<dl><dt><span class="term">noshell</span></dt><dd><p>没有 shell。</p></dd></dl>
<ol start="3"><li><p>一</p><p>二</p></li><li><p>三</p><pre>code</pre></li></ol></div></div>
<div class="navfooter"><a href="y">下一页</a></div></body></html>"""

EXPECTED = """# 第 5 章 网络设置

**注意**

先备份。

## 5.1. 地址

编辑 `/etc/network/interfaces` 文件，设置静态地址。

```
auto eth0
iface eth0 inet static
```

**表 5.1. 地址类别**

| 类别 | 网络 |
| --- | --- |
| A | 10.0.0.0 |
| A | a\\|b |

**noshell**
没有 shell。

3. 一

   二

4. 三

   ```
   code
   ```"""


def markdown(markup: str) -> str:
    return to_markdown(fragment_fromstring(markup, create_parent="div"))


def test_a_manual_keeps_headings_notes_code_tables_terms_and_lists_in_order() -> None:
    made = extract_page(DOCBOOK.encode(), Source("file:ch05.html", name="ch05.html"))
    assert made.text == EXPECTED
    assert (made.title, made.site) == ("第 5 章 网络设置", "Debian 参考手册")


def test_loose_text_between_blocks_is_kept_in_its_place() -> None:
    assert markdown("one <p>two</p> three <div>four</div> five") == "one\n\ntwo\n\nthree\n\nfour\n\nfive"


def test_lists_within_lists_are_indented() -> None:
    assert markdown("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>") == "- a\n\n  - b\n\n- c"


def test_a_span_around_blocks_is_no_phrase() -> None:
    assert markdown("<span><p>one</p><pre>two</pre></span>") == "one\n\n```\ntwo\n```"


def test_a_line_break_ends_a_line_and_two_end_a_paragraph() -> None:
    assert markdown("<p>a<br>b<br><br>c</p>") == "a\nb\n\nc"


def test_a_table_that_only_places_things_is_no_table() -> None:
    assert markdown("<table><tr><td><p>a</p><p>b</p></td></tr></table>") == "a\n\nb"
    assert markdown('<table role="presentation"><tr><td>a</td><td>b</td></tr></table>') == "a\n\nb"


def test_a_power_is_not_a_number() -> None:
    assert markdown("<p>2<sup>64</sup> addresses, as said<sup>1</sup></p>") == "2^64 addresses, as said1"


def test_a_fence_within_code_is_fenced_by_more_ticks() -> None:
    assert markdown("<pre>```\nx\n```</pre>") == "````\n```\nx\n```\n````"


def test_markup_nested_beyond_reason_loses_no_text() -> None:
    for tag in ("div", "span", "blockquote", "li"):
        assert "deep" in markdown(f"<{tag}>" * 200 + "deep" + f"</{tag}>" * 200)
