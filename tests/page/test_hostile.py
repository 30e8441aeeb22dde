"""Nothing that a model or a page writes runs, loads, or leads anywhere but to a source."""

import json
import os

import pytest
from playwright.async_api import Browser

from tests.page.browsing import Stage, tab
from tests.page.hostile import EVIL, TEXTS, hostile_scripts
from tests.page.mixtures import mixtures
from tests.page.scripted import TAI

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser"), pytest.mark.timeout(600)]

SAFE = """(root, sources) => {
  const FORMULA = /^(span|svg|path|line|math|semantics|annotation|m[a-z]+)$/i;
  const OURS = /(^| )(chip|main|notice|badge|hidden|button|turn|answer|block|problem|card)( |$)/;
  const tags = new Set(['DIV','P','BR','HR','H3','H4','H5','H6','UL','OL','LI','STRONG','EM','DEL','CODE','PRE',
    'BLOCKQUOTE','TABLE','THEAD','TBODY','TR','TH','TD','A','SPAN','BUTTON']);
  const names = new Set(['href','start','class','title','target','rel','tabindex','data-set','type','aria-label',
    'aria-expanded','aria-controls']);
  const wrong = [];
  for (const node of root.querySelectorAll('.katex *')) {
    if (!FORMULA.test(node.tagName)) wrong.push(`formula ${node.tagName}`);
    for (const { name, value } of node.attributes) {
      if (/^(on|href|src|id|data-|xlink|target|form)/i.test(name)) wrong.push(`formula ${name}`);
      if (name === 'style' && /position:\\s*fixed|url|z-index/i.test(value)) wrong.push(`formula ${value}`);
      if (name === 'class' && OURS.test(value)) wrong.push(`formula class ${value}`);
    }
  }
  for (const node of root.querySelectorAll('*')) {
    if (node.closest('.katex')) continue;
    if (!tags.has(node.tagName)) wrong.push(node.tagName);
    for (const { name } of node.attributes) if (!names.has(name)) wrong.push(`${node.tagName} ${name}`);
    if (node.tagName === 'A' && !sources.includes(node.getAttribute('href'))) wrong.push(node.outerHTML);
    if (node.tagName === 'BUTTON' && !/^chip /.test(node.className)) wrong.push(node.outerHTML);
  }
  return wrong;
}"""
EVERY_PREFIX = f"""async ([texts, url]) => {{
  const {{ Answer }} = await import('./page/blocks.js');
  const {{ wanted }} = await import('./page/formulae.js');
  const formula = document.createElement('div');
  formula.append(Object.assign(document.createElement('span'), {{ className: 'math' }}));
  if (!await wanted(formula)) throw new Error('no KaTeX');
  const safe = {SAFE};
  const wrong = [];
  let drawn = 0;
  for (const text of texts) {{
    const place = document.createElement('div'); // formulae below the fold of a page would wait
    const chip = () => Object.assign(document.createElement('button'), {{ className: 'chip waiting' }});
    const answer = new Answer(place, chip);
    answer.sources.set(1, {{ url, title: 'Mount Tai' }});
    for (let end = 1; end <= text.length; end += 1, drawn += 1) {{
      answer.update(text.slice(0, end));
      for (const one of safe(place, [url])) wrong.push([text.slice(0, end), one]);
    }}
    answer.update(text, true);
    for (const one of safe(place, [url])) wrong.push([text, one]);
    place.remove();
  }}
  return [drawn, wrong];
}}"""
MIXED = f"""async ([texts, url]) => {{
  const {{ Answer }} = await import('./page/blocks.js');
  const {{ wanted }} = await import('./page/formulae.js');
  const formula = document.createElement('div');
  formula.append(Object.assign(document.createElement('span'), {{ className: 'math', textContent: 'x' }}));
  await wanted(formula);
  const safe = {SAFE};
  const stage = document.createElement('div');
  stage.className = 'answer';
  document.getElementById('turns').append(stage);
  const controls = [...document.querySelectorAll('.top button, #question, #send')].filter((node) => !node.hidden);
  const middle = (node) => {{
    const box = node.getBoundingClientRect();
    return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  }};
  const wrong = [];
  let slowest = 0;
  for (const text of texts) {{
    const place = document.createElement('div');
    const chip = () => Object.assign(document.createElement('button'), {{ className: 'chip waiting' }});
    const answer = new Answer(place, chip);
    answer.sources.set(1, {{ url, title: 'Mount Tai' }});
    const began = performance.now();
    for (const part of [0.2, 0.5, 0.9]) answer.update(text.slice(0, Math.floor(part * text.length)));
    answer.update(text, true);
    slowest = Math.max(slowest, performance.now() - began);
    stage.replaceChildren(place);
    scrollTo(0, 0);
    for (const one of safe(place, [url])) wrong.push([text, one]);
    for (const node of controls) if (!node.contains(middle(node))) wrong.push([text, `over ${{node.id}}`]);
    if (document.documentElement.scrollWidth > innerWidth) wrong.push([text, 'wider than the page']);
  }}
  stage.remove();
  return [texts.length, wrong, slowest];
}}"""
# As a person would, but without the pauses: type, send, wait for the proof, open the first two chips.
ASK_ALL = """async (questions) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  let answered = 0;
  for (const question of questions) {
    if (answered % 20 === 0) document.getElementById('new').click();
    document.getElementById('question').value = question;
    document.getElementById('ask').requestSubmit();
    const until = performance.now() + 10_000;
    while (document.querySelectorAll('.turn .proof').length < answered % 20 + 1) {
      if (performance.now() > until) throw new Error(question);
      await frame();
    }
    for (const chip of [...document.querySelectorAll('.turn:last-child .chip')].slice(0, 2)) chip.click();
    while (!document.getElementById('stop').hidden) await frame();
    answered += 1;
  }
  return answered;
}"""


async def test_a_hundred_hostile_answers_run_nothing_and_ask_no_other_host(browser: Browser, stage: Stage) -> None:
    scripts = hostile_scripts()
    stage.scripts = {f"hostile {number}": script for number, script in enumerate(scripts)}
    async with tab(browser, stage.url) as walk:
        dialogs: list[str] = []
        walk.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        assert await walk.page.evaluate(ASK_ALL, list(stage.scripts)) == len(scripts)
        links = await walk.page.evaluate("[...document.querySelectorAll('.turn a, #card a')].map(a => a.href)")
        assert await walk.page.evaluate("window.pwned") is None
        assert walk.page.url.startswith(stage.url)
    assert len(scripts) == 100
    assert dialogs == []
    assert walk.abroad(stage.url) == []
    assert walk.complaints == []
    assert [link for link in links if link.startswith((EVIL, "javascript:", "data:"))] == []


async def test_every_prefix_of_a_hostile_answer_is_shown_safely(browser: Browser, stage: Stage) -> None:
    async with tab(browser, stage.url) as walk:
        drawn, wrong = await walk.page.evaluate(EVERY_PREFIX, [TEXTS, TAI.url])
        assert await walk.page.evaluate("window.pwned") is None
    assert drawn == sum(len(text.encode("utf-16-le")) // 2 for text in TEXTS)
    assert wrong == [], json.dumps(wrong[:3])
    assert walk.abroad(stage.url) == []
    assert walk.complaints == []


async def test_mixtures_of_all_that_is_hostile_are_shown_safely_and_cover_nothing(
    browser: Browser, stage: Stage
) -> None:
    count, seed = int(os.environ.get("KAOZHENG_PAGE_MIXTURES", "400")), int(os.environ.get("KAOZHENG_PAGE_SEED", "1"))
    texts = list(mixtures(count, seed))
    drawn = 0
    async with tab(browser, stage.url) as walk:
        for at in range(0, count, 200):
            some, wrong, slowest = await walk.page.evaluate(MIXED, [texts[at : at + 200], TAI.url])
            assert wrong == [], json.dumps(wrong[:3], ensure_ascii=False)
            drawn += some
            if count > 1_000:
                print(f"{drawn} mixtures of seed {seed}, the slowest {slowest:.0f} ms")
        assert await walk.page.evaluate("window.pwned") is None
        assert walk.page.url.startswith(stage.url)
    assert drawn == count
    assert walk.abroad(stage.url) == []
    assert walk.complaints == []


DEEP = ("> " * 10_000 + "end", "- " * 5_000 + "end", "$" * 20_000, "a $$$$$ b", "cost $$5")
WORDS = """async (texts) => {
  const { Answer } = await import('./page/blocks.js');
  return texts.map((text) => {
    const answer = new Answer(document.createElement('div'), () => document.createElement('button'));
    answer.update(text, true);
    return answer.place.textContent.replace(/\\s*$/, '').slice(-12);
  });
}"""


async def test_what_is_nested_too_deep_stands_there_in_plain_words(browser: Browser, stage: Stage) -> None:
    async with tab(browser, stage.url) as walk:
        ends = await walk.page.evaluate(WORDS, list(DEEP))
    assert ends == ["> > > > end"[-12:].rjust(12), "- - - - end".rjust(12), "$" * 12, "a $$$$$ b", "cost $$5"]
